"""A real scheduler and real workers, in processes of their own, on the loopback interface."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from vmmodel.paths import ROOT

CLI = [sys.executable, "-W", "ignore", "-m"]


@contextmanager
def running(*words: str, **variables: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that is ended at the end."""
    process = subprocess.Popen(
        [*CLI, *words],
        cwd=ROOT,
        env=os.environ | variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def scheduler(folder: Path, options: Sequence[str] = ()) -> Iterator[str]:
    """A scheduler on a free port; gives its address."""
    file = folder / "scheduler.json"
    words = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    words += ["--no-jupyter", "--idle-timeout", "300"]  # should nobody be left to end it
    words += ["--scheduler-file", str(file), *options]
    with running("distributed.cli.dask_scheduler", *words):
        deadline = time.monotonic() + 60
        while not file.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield str(json.loads(file.read_text())["address"])


@contextmanager
def worker(
    address: str, folder: Path, options: Sequence[str] = (), **variables: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """One worker process with one thread and a folder of its own."""
    words = [address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"]
    words += ["--death-timeout", "60", "--local-directory", str(folder), *options]
    with running("distributed.cli.dask_worker", *words, **variables) as process:
        yield process
