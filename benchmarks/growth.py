"""How the time of an operation grows with operations, pages and CPUs, under the compiled clock.

One of the three grows while the others stay; rounds go through all cases in turn.  A slope is the
exponent of a power law, fitted to the medians by least squares on logarithms: time of a whole run
against operations (1 is linear), time of an operation against pages (0 is flat).
"""

import gc
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rich.table import Table

from benchmarks.loads import ORDINARY, machine, script
from benchmarks.rounds import cpu_ns

SEED = 1
LINEAR = 1.1
"""Greatest exponent of the time of a run over operations."""


@dataclass(frozen=True)
class Case:
    """One measured size."""

    npages: int
    ncpus: int
    operations: int


MIDDLE = Case(1 << 20, 8, 2_000_000)
OPERATIONS = tuple(Case(1 << 18, 8, n * 500_000) for n in (1, 2, 4, 8))
PAGES = tuple(Case(1 << n, 8, MIDDLE.operations) for n in (16, 18, 20, 22, 24))
CPUS = tuple(Case(1 << 20, n, MIDDLE.operations) for n in (1, 2, 4, 8, 16, 32, 64))


def measure(quick: bool, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure all cases; *quick* leaves out the largest."""
    rounds = 3 if quick else 7
    cut = -1 if quick else None
    found = {}
    axes = {"operations": OPERATIONS, "npages": PAGES, "ncpus": CPUS}
    for axis, cases in axes.items():
        tell(f"growth: {axis}")
        found[axis] = measure_cases(cases[:cut], rounds)
    return {
        "rounds": rounds,
        **found,
        "exponents": {axis: exponent(axis, rows) for axis, rows in found.items()},
    }


def measure_cases(cases: Sequence[Case], rounds: int) -> list[dict[str, Any]]:
    """Run each case so often, in turn: ns for an operation."""
    scripts = [script(ORDINARY, c.npages, c.ncpus, c.operations, SEED) for c in cases]
    times: list[list[float]] = [[] for _ in cases]
    served = [0 for _ in cases]
    for _ in range(rounds):
        for i, drawn in enumerate(scripts):
            made = machine(drawn)
            gc.collect()
            ns = cpu_ns(lambda on=made: on.run(nsamples=1))
            served[i] = int(made.traffic.state["operations"])
            times[i].append(ns / served[i])
            made.close()
    return [
        {
            **asdict(case),
            "served": served[i],
            "ns": times[i],
            "median_ns": statistics.median(times[i]),
        }
        for i, case in enumerate(cases)
    ]


def exponent(axis: str, rows: Sequence[dict[str, Any]]) -> float:
    """Fit a power law: of the whole run over operations, else of one operation."""
    sizes = [row["served"] if axis == "operations" else row[axis] for row in rows]
    times = [row["median_ns"] * (row["served"] if axis == "operations" else 1) for row in rows]
    slope = np.polyfit([math.log(n) for n in sizes], [math.log(t) for t in times], 1)[0]
    return round(float(slope), 3)


def tables(result: dict[str, Any]) -> list[Table]:
    """Give the result as a table."""
    table = Table(
        *("grows", "pages", "CPUs", "operations", "ns an operation", "low to high"),
        title=f"Growth, median of {result['rounds']} rounds",
        caption=_caption(result["exponents"]),
        title_justify="left",
        caption_justify="left",
    )
    for axis in ("operations", "npages", "ncpus"):
        for row in result[axis]:
            table.add_row(
                axis.removeprefix("n"),
                f"{row['npages']:,}",
                f"{row['ncpus']}",
                f"{row['served']:,}",
                f"{row['median_ns']:.1f}",
                f"{min(row['ns']):.1f} to {max(row['ns']):.1f}",
            )
    return [table]


def _caption(exponents: dict[str, float]) -> str:
    linear = exponents["operations"]
    goal = f"goal {LINEAR:g}" + ("" if linear <= LINEAR else ", missed")
    return (
        f"A run takes time as operations ** {linear:.2f} ({goal}); an operation as pages ** "
        f"{exponents['npages']:.2f} and as CPUs ** {exponents['ncpus']:.2f}."
    )
