"""How long until the first allocation: with everything to compile, and from the cache on disk.

Each start is a new process that imports the whole machine and compiles or loads every function.
Modules are byte-compiled, as `./study` sets them up.  Only CPU time is compared, since other work
on the machine stretches the time on the wall.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from rich.table import Table

from benchmarks.rounds import at_most
from vmmodel.paths import ROOT

START = "import vmmodel.sim.whole; from vmmodel.traffic.warm import warm_up; warm_up()"
GOALS_S = {"first compilation": 60.0, "cached start": 2.0}


def measure(quick: bool, tell: Callable[[str], None]) -> dict[str, Any]:
    """Start once with an empty cache, then several times with the full one."""
    tell("start-up: compiling into an empty cache")
    with tempfile.TemporaryDirectory() as cache:
        first = _start(cache)
        starts = [_start(cache) for _ in range(3 if quick else 7)]
    return {"first compilation": _described([first]), "cached start": _described(starts)}


def tables(result: dict[str, Any]) -> list[Table]:
    """Give the result as a table."""
    table = Table("start-up", "CPU s", "low to high", "wall s", "goal", title_justify="left")
    for name, goal in GOALS_S.items():
        row = result[name]
        low, high = min(row["cpu_s"]), max(row["cpu_s"])
        words = f"{row['median_cpu_s']:.2f}", f"{low:.2f} to {high:.2f}"
        table.add_row(
            name, *words, f"{row['median_wall_s']:.2f}", at_most(row["median_cpu_s"], goal)
        )
    return [table]


def _described(starts: list[tuple[float, float]]) -> dict[str, Any]:
    cpu, wall = ([round(value, 3) for value in values] for values in zip(*starts, strict=True))
    medians = {"median_cpu_s": statistics.median(cpu), "median_wall_s": statistics.median(wall)}
    return {**medians, "cpu_s": cpu, "wall_s": wall}


def _start(cache: str) -> tuple[float, float]:
    """Start a process that compiles into *cache*, or loads from it: seconds of CPU, and of wall."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, "VMMODEL_CACHE": cache, "PYTHONPYCACHEPREFIX": cache}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run([sys.executable, "-c", START], cwd=ROOT, env=environment, check=True)
    after, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, ended - began
