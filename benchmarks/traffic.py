"""Whole page traffic: compiled Python with SimPy in charge against a C program that does it all.

Both run the same script on two machines in the same state, one after the other, and take turns in
being first.  Afterwards every field of both must be equal: pages, lists, caches, reservations,
objects, queues, locks, histograms, and the digest of the sequence of (time, CPU, operation, page).
Time is CPU time of this process, making the machine not included.
"""

import ctypes
import gc
import statistics
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.compiler import FLAGS, Compiled, build
from benchmarks.loads import ORDINARY, PRESSURE, Mix, machine, script
from benchmarks.rounds import Difference, at_most, cpu_ns, ratios, spread
from vmmodel.kernel.cstruct import Struct
from vmmodel.kernel.pages import (
    Bucket,
    CpuCache,
    Domain,
    FreeList,
    Machine,
    Page,
    PageCache,
    Reserv,
    Segment,
)
from vmmodel.kernel.pidctrl import PidCtrl
from vmmodel.sim.whole import WholeMachine
from vmmodel.traffic import structs as traffic

GOAL = 1.3
"""Ours to C, at most."""
SEED = 1
NCPUS = 8
SOURCE = Path(__file__).with_name("traffic.c")
STRUCTS: tuple[Struct, ...] = (
    *(Page, FreeList, Segment, Domain, Machine, PageCache, CpuCache, Bucket, Reserv, PidCtrl),
    *(traffic.Event, traffic.Actor, traffic.Object, traffic.Part, traffic.PageQueue),
    *(traffic.ItemZone, traffic.ItemCache, traffic.Daemon, traffic.Lock, traffic.Record),
    traffic.TrafficState,
)
"""Those of which `layout` in traffic.c gives the sizes."""

Runner = Callable[[WholeMachine], None]


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    mix: Mix
    npages: int
    operations: int
    """Page operations to draw; a full memory serves fewer."""


CASES = (
    Case(ORDINARY, 1 << 20, 6_000_000),
    Case(PRESSURE, 1 << 20, 7_000_000),
    Case(ORDINARY, 1 << 22, 8_000_000),
)
QUICK = (Case(ORDINARY, 1 << 16, 2_000_000), Case(PRESSURE, 1 << 20, 7_000_000))


def measure(quick: bool, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure all cases; *quick* takes a smaller memory and fewer rounds."""
    rounds, cases = (5, QUICK) if quick else (9, CASES)
    built = build(SOURCE, STRUCTS)
    compiled = built if isinstance(built, Compiled) else None
    rows = []
    for case in cases:
        tell(f"traffic: {case.mix.name} on {case.npages:,} pages")
        rows.append(measure_case(case, compiled, rounds))
    result: dict[str, Any] = {"rounds": rounds, "goal": GOAL, "cases": rows}
    if compiled is None:
        return {**result, "without_c": built}
    return {**result, "compiler": compiled.compiler, "flags": " ".join(FLAGS)}


def tables(result: dict[str, Any]) -> list[Table]:
    """Give the result as a table; without a compiler the caption says why there is no C."""
    caption = result.get("without_c") or f"C: {result['compiler']}, {result['flags']}"
    table = Table(
        *("load", "pages", "operations", "reclaimed", "ours ns", "C ns", "ours / C"),
        *("low to high", "goal"),
        title=f"Page traffic of {NCPUS} CPUs, SimPy in charge, median of {result['rounds']} rounds",
        caption=caption,
        title_justify="left",
        caption_justify="left",
    )
    for case in result["cases"]:
        words = [case["mix"], f"{case['npages']:,}", f"{case['operations']:,}"]
        words += [f"{case['reclaimed']:,}", f"{case['median_ours_ns']:.1f}"]
        if case["c_ns"]:
            words += [f"{case['median_c_ns']:.1f}", *spread(case)]
            words.append(at_most(case["median_ratio"], GOAL))
        table.add_row(*words)
    return [table]


def measure_case(case: Case, compiled: Compiled | None, rounds: int) -> dict[str, Any]:
    """Run both on the same script so often; raise `Difference` if they do not agree."""
    drawn = script(case.mix, case.npages, NCPUS, case.operations, SEED)
    runners: list[Runner] = [_ours] if compiled is None else [_ours, c_runner(compiled)]
    times: list[list[int]] = [[] for _ in runners]
    states: set[str] = set()
    counts: dict[str, int] = {}
    for half in range(rounds + 1):  # the first warms up
        for i in range(len(runners))[:: 1 if half % 2 else -1]:
            made = machine(drawn)
            gc.collect()
            times[i].append(cpu_ns(lambda run=runners[i], on=made: run(on)))
            states.add(state_of(made))
            counts = counts_of(made)
            made.close()
            if len(states) > 1:
                raise Difference(f"{case.mix.name}: compiled Python and C ended differently")
    per_operation = [[ns / counts["operations"] for ns in each[1:]] for each in times]
    ours_ns, c_ns = per_operation[0], per_operation[1] if compiled else []
    return {
        "mix": case.mix.name,
        "npages": case.npages,
        **counts,
        "ours_ns": ours_ns,
        "c_ns": c_ns,
        "median_ours_ns": statistics.median(ours_ns),
        "median_c_ns": statistics.median(c_ns) if c_ns else None,
        **(ratios(ours_ns, c_ns) if c_ns else {}),
        "state": states.pop(),
    }


def state_of(made: WholeMachine) -> str:
    """Digest every field of memory and traffic but addresses; the sequence of operations last."""
    digest = 0
    for array in (*made.vm.arrays(), *made.traffic.arrays()):
        for name, kind in array.struct.fields.items():
            if isinstance(kind, str):
                digest = zlib.crc32(array.column(name).tobytes(), digest)
    return f"{digest:08x}-{int(made.traffic.state['digest']):010x}"


def counts_of(made: WholeMachine) -> dict[str, int]:
    """Read what happened in a run."""
    lock = made.traffic.lock(0)
    waits = [row for row in made.traffic.latencies() if row[:2] == ("page-reclaim", "wait")]
    return {
        "operations": int(made.traffic.state["operations"]),
        "reclaimed": sum(row[4] for row in waits),
        "refused": int(made.traffic.state["refused"]),
        "free_count": made.vm.free_count(),
        "lock_holds": int(lock["holds"]),
        "lock_contended": int(lock["contended"]),
        "lock_wait_ns": int(lock["wait_ns"]),
        "lock_hold_ns": int(lock["hold_ns"]),
    }


def _ours(made: WholeMachine) -> None:
    made.run(nsamples=1)


def c_runner(compiled: Compiled) -> Runner:
    """Give what runs a machine in C."""
    run = compiled.library.run
    run.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int]
    run.restype = ctypes.c_bool

    def in_c(made: WholeMachine) -> None:
        launder_ns = round(made.prices.launder_page.value)
        end, nzones = made.script.horizon_ns + 1, len(made.script.zones)
        if not run(made.traffic.at, end, launder_ns, nzones):
            raise Difference("C needed a slab, which the load must not")

    return in_c
