"""A sweep that is killed at any moment ends, when it is started again, with the same bytes.

The harness is a process of its own that imports everything once and then forks: so a start costs
nothing, and a hundred kills fall on a hundred different moments of the work itself.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from experiment.small import TINY, table_bytes

from vmmodel.experiment.shards import SHARDS
from vmmodel.paths import ROOT

KILLS = 100
COMMAND_KILLS = int(os.environ.get("VMMODEL_KILLS", "3"))
"""Kills of the command line with two workers; each takes some seconds."""

HARNESS = """
import os, random, signal, sys, time
from pathlib import Path
sys.path[:0] = [sys.argv[2]]
from vmmodel.traffic.warm import warm_up
from vmmodel.experiment.sweep import run_sweep
from vmmodel.experiment.sweepfile import read_sweep
from vmmodel.experiment.local import finish_unit
from vmmodel.experiment.store import write_sweep
warm_up()
sweep = read_sweep(Path("tiny.toml"))

def child():
    pid = os.fork()
    if not pid:
        run_sweep(sweep, Path("killed/out"), {}, workers=1, keep=True)
        os._exit(0)
    return pid

def shards():
    return sorted(Path("killed").glob(".vmmodel-shards/*/*/[0-9a-f]*"))

os.makedirs("killed")
start = time.monotonic()
run_sweep(sweep, Path("undisturbed/out"), {}, workers=1)
length = time.monotonic() - start
draw = random.Random(1)
kills = ends = 0
while kills < int(sys.argv[1]):
    # A run that is nearly done is killed while it writes its tables, so that part gets its share.
    # Some runs are taken away again, so that there is always something left to be killed.
    for shard in shards():
        if draw.random() < 0.1:
            shard.unlink()
    pid = child()
    time.sleep(draw.uniform(0, length / 6))
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    kills += os.WIFSIGNALED(status)
    ends += not os.WIFSIGNALED(status)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
pid = child()
assert os.waitpid(pid, 0)[1] == 0
print(kills, ends)
"""


def test_a_hundred_kills(tmp_path: Path) -> None:
    """SIGKILL at random moments, a hundred times: the tables are those of an undisturbed sweep."""
    (tmp_path / "tiny.toml").write_text(TINY)
    words = [sys.executable, "-c", HARNESS, str(KILLS), str(ROOT)]

    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert "" == done.stderr
    kills, _ends = map(int, done.stdout.split())
    assert kills == KILLS
    assert table_bytes(tmp_path / "undisturbed" / "out") == table_bytes(tmp_path / "killed" / "out")


def test_kills_of_the_command_and_its_workers(tmp_path: Path) -> None:
    """The same of the command line with two worker processes, which end with it."""
    (tmp_path / "tiny.toml").write_text(TINY)
    undisturbed, out = tmp_path / "undisturbed" / "out", tmp_path / "killed" / "out"
    sweep(tmp_path, undisturbed, 1).communicate(timeout=300)
    start = time.monotonic()
    sweep(tmp_path, tmp_path / "timed" / "out", 2).communicate(timeout=300)
    length = time.monotonic() - start
    draw = random.Random(2)

    for _ in range(COMMAND_KILLS):
        process = sweep(tmp_path, out, 2)
        time.sleep(draw.uniform(length / 3, length * 1.1))  # before that it only imports
        process.kill()
        process.communicate(timeout=60)  # the workers hold the pipes, too
        assert process.returncode in (-signal.SIGKILL, 0)
        shutil.rmtree(out, ignore_errors=True)  # else a sweep that came to its end is the last one
        for shard in list(out.parent.glob(f"{SHARDS}/*/*/*"))[::2]:
            shard.unlink()
    _, said = sweep(tmp_path, out, 2).communicate(timeout=300)

    assert b"Traceback" not in said
    assert table_bytes(undisturbed) == table_bytes(out)


def sweep(folder: Path, out: Path, workers: int) -> "subprocess.Popen[bytes]":
    """Start the tiny sweep."""
    words = [sys.executable, "-m", "vmmodel", "sweep", str(folder / "tiny.toml")]
    words += ["--out", str(out), "--workers", str(workers)]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
