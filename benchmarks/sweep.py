"""What a sweep costs beside its runs: on two processes, around each run, and with many of them.

*efficiency* is the share of two processes' time that is spent inside of runs of a second and more.
Their start and the writing of the tables count; the loading of the server from which they are
forked does not, for it goes on beside `./study sweep` making its plan.  It is taken from clocks
inside of the same sweep, so others on the machine slow both sides of it.  The same sweep in one
process tells the rest: *runs alone / beside another* is what the machine itself leaves of the speed
of a run while another runs (caches, memory, clock rate), and no sweep can win it back; *one process
/ 2 / two processes* is wall time, that included; *processor time* is of all processes, with the
start of the server.  Costs for each run are CPU time: of everything around a run, measured by
handing out a run that was made before, and of giving it to a process.
"""

import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.table import Table

from vmmodel.analysis.tables import load
from vmmodel.experiment import local, workers
from vmmodel.experiment.meta import describe_sweep
from vmmodel.experiment.scenario import scenario
from vmmodel.experiment.shards import SHARDS
from vmmodel.experiment.sweep import Sweep, run_sweep, shards_of
from vmmodel.experiment.tables import Tables
from vmmodel.experiment.unit import Unit, run_unit

PROCESSES = 2
SHARED = (
    "runs alone / beside another",
    "one process / 2 / two processes",
    "processor time, two processes / one",
)
"""Ratios in which the machine has a part, without a goal of ours."""
GOALS = {
    "efficiency": ("at least", 0.9, "share"),
    "around a run": ("at most", 5.0, "CPU ms"),
    "last runs / first runs": ("at most", 1.2, ""),
    "tables read back": ("at most", 5.0, "CPU s"),
}


def measure(quick: bool, tell: Callable[[str], None]) -> dict[str, Any]:
    """Run long runs on two processes, then many short ones."""
    with tempfile.TemporaryDirectory(prefix="vmmodel-bench-") as folder:
        tell("sweep: long runs in one process and on two")
        replications, rounds = (6, 1) if quick else (10, 3)
        busy = _efficiency(Path(folder), replications, rounds)
        n = 1000 if quick else 10_000
        tell(f"sweep: around {n:,} runs")
        return busy | _around(Path(folder), n)


def _efficiency(folder: Path, replications: int, rounds: int) -> dict[str, Any]:
    """The same long runs in one process and on two, in turns; medians of all rounds."""
    chosen = scenario("hosts").choose("M2")
    sweep = Sweep((chosen,), ("freeable", "batch"), replications, 1, "bench")
    found = []
    for number in range(rounds):
        one, two = (_timed(sweep, folder / f"{number}-{n}" / "out", n) for n in (1, PROCESSES))
        found.append(
            {
                "efficiency": two.inside / PROCESSES / two.wall,
                "runs alone / beside another": one.inside / two.inside,
                "one process / 2 / two processes": one.wall / PROCESSES / two.wall,
                "processor time, two processes / one": two.cpu / one.cpu,
                "run_s": one.inside / one.runs,
                "long_runs": one.runs,
                "wall_s": two.wall,
            }
        )
    middle = {name: round(statistics.median(each[name] for each in found), 3) for name in found[0]}
    return middle | {"efficiency_rounds": [round(each["efficiency"], 3) for each in found]}


@dataclass(frozen=True)
class _Timed:
    """Seconds of one sweep."""

    wall: float
    inside: float
    """Inside of runs, summed over processes."""
    cpu: float
    """Of all processes."""
    runs: int


def _timed(sweep: Sweep, out: Path, processes: int) -> _Timed:
    """Run a sweep with nothing left to load."""
    workers.stop()
    start, children = _cpu(), _cpu(resource.RUSAGE_CHILDREN)
    if processes > 1:
        with workers.processes(1) as pool:
            pool.submit(int).result()
    began = time.perf_counter()
    run_sweep(sweep, out, {}, workers=processes, keep=True)
    wall = time.perf_counter() - began
    workers.stop()
    cpu = _cpu() - start + _cpu(resource.RUSAGE_CHILDREN) - children
    shards = shards_of(out)
    keys = [key for unit in sweep.units() for key in unit.keys().values()]
    return _Timed(wall, sum(shards.seconds(key) or 0.0 for key in keys), cpu, len(keys))


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
        workers.stop()
        start = _cpu() + _cpu(children)
        for _ in local.run_on_processes(some, shards_of(out), PROCESSES):
            pass
        workers.stop()
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
        f"{result['long_runs']:.0f} runs of {result['run_s']:.1f} s on {PROCESSES} processes; "
        f"{result['runs']:,} runs with {result['rows']:,} rows"
    )
    table = Table("sweep", "found", "unit", "goal", title=title, title_justify="left")
    for name, (side, goal, unit) in GOALS.items():
        found = result[name]
        met = found >= goal if side == "at least" else found <= goal
        table.add_row(name, f"{found:g}", unit, f"{side} {goal:g}" + ("" if met else ", missed"))
    for name in SHARED:
        table.add_row(name, f"{result[name]:g}", "", "")
    table.add_row("given to a process", f"{result['given to a process']:g}", "CPU ms", "")
    return [table]
