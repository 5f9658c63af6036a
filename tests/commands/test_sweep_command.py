"""./study sweep: plan, run, go on, and leave nothing half done."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from commands.calls import call, refusal
from experiment.small import TINY, TINY_RUNS, leftovers, table_bytes

from vmmodel.commands import sweep as command
from vmmodel.experiment.scenario import SCENARIOS
from vmmodel.experiment.shards import SHARDS
from vmmodel.nofree import DESIGNS
from vmmodel.paths import DATA, ROOT

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A sweep file."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


def test_dry_run_writes_nothing(tiny: Path, tmp_path: Path, capsys: Capture) -> None:
    """The plan has runs and time, measured by a pilot; no file is made."""
    out = tmp_path / "out"

    assert 0 == call("sweep", str(tiny), "--out", str(out), "--dry-run", "--workers", "2")

    first, second = capsys.readouterr().out.splitlines()
    what = "2 settings and variants x 2 designs x 6 replications; 0 are finished, 24 to be run."
    assert f"24 runs: {what}" == first
    assert second.startswith("About ")
    assert second.endswith(" on 2 processes, measured on 0 earlier and 2 pilot runs.")
    assert [tiny] == list(tmp_path.iterdir())


def test_sweep_and_again(tiny: Path, tmp_path: Path, capsys: Capture) -> None:
    """A sweep names its settings in every table; a second start finds it done."""
    out = tmp_path / "out"

    assert 0 == call("sweep", str(tiny), "--out", str(out), "--workers", "1")

    captured = capsys.readouterr()
    assert f"{out}\n" == captured.out
    assert f"{TINY_RUNS} of {TINY_RUNS} runs" in captured.err
    for table in ("runs", "samples", "latencies"):
        settings = pq.read_table(out / f"{table}.parquet")["setting"].unique().to_pylist()
        assert ["free_lock=20", "free_lock=80"] == settings
    meta = json.loads((out / "meta.json").read_text())
    assert [20.0, 80.0] == [setting["prices"]["free_lock"] for setting in meta["settings"]]
    assert 0 == call("verify", str(out))
    before = table_bytes(out)
    capsys.readouterr()
    assert 0 == call("sweep", str(tiny), "--out", str(out))
    assert f"The runs are there already: {out}" in capsys.readouterr().err
    assert 0 == call("sweep", str(tiny), "--out", str(out), "--again", "--workers", "1")
    assert "0 are finished" in capsys.readouterr().err
    assert before == table_bytes(out)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_sweep_goes_on(tiny: Path, tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C, or a batch system's SIGTERM, ends with one line; the next start runs the rest."""
    out = tmp_path / "out"
    words = [sys.executable, "-m", "vmmodel", "sweep", str(tiny), "--out", str(out)]
    words += ["--workers", "2"]
    process = subprocess.Popen(
        words, cwd=ROOT, text=True, stderr=subprocess.PIPE, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(f"{SHARDS}/*/*/*")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, number) if number is signal.SIGTERM else os.killpg(process.pid, number)
    _, err = process.communicate(timeout=60)

    assert 128 + number == process.returncode
    last = "study: stopped; what was finished is kept and will not be run again"
    assert last == err.splitlines()[-1]
    assert "Traceback" not in err
    assert not out.exists()
    assert [] == leftovers(out)
    kept = len(list(tmp_path.glob(f"{SHARDS}/*/*/*")))
    more = subprocess.run(words, cwd=ROOT, text=True, capture_output=True, check=True)
    assert f" {kept} are finished, {TINY_RUNS - kept} to be run." in more.stderr


LONG = """\
replications = 40
designs = ["bump:panic", "freeable"]
[[scenario]]
name = "second-resource"
"""
"""A sweep file whose runs take about a second each."""


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("pause", [0.01, 0.5])
def test_second_press_ends_at_once(tmp_path: Path, pause: float, workers: str) -> None:
    """A second Ctrl-C waits for nothing, has one line and keeps the finished runs."""
    file, out = tmp_path / "long.toml", tmp_path / "out"
    file.write_text(LONG)
    words = [sys.executable, "-m", "vmmodel", "sweep", str(file), "--out", str(out)]
    words += ["--workers", workers]
    process = subprocess.Popen(
        words, cwd=ROOT, text=True, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob(f"{SHARDS}/*/*/*")) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        for _ in range(2):
            with suppress(ProcessLookupError):  # one process may have ended by then
                os.killpg(process.pid, signal.SIGINT)
            time.sleep(pause)
        _, err = process.communicate(timeout=60)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    assert 130 == process.returncode
    last = "study: stopped; what was finished is kept and will not be run again"
    assert last == err.splitlines()[-1]
    assert 1 == err.count(last)
    assert "Traceback" not in err
    stopping = "study: stopping: what has begun ends first; press again to stop at once"
    assert (workers == "2") == (stopping in err.splitlines())
    assert list(tmp_path.glob(f"{SHARDS}/*/*/*"))


def test_folder_is_named_after_the_file() -> None:
    """Without --out the tables go below data/runs; a strange name of a file asks for --out."""
    assert ROOT / "data" / "runs" / "small" == command._folder_of(DATA / "sweeps" / "small.toml")


@pytest.mark.parametrize("name", ["..toml", "a b.toml", "-x.toml", ".toml", "é.toml"])
def test_strange_name_of_a_file(name: str, tmp_path: Path, capsys: Capture) -> None:
    """The name of a sweep file cannot lead its tables astray."""
    path = tmp_path / name
    path.write_text(TINY)

    line = refusal(capsys, "sweep", "--dry-run", str(path))

    assert line.endswith("its name makes no name of a folder, expected --out DIR")


def test_no_file(capsys: Capture) -> None:
    """What to do is said when no file is named."""
    line = refusal(capsys, "sweep")

    assert "study: sweep: no file is named, expected FILE.toml, or --estimate-full" == line


def test_estimate_of_the_full_study(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The full study is estimated from measured runs, for 2, 32 and 1,000 processors."""
    monkeypatch.setattr("vmmodel.experiment.plan.PILOTS", 1)

    assert 0 == call("sweep", "--estimate-full")

    out = capsys.readouterr().out
    n = sum(len(each.variants) for each in SCENARIOS.values() if "full" in each.profiles)
    assert f"{n} settings and variants x {len(DESIGNS)} designs x 50 replications" in out
    assert "designs x 50 replications" in out
    assert "of computing, measured on " in out
    cores = [line.split()[1] for line in out.splitlines() if line.startswith("│")]
    assert ["2", "32", "1,000"] == cores
