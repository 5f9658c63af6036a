"""Two processes and one folder: the second is told, and takes nothing away from the first."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from experiment.small import small_sweep, table_bytes

from vmmodel.errors import InputError
from vmmodel.experiment.locks import forget_shards, sole_writer
from vmmodel.experiment.shards import SHARDS
from vmmodel.experiment.sweep import run_sweep
from vmmodel.experiment.unit import Unit
from vmmodel.paths import ROOT

HOLDER = """
import sys
from pathlib import Path
from vmmodel.experiment.locks import sole_writer
with sole_writer(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def other_process(folder: Path, beside: str = SHARDS) -> "Iterator[subprocess.Popen[str]]":
    """Another process that writes to *folder*, with its finished runs *beside* it."""
    words = [sys.executable, "-c", HOLDER, str(folder), beside]
    pipe = subprocess.PIPE
    process = subprocess.Popen(words, cwd=ROOT, text=True, stdin=pipe, stdout=pipe)
    try:
        assert process.stdout is not None
        assert "held\n" == process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate(timeout=60)


def test_second_writer_is_refused(tmp_path: Path) -> None:
    """One sentence names the folder; the first process loses nothing."""
    out = tmp_path / "out"

    with other_process(out) as process:
        with pytest.raises(InputError) as caught:
            run_sweep(small_sweep(1), out, {}, workers=1)
        process.communicate("", timeout=60)

    sentence = str(caught.value)
    assert sentence.startswith(f"{out}: another ./study writes there, expected ")
    assert 0 == process.returncode
    assert [] == list(tmp_path.iterdir())


def test_lock_ends_with_its_process(tmp_path: Path) -> None:
    """After SIGKILL of the holder the next start goes ahead and leaves nothing behind."""
    out = tmp_path / "out"
    with other_process(out) as process:
        process.kill()
        assert -signal.SIGKILL == process.wait(timeout=60)
        assert (tmp_path / SHARDS / "out.lock").exists()

        run_sweep(small_sweep(1), out, {}, workers=1)

    assert ["out"] == [path.name for path in tmp_path.iterdir()]


def test_runs_that_another_folder_uses_stay(tmp_path: Path) -> None:
    """Who finishes first leaves the runs to the other; who is alone with them deletes them."""
    with other_process(tmp_path / "other"):
        run_sweep(small_sweep(1), tmp_path / "out", {}, workers=1)
        assert 2 == len(list(tmp_path.glob(f"{SHARDS}/*/*/*")))
        with pytest.raises(InputError, match=r"another \./study uses the finished runs in "):
            forget_shards(tmp_path / "out")

    run_sweep(small_sweep(1), tmp_path / "out", {}, workers=1)

    assert ["out"] == [path.name for path in tmp_path.iterdir()]


def test_run_that_is_gone_is_not_called_damaged(tmp_path: Path) -> None:
    """A finished run that somebody deleted is run again, and said to be gone."""
    said: list[str] = []

    def delete(_unit: Unit) -> None:
        for shard in list(tmp_path.glob(f"{SHARDS}/*/*/*"))[:1]:
            shard.unlink()

    run_sweep(small_sweep(1), tmp_path / "out", {}, workers=1)
    before = table_bytes(tmp_path / "out")
    run_sweep(small_sweep(1), tmp_path / "out", {}, workers=1, done=delete, say=said.append)

    (sentence,) = said
    assert sentence.startswith("The finished run of second-resource, replication 0")
    assert sentence.endswith(" is gone: it is run again.")
    assert before == table_bytes(tmp_path / "out")


def test_writers_one_after_the_other(tmp_path: Path) -> None:
    """A folder is free again as soon as its writer is done, also after a failure."""
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), sole_writer(tmp_path / "out"):
            raise ZeroDivisionError
    assert [] == list(tmp_path.iterdir())
