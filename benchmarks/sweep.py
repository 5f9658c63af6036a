"""What a sweep costs beside its runs: on two processes, around each run, and with many of them.

*efficiency* is the share of two processes' time, start-up included, that is spent inside of runs
of a second and more.  It is taken from clocks inside of the same sweep, so others on the machine
slow both sides of it.  Costs for each run are CPU time: of everything around a run, measured by
handing out a run that was made before, and of giving it to a process.
"""

import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.table import Table

from vmmodel.analysis.tables import load
from vmmodel.experiment import local
from vmmodel.experiment.meta import describe_sweep
from vmmodel.experiment.scenario import scenario
from vmmodel.experiment.shards import SHARDS
from vmmodel.experiment.sweep import Sweep, run_sweep, shards_of
from vmmodel.experiment.tables import Tables
from vmmodel.experiment.unit import Unit, run_unit

PROCESSES = 2
GOALS = {
    "efficiency": ("at least", 0.9, "share"),
    "around a run": ("at most", 5.0, "CPU ms"),
    "last runs / first runs": ("at most", 1.2, ""),
    "tables read back": ("at most", 5.0, "CPU s"),
}


def measure(quick: bool, tell: Callable[[str], None]) -> dict[str, Any]:
    """Run long runs on two processes, then many short ones."""
    with tempfile.TemporaryDirectory(prefix="vmmodel-bench-") as folder:
        tell("sweep: long runs on two processes")
        busy = _efficiency(Path(folder), replications=4 if quick else 10)
        n = 1000 if quick else 10_000
        tell(f"sweep: around {n:,} runs")
        return busy | _around(Path(folder), n)


def _efficiency(folder: Path, replications: int) -> dict[str, Any]:
    """Share of the time of two processes that is spent inside of runs."""
    chosen = scenario("hosts").choose("M2")
    sweep = Sweep((chosen,), ("freeable", "batch"), replications, 1, "bench")
    out = folder / "long" / "out"
    start = time.perf_counter()
    run_sweep(sweep, out, {}, workers=PROCESSES, keep=True)
    wall = time.perf_counter() - start
    shards = shards_of(out)
    seconds = [shards.seconds(key) or 0.0 for unit in sweep.units() for key in unit.keys().values()]
    return {
        "efficiency": round(sum(seconds) / PROCESSES / wall, 3),
        "run_s": round(statistics.median(seconds), 3),
        "long_runs": len(seconds),
        "wall_s": round(wall, 3),
    }


def _around(folder: Path, n: int) -> dict[str, Any]:
    """CPU time of everything but the runs, of *n* of them; then the tables are read back."""
    sweep = Sweep((scenario("second-resource"),), ("freeable",), n, 1, "bench")
    out, clock = folder / "short" / "out", _Clock()
    meta = describe_sweep(sweep, "./study bench")
    ((_, tables, _),) = run_unit(replace(sweep.units()[0], designs=("freeable",), replication=1))
    with _handing_out(tables):
        start = _cpu()
        run_sweep(sweep, out, meta, workers=1, done=clock.done, keep=True)
        around = _cpu() - start
    start, began = _cpu(), time.perf_counter()
    study = load(out)
    rows = sum(map(len, (study.runs, study.samples, study.latencies, study.events)))
    read, read_wall = _cpu() - start, time.perf_counter() - began
    return {
        "runs": n,
        "around a run": round(around / n * 1e3, 3),
        "given to a process": round(_handed_over(sweep, out) * 1e3, 3),
        "last runs / first runs": round(clock.drift(), 3),
        "rows": rows,
        "tables read back": round(read, 3),
        "read_wall_s": round(read_wall, 3),
        "largest_folder": max(len(list(f.iterdir())) for f in out.parent.glob(f"{SHARDS}/*/*")),
    }


def _handed_over(sweep: Sweep, out: Path) -> float:
    """CPU seconds for each unit that a pool takes over and finds finished."""
    units, children = sweep.units(), resource.RUSAGE_CHILDREN
    spent = []
    for some in (units[:2], units):
        start = _cpu() + _cpu(children)
        for _ in local.run_on_processes(some, shards_of(out), PROCESSES):
            pass
        spent.append(_cpu() + _cpu(children) - start)
    return (spent[1] - spent[0]) / (len(units) - 2)


@contextmanager
def _handing_out(tables: Tables) -> Iterator[None]:
    """Let every run be one that was made before."""

    def made_before(unit: Unit) -> Iterator[tuple[str, Tables, float]]:
        yield from ((design, tables, 0.0) for design in unit.designs)

    local.run_unit, before = made_before, local.run_unit
    try:
        yield
    finally:
        local.run_unit = before


class _Clock:
    """CPU time at the end of each unit."""

    def __init__(self) -> None:
        self._ends = [_cpu()]

    def done(self, _unit: Unit) -> None:
        self._ends.append(_cpu())

    def drift(self) -> float:
        """Median cost of a unit in the last tenth over that in the first tenth."""
        costs = [after - before for before, after in zip(self._ends, self._ends[1:], strict=False)]
        tenth = max(1, len(costs) // 10)
        return statistics.median(costs[-tenth:]) / statistics.median(costs[1 : tenth + 1])


def _cpu(who: int = resource.RUSAGE_SELF) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def tables(result: dict[str, Any]) -> list[Table]:
    """Give the result as a table."""
    title = (
        f"{result['long_runs']} runs of {result['run_s']:.1f} s on {PROCESSES} processes; "
        f"{result['runs']:,} runs with {result['rows']:,} rows"
    )
    table = Table("sweep", "found", "unit", "goal", title=title, title_justify="left")
    for name, (side, goal, unit) in GOALS.items():
        found = result[name]
        met = found >= goal if side == "at least" else found <= goal
        table.add_row(name, f"{found:g}", unit, f"{side} {goal:g}" + ("" if met else ", missed"))
    table.add_row("given to a process", f"{result['given to a process']:g}", "CPU ms", "")
    return [table]
