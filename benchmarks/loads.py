"""Whole machines under page traffic: what both clocks, and C, are measured with.

Objects come and go: anonymous memory, files, kernel memory.  Each is touched in one burst, some are
used again, most are dropped; items of a zone are taken and given back meanwhile.  No slab is ever
asked for, so that designs of NOFREE pages do not matter: slabs have more items than are taken.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vmmodel.consumers.layout import keg_layout
from vmmodel.sim.whole import WholeMachine, WholeScript
from vmmodel.traffic import Kind, Op
from vmmodel.traffic.machine import Load, Rows, event_rows, object_rows

MEAN_PAGES = 180
"""Pages of an object; lognormal, so that a few are much larger."""
LARGEST = 4096
PAGE_NS = 1000
"""About the time that a CPU takes for a page: zeroing, mapping, *gap*."""
GAP_NS = 200
"""Between two pages of an object."""
ENDLESS = 1 << 40
"""Items in slabs at the start."""


@dataclass(frozen=True)
class Mix:
    """What objects are, and how much of the memory they would fill."""

    name: str
    filled: float
    """Pages that live objects would have at a time, as a share of memory: above 1 it must be
    reclaimed."""
    busy: float = 0.4
    """Share of the time in which a CPU touches pages."""
    kinds: tuple[float, ...] = (0.7, 0.15, 0.1, 0.05)
    """Shares of `Kind`."""


ORDINARY = Mix("ordinary", filled=0.6)
PRESSURE = Mix("pressure", filled=2.5, busy=0.05, kinds=(0.7, 0.2, 0.05, 0.05))


def script(mix: Mix, npages: int, ncpus: int, operations: int, seed: int) -> WholeScript:
    """Draw a whole run of about so many *operations*: pages that come, and pages that go."""
    random = np.random.default_rng(np.random.SeedSequence([seed, npages, ncpus, operations]))
    largest = min(LARGEST, npages // 32)
    n = max(operations // (2 * MEAN_PAGES), 4 * ncpus)
    sizes = np.minimum(random.lognormal(np.log(MEAN_PAGES) - 0.5, 1.0, n).astype(int) + 1, largest)
    span = int(sizes.sum() * PAGE_NS / (ncpus * mix.busy))
    life = mix.filled * npages * span / sizes.sum()
    begin = np.sort(random.integers(0, span, n))
    end = begin + random.exponential(life, n).astype(int)
    again = begin + ((end - begin) * random.random(n)).astype(int)
    cpus = random.integers(0, ncpus, n)
    timelines = []
    for cpu in range(ncpus):
        own = np.flatnonzero(cpus == cpu)
        rows = [
            _rows(Op.TOUCH, begin[own], own, sizes[own]),
            _rows(Op.USE, again[own], own, sizes[own])[::3],
            _rows(Op.DROP, end[own], own, sizes[own]),
            _rows(Op.ITEMS, begin[own], np.zeros_like(own), sizes[own] % 16 + 1),
            _rows(Op.UNITEMS, end[own], np.zeros_like(own), sizes[own] % 16 + 1),
        ]
        timelines.append(_in_order(np.concatenate(rows)))
    kinds = random.choice(len(Kind), n, p=mix.kinds)
    load = Load(tuple(timelines), object_rows(kinds), zones=(30, 62), swap_zone=1)
    zones = (("VM OBJECT", keg_layout(264, ncpus)), ("swblk", keg_layout(136, ncpus)))
    return WholeScript((npages,), load, zones, horizon_ns=span)


def machine(drawn: WholeScript, clock: str = "compiled", trace: int = 0) -> WholeMachine:
    """Make a machine for the script, with items without end."""
    made = WholeMachine(drawn, "ordinary", clock=clock, trace=trace)  # type: ignore[arg-type]
    for z in range(len(drawn.zones)):
        made.traffic.set_keg_free(z, ENDLESS)
    return made


def _rows(
    op: Op,
    times: npt.NDArray[np.int64],
    objects: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
) -> Rows:
    rows = event_rows(len(times))
    rows["op"], rows["time"], rows["object"], rows["count"] = op, times, objects, counts
    rows["gap"] = GAP_NS
    return rows


def _in_order(rows: Rows) -> Rows:
    """Sort by time; what happens at the same time stays in its order."""
    ordered: Rows = rows[np.argsort(rows["time"], kind="stable")]
    return ordered
