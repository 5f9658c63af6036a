"""``./study describe`` tells all about a workload."""

from pathlib import Path

import pandas as pd
import pytest

from tests.commands.calls import call, refusal
from tests.sim.tiny import SMALL as BURSTS
from tests.sim.tiny import small_script
from tests.workloads.small import SMALL
from vmmodel.commands.describe import bars
from vmmodel.experiment.scenario import WORKLOADS
from vmmodel.paths import DATA
from vmmodel.sim.run import Machine

Capture = pytest.CaptureFixture[str]
Monkeypatch = pytest.MonkeyPatch


DRAWN = {
    "boot": ("rc-scripts", "anonymous MiB", "page requests", "4 CPUs"),
    "hosts": ("Machine M2: 8 GB, 4 CPUs", "kernel MiB", "NOFREE pages", "NOFREE requests"),
    "syzkaller": ("KASAN kernel", "squeezes", "failures drawn", "Length: 20 s"),
    "misuse": ("wrong frees", "NOFREE zones none"),
    "replay": ("It has no parameters", "0.25 GB, 2 CPUs, KASAN", "squeezes"),
    "llfree-frag": ("Load by round", "at most MiB", "pages moved"),
    "lock-bulk": ("Load by hold", "held MiB", "freed"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_describe(name: str, capsys: Capture, monkeypatch: Monkeypatch) -> None:
    """Story, limits, parameters with sources, and the load, whatever the model."""
    monkeypatch.setenv("COLUMNS", "200")

    assert 0 == call("describe", name)

    shown = " ".join(capsys.readouterr().out.split())
    assert WORKLOADS[name].description.story in shown
    for parameter, told in WORKLOADS[name].described().items():
        assert parameter in shown
        assert f"{told['low']:g} to {told['high']:g}" in shown
    assert [] == [word for word in (*DRAWN[name], "█") if word not in shown]


def test_all_of_the_table_is_described() -> None:
    """Every workload of the design has a file, told under its name."""
    names = "boot desktop buildworld server-spike fileserver hosts syzkaller swap-storm "
    names += "second-resource init-failure misuse llfree-frag lock-bulk replay"

    assert set(names.split()) == set(WORKLOADS)
    assert all(name == each.description.name for name, each in WORKLOADS.items())


@pytest.mark.parametrize("name", ["second-resource", "llfree-frag"])
def test_picture_of_every_model(name: str, tmp_path: Path, capsys: Capture) -> None:
    """The picture has the panels that the model has columns for."""
    assert 0 == call("describe", name, "--out", str(tmp_path / "p.svg"))

    svg = (tmp_path / "p.svg").read_text()
    assert ("NOFREE pages needed" in svg) == (name == "second-resource")
    assert ("pages in a slice" in svg) == (name == "llfree-frag")
    assert "items held" not in svg


def test_variant_and_trace_out_and_in(tmp_path: Path, capsys: Capture) -> None:
    """What is drawn of a variant can be written as a trace, described and run from there."""
    trace, out = str(tmp_path / "t.csv"), tmp_path / "out"
    sets = [f"--set={name}={value}" for name, value in BURSTS["hosts"].items()]

    assert 0 == call("describe", "hosts", *sets, "--variant", "M5", "--write-trace", trace)
    assert "Machine M5: 1 GB, 4 CPUs" in capsys.readouterr().out
    assert 0 == call("describe", "replay", "--trace", trace)
    assert "1 GB, 4 CPUs" in capsys.readouterr().out
    assert 0 == call("run", "replay", "--trace", trace, "--design=freeable", "--out", str(out))

    runs = pd.read_parquet(out / "runs.parquet")
    drawn = Machine(small_script("hosts"), "freeable").run(2).run
    assert [drawn["in_use"]] == list(runs.in_use)
    meta = (out / "meta.json").read_text()
    assert "--trace t.csv" in meta
    assert str(tmp_path) not in meta.replace(str(out), "")


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


def test_brackets_are_text(tmp_path: Path, capsys: Capture, monkeypatch: Monkeypatch) -> None:
    """What stands in brackets or between colons is printed as it stands, wherever it stands."""
    monkeypatch.setenv("COLUMNS", "200")
    own = tmp_path / "mine.toml"
    text = (DATA / "workloads" / "second-resource.toml").read_text()
    for old, new in {
        "One page, then another": "t [bold] [x] y :bomb:",
        "Single NOFREE pages": "queue [kib] wants a [/b] tag",
        "Memory is plentiful on purpose": "a limit [/]",
        "the range of NOFREE pages": "a source [red]",
    }.items():
        text = text.replace(old, new)
    own.write_text(text)

    assert 0 == call("describe", str(own))

    shown = capsys.readouterr().out
    for words in ("t [bold] [x] y :bomb:", "queue [kib] wants a [/b] tag", "a limit [/]"):
        assert words in shown
    assert "a source [red]" in shown


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


def test_own_bursts_are_run(tmp_path: Path) -> None:
    """A changed copy of a subject's file is run under its own name, and leaves what it says."""
    own, out = tmp_path / "mine.toml", tmp_path / "out"
    text = (DATA / "workloads" / "second-resource.toml").read_text()
    own.write_text(text.replace('name = "second-resource"', 'name = "mine"'))
    sets = [f"--set={name}={value}" for name, value in BURSTS["second-resource"].items()]

    assert 0 == call("run", str(own), *sets, "--design", "freeable", "--out", str(out))

    runs = pd.read_parquet(out / "runs.parquet")
    assert [("mine", "freeable", 300)] == list(
        zip(runs.scenario, runs.design, runs.requests, strict=True)
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("server-spik",), "did you mean server-spike"),
        (("nothing.toml",), "cannot be read"),
        (("boot", "--set", "cpu=2"), "did you mean cpus"),
        (("boot", "--out", "/nonexistent/x.svg"), "its folder does not exist"),
        (("boot", "--out", "/proc/x.svg"), "study: /proc/x.svg: cannot be written (No such file"),
        (("hosts", "--write-trace", "/proc/x"), "/proc/x: cannot be written"),
        (("boot", "--out", "/"), "/: is a folder, expected the name of a file"),
        (("boot", "--write-trace", "x.csv"), "boot is no subject beside bursts"),
        (("misuse", "--write-trace", "x.csv"), "misuse has callers that free wrongly"),
        (("lock-bulk", "--write-trace", "x.csv"), "lock-bulk is no subject beside bursts"),
        (("hosts", "--variant", "M8"), "hosts has no variant 'M8'"),
        (("replay", "--trace", "nothing.csv"), "nothing.csv: cannot be read"),
        (("boot", "--trace", "nothing.csv"), "scenario boot replays no trace"),
    ],
)
def test_mistakes(words: tuple[str, ...], expected: str, capsys: Capture) -> None:
    """A mistake is one sentence and exit 2, before anything is printed."""
    assert expected in refusal(capsys, "describe", *words)


def test_bars_reach_from_nothing_to_the_greatest() -> None:
    """A block is as high as its share of the greatest value; nothing is blank."""
    assert "    " == bars([0, 0, 0, -1])
    assert " ▁▁█" == bars([0, 0.001, 1, 8])
