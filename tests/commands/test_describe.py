"""``./study describe`` tells all about a workload."""

from pathlib import Path

import pandas as pd
import pytest

from tests.commands.calls import call
from tests.workloads.small import SMALL
from vmmodel.commands.describe import bars
from vmmodel.experiment.scenario import SCENARIOS
from vmmodel.paths import DATA

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("name", ["boot", "hosts"])
def test_describe(name: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Story, limits, parameters with sources; and the load of a workload that has one."""
    monkeypatch.setenv("COLUMNS", "200")

    assert 0 == call("describe", name)

    shown = " ".join(capsys.readouterr().out.split())
    scenario = SCENARIOS[name]
    assert scenario.story in shown
    for parameter, told in scenario.parameters.described().items():
        assert parameter in shown
        assert f"{told['low']:g} to {told['high']:g}" in shown
    drawn = ("rc-scripts", "anonymous MiB", "▁", "page requests")
    assert all(word in shown for word in drawn) == (name == "boot")


def test_own_file_with_a_picture(tmp_path: Path, capsys: Capture) -> None:
    """A user's own file is described like ours; the picture serves light and dark pages."""
    own, picture = tmp_path / "mine.toml", tmp_path / "mine.svg"
    text = (DATA / "workloads" / "boot.toml").read_text()
    own.write_text(text.replace('name = "boot"', 'name = "mine"', 1))

    assert 0 == call("describe", str(own), "--set", "cpus=2", "--out", str(picture))

    assert "2 CPUs" in capsys.readouterr().out
    svg = picture.read_text()
    assert svg.startswith("<svg ")
    assert "prefers-color-scheme: dark" in svg
    assert ["mine.svg", "mine.toml"] == sorted(path.name for path in tmp_path.iterdir())


def test_own_file_is_run(tmp_path: Path) -> None:
    """A user's own file is run like ours: phases are events, their ends samples."""
    own, out = tmp_path / "mine.toml", tmp_path / "out"
    own.write_bytes((DATA / "workloads" / "boot.toml").read_bytes())
    sets = [word for value in SMALL["boot"].split() for word in ("--set", value)]

    assert 0 == call("run", str(own), *sets, "--design", "freeable", "--check", "--out", str(out))

    events = pd.read_parquet(out / "events.parquet")
    samples = pd.read_parquet(out / "samples.parquet")
    assert ["phase kernel", "phase rc-scripts", "phase settle", "phase idle"] == list(events.kind)
    assert set(events.time_ns) <= set(samples.time_ns)
    assert str(tmp_path) not in (out / "meta.json").read_text().replace(str(out), "")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("server-spik",), "did you mean server-spike"),
        (("nothing.toml",), "cannot be read"),
        (("boot", "--set", "cpu=2"), "did you mean cpus"),
        (("boot", "--out", "/nonexistent/x.svg"), "cannot be written"),
    ],
)
def test_mistakes(words: tuple[str, ...], expected: str, capsys: Capture) -> None:
    """A mistake is one sentence and exit 2."""
    assert 2 == call("describe", *words)

    assert expected in capsys.readouterr().err


def test_bars_reach_from_nothing_to_the_greatest() -> None:
    """A block is as high as its share of the greatest value; nothing is blank."""
    assert "    " == bars([0, 0, 0, -1])
    assert " ▁▁█" == bars([0, 0.001, 1, 8])
