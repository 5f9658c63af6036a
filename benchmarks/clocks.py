"""The two clocks side by side, and what SimPy's event loop costs without any model.

The compiled clock, the plain clock and a bare loop take turns on one script.  The clocks must give
the same sequence of (time, CPU, operation, page).  The bare loop has as many processes as the plain
clock has actors, each of which sleeps again and again, and the same number of events in all.
"""

import gc
import statistics
from collections.abc import Callable, Generator
from itertools import count
from typing import Any

import simpy
from rich.table import Table

from benchmarks.loads import ORDINARY, machine, script
from benchmarks.rounds import Difference, at_least, at_most, cpu_ns, ratios, spread

FASTER_GOAL = 60.0
"""Compiled against plain, at least."""
LOOP_GOAL = 2.0
"""Plain against the bare loop, at most."""
NPAGES, NCPUS, SEED = 1 << 18, 8, 1


def measure(quick: bool, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure all three in turn; *quick* takes a shorter script and fewer rounds."""
    rounds, operations = (5, 2_000_000) if quick else (7, 4_000_000)
    tell(f"clocks: {rounds} rounds of {operations:,} page operations under each")
    return compare(NPAGES, operations, rounds)


def compare(npages: int, operations: int, rounds: int) -> dict[str, Any]:
    """Run the three contestants so often; raise `Difference` if the clocks do not agree."""
    drawn = script(ORDINARY, npages, NCPUS, operations, SEED)
    events, served = count_events(machine(drawn, "plain"))
    times: dict[str, list[int]] = {"compiled": [], "plain": [], "bare": []}
    digests: set[int] = set()
    for _ in range(rounds):
        for clock in ("compiled", "plain"):
            made = machine(drawn, clock)
            gc.collect()
            times[clock].append(cpu_ns(lambda on=made: on.run(nsamples=1)))
            digests.add(int(made.traffic.state["digest"]))
            made.close()
        if len(digests) > 1:
            raise Difference("the compiled and the plain clock gave different sequences")
        loop = bare_loop(NCPUS + 1, events)
        times["bare"].append(cpu_ns(loop.run))
    return {
        "npages": npages,
        "operations": served,
        "events": events,
        "rounds": rounds,
        "digest": f"{digests.pop():010x}",
        "ns": times,
        "medians_ns": {name: statistics.median(each) for name, each in times.items()},
        "faster": ratios(times["plain"], times["compiled"]),
        "overhead": ratios(times["plain"], times["bare"]),
    }


def tables(result: dict[str, Any]) -> list[Table]:
    """Give the result as a table."""
    served, medians = result["operations"], result["medians_ns"]
    table = Table(
        *("clock", "us an operation", "ratio", "low to high", "goal"),
        title=f"{served:,} page operations, {result['events']:,} SimPy events, median of "
        f"{result['rounds']} rounds",
        title_justify="left",
    )
    faster, overhead = result["faster"], result["overhead"]
    table.add_row("bare event loop", f"{medians['bare'] / served / 1000:.2f}", "", "", "")
    table.add_row(
        "plain / bare loop",
        f"{medians['plain'] / served / 1000:.2f}",
        *spread(overhead),
        at_most(overhead["median_ratio"], LOOP_GOAL),
    )
    table.add_row(
        "plain / compiled",
        f"{medians['compiled'] / served / 1000:.3f}",
        *spread(faster),
        at_least(faster["median_ratio"], FASTER_GOAL),
    )
    return [table]


def count_events(made: Any) -> tuple[int, int]:
    """Run a machine; give the SimPy events that it processed, and its page operations."""
    counter, step = count(), made.env.step

    def counted() -> None:
        next(counter)
        step()

    made.env.step = counted
    made.run(nsamples=1)
    made.close()
    return next(counter), int(made.traffic.state["operations"])


def bare_loop(nprocesses: int, events: int) -> simpy.Environment:
    """Make an environment whose processes only sleep: *events* times in all."""
    env = simpy.Environment()
    for i in range(nprocesses):
        env.process(_sleeper(env, 100 + i, events // nprocesses))
    return env


def _sleeper(env: simpy.Environment, ns: int, times: int) -> Generator[simpy.Event, Any, None]:
    for _ in range(times):
        yield env.timeout(ns)
