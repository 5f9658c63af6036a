"""Processes that die, memory and disks that end: what is lost, and what is said."""

import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from experiment.deadly import deadly_sweep
from experiment.small import TINY, TINY_RUNS, leftovers, small_sweep, table_bytes

from vmmodel.experiment.local import LostRuns
from vmmodel.experiment.shards import SHARDS
from vmmodel.experiment.sweep import in_pieces, run_sweep
from vmmodel.experiment.unit import Unit
from vmmodel.experiment.workers import deaf_to_interrupts, processes
from vmmodel.paths import ROOT


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sweep in one process that nobody kills."""
    folder = tmp_path_factory.mktemp("undisturbed")
    run_sweep(deadly_sweep(folder, 0), folder / "out", {}, workers=1)
    return folder / "out"


def test_killed_process_is_replaced(undisturbed: Path, tmp_path: Path) -> None:
    """A worker that is killed from outside costs time and nothing else."""
    killed: list[int] = []

    def done(_unit: Unit) -> None:
        children = multiprocessing.active_children()
        if not killed and children:
            killed.append(children[0].pid or 0)
            os.kill(killed[0], signal.SIGKILL)

    run_sweep(deadly_sweep(tmp_path, 0), tmp_path / "out", {}, workers=2, done=done)

    assert 1 == len(killed)
    assert table_bytes(undisturbed) == table_bytes(tmp_path / "out")


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "MemoryError"])
def test_unit_that_dies_twice_is_tried_alone(undisturbed: Path, tmp_path: Path, kill: bool) -> None:
    """A unit whose memory does not suffice beside others is tried again with all of it."""
    sweep = deadly_sweep(tmp_path, 2, kill)

    run_sweep(sweep, tmp_path / "out", {}, workers=2)

    assert table_bytes(undisturbed) == table_bytes(tmp_path / "out")


def test_unit_that_always_dies_is_named(tmp_path: Path) -> None:
    """After three tries alone a unit is given up and named; all others are finished first."""
    sweep = deadly_sweep(tmp_path, 1000)
    finished: list[Unit] = []

    with pytest.raises(LostRuns) as caught:
        run_sweep(sweep, tmp_path / "out", {}, workers=2, done=finished.append)

    sentence = str(caught.value)
    assert sentence.startswith("the process of second-resource, replication 3")
    assert " died 3 times, alone on the machine: memory may not suffice" in sentence
    assert {0, 1, 2} == {unit.replication for unit in finished}
    assert 3 * 2 == sum(len(unit.designs) for unit in finished)
    assert not (tmp_path / "out").exists()


def sweep_command(out: Path, workers: int) -> list[str]:
    """A tiny sweep on the command line."""
    file = out.parent.parent / "tiny.toml"
    file.write_text(TINY)
    words = [sys.executable, "-m", "vmmodel", "sweep", str(file), "--out", str(out)]
    return [*words, "--workers", str(workers)]


@pytest.mark.parametrize("workers", [1, 2])
def test_file_that_may_not_grow(tmp_path: Path, workers: int) -> None:
    """Where a shard cannot be written, one line says why and nothing half is left."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, 9_000))

    out = tmp_path / "new" / "out"
    out.parent.mkdir()
    done = subprocess.run(
        sweep_command(out, workers),
        cwd=ROOT,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )

    assert 1 == done.returncode
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("study: a finished run could not be kept (File too large): ")
    assert last.endswith("; what is finished is kept: make room and start again")
    assert not out.exists()
    assert [] == leftovers(out)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own with room for some of the runs."""
    place = tmp_path / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=120k", "vmmodel", str(place)]
    if not shutil.which("mount") or subprocess.run(words, capture_output=True).returncode:
        pytest.skip("no small disk can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_full_disk(disk: Path, tmp_path: Path) -> None:
    """On a full disk a sweep stops with one line; with room again it goes on from there."""
    command = sweep_command(disk / "out", 1)

    full = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    last = full.stderr.splitlines()[-1]
    assert 1 == full.returncode
    assert last.startswith("study: a finished run could not be kept (No space left on device): ")
    kept = list((disk / SHARDS).glob("*/*/*"))
    assert 1 < len(kept) < TINY_RUNS
    assert [] == leftovers(disk / "out")
    subprocess.run(["mount", "-o", "remount,size=50M", str(disk)], check=True)
    times = {path: path.stat().st_mtime_ns for path in kept}
    more = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert 0 == more.returncode
    assert f" {len(kept)} are finished, {TINY_RUNS - len(kept)} to be run." in more.stderr
    assert times == {path: path.stat().st_mtime_ns for path in kept}


def test_few_units_are_cut_for_many_processes() -> None:
    """Where there are fewer units than work for all, their designs are dealt out."""
    units = small_sweep(2).units()

    assert units == in_pieces(units, 1)
    assert 4 == len(in_pieces(units, 2))
    assert 100 == len(in_pieces(small_sweep(100).units(), 8))
    for pieces in (in_pieces(units, 2), in_pieces(units, 999)):
        assert [(u.replication, d) for u in units for d in u.designs] == [
            (piece.replication, design) for piece in pieces for design in piece.designs
        ]


@pytest.mark.parametrize("threads", [0, 1])
def test_a_press_while_processes_start_is_not_lost(threads: int) -> None:
    """SIGINT that comes while processes are started is for this one, and comes afterwards.

    The system may give it to another thread, which does not hold it back.
    """
    seen: list[str] = []
    done = threading.Event()
    for _ in range(threads):
        threading.Thread(target=done.wait, args=(60,), daemon=True).start()

    def start() -> None:
        with deaf_to_interrupts():
            os.kill(os.getpid(), signal.SIGINT)
            seen.append("started")

    with pytest.raises(KeyboardInterrupt):
        start()

    done.set()
    assert ["started"] == seen
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


ONE_WORKER = """
import os, signal, sys
from vmmodel.experiment.workers import prepare, processes
if __name__ == "__main__":
    with processes(1) as pool:
        print(prepare(), pool.submit(int).result(), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("length", "way"), [(1, "forkserver"), (100, "spawn")])
def test_temporary_folder_of_any_length(tmp_path: Path, length: int, way: str) -> None:
    """Workers come from a server if its socket can have a name; a killed program leaves none."""
    (tmp_path / "one_worker.py").write_text(ONE_WORKER)
    with TemporaryDirectory() as short:
        place = Path(short) / ("t" * length)
        place.mkdir()

        done = subprocess.run(
            [sys.executable, "-m", "one_worker"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(place)},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

        assert (-signal.SIGKILL, f"{way} 0\n") == (done.returncode, done.stdout)
        if way == "forkserver":
            assert [] == list(place.iterdir())


AMID_EXEC = """
import os, signal, sys
from vmmodel.experiment.interrupts import obeyed, tell_stopped
try:
    with obeyed():
        exec("os.kill(os.getpid(), signal.SIGINT)")
except KeyboardInterrupt:
    sys.exit(tell_stopped())
"""


def test_press_amid_an_exec_gives_the_same_status(tmp_path: Path) -> None:
    """Python remembers an interrupt that left code in a string; the status is ours all the same."""
    (tmp_path / "amid.py").write_text(AMID_EXEC)

    done = subprocess.run(
        [sys.executable, "-m", "amid"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    last = "study: stopped; what was finished is kept and will not be run again\n"
    assert (130, last) == (done.returncode, done.stderr)


def test_processes_that_are_started_are_deaf() -> None:
    """A worker lives on when the terminal sends SIGINT to all, so that it ends what it began."""
    with processes(1) as pool:
        with deaf_to_interrupts():
            future = pool.submit(interrupt_oneself)

        assert "alive" == future.result(60)


def interrupt_oneself() -> str:
    """What Ctrl-C does to a worker."""
    os.kill(os.getpid(), signal.SIGINT)
    return "alive"
