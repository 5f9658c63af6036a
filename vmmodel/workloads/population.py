"""Building blocks of page traffic: objects, the events of each CPU, processes that come and go."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vmmodel.traffic import Kind, Op, Policy
from vmmodel.traffic.machine import Load, event_rows, object_rows

Ints = npt.NDArray[np.int64]

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
PAGES_PER_GB = 262_144


class Population:
    """Collects objects and events, and gives the `Load` that they are.

    Events that share a CPU and an instant happen in the order in which they were added.
    """

    def __init__(self) -> None:
        self._objects: list[npt.NDArray[np.void]] = []
        self._n = 0
        self._events: list[npt.NDArray[np.void]] = []
        self._cpus: list[Ints] = []

    def objects(self, n: int, kind: Kind, **columns: Any) -> Ints:
        """Add *n* objects; give their numbers.  See `object_rows` for *columns*."""
        self._objects.append(object_rows(np.full(n, int(kind)), **columns))
        self._n += n
        return np.arange(self._n - n, self._n)

    def events(
        self, op: Op, cpu: Any, time_ns: Any, number: Any, count: Any, gap_ns: int = 0
    ) -> None:
        """Add one event for each element of the broadcast arguments.

        *number* is that of an object, or of a zone; what counts nothing is left out.
        """
        arrays = np.broadcast_arrays(cpu, time_ns, number, count)
        wanted = np.asarray(arrays[3]) > 0
        cpus, times, numbers, counts = (np.asarray(array)[wanted] for array in arrays)
        rows = event_rows(len(times))
        rows["op"], rows["time"], rows["object"], rows["count"] = int(op), times, numbers, counts
        rows["gap"] = gap_ns
        self._events.append(rows)
        self._cpus.append(cpus.astype(np.int64))

    def items_taken(self, nzones: int) -> list[int]:
        """Give how many items of each zone are taken in all."""
        taken = np.zeros(nzones, np.int64)
        for rows in self._events:
            items = rows[rows["op"] == int(Op.ITEMS)]
            np.add.at(taken, items["object"], items["count"])
        return [int(n) for n in taken]

    def load(
        self,
        ncpus: int,
        zones: tuple[int, ...] = (),
        swap_zone: int = -1,
        policy: Policy = Policy.FIRST_TOUCH,
        **columns: Any,
    ) -> Load:
        """Give the load of a machine with *ncpus*, its objects under one *policy*."""
        if not self._events:  # a machine on which nothing happens
            self.events(Op.DROP, [], [], [], [])
            self.objects(0, Kind.ANON)
        events, cpus = np.concatenate(self._events), np.concatenate(self._cpus)
        order = np.lexsort((events["time"], cpus))
        events, cpus = events[order], cpus[order]
        cuts = np.searchsorted(cpus, np.arange(1, ncpus))
        timelines = tuple(np.split(events, cuts))
        objects = np.concatenate(self._objects)
        objects["policy"] = int(policy)
        return Load(timelines, objects, zones, swap_zone, **columns)


@dataclass(frozen=True)
class ProcessKind:
    """What a process of one kind has, on average where a number is not whole."""

    name: str
    pages: float
    """Anonymous pages, median; lognormal.  0: it has none."""
    sigma: float
    objects: int
    """Anonymous VM objects that hold them: heap, stack, data of libraries."""
    copied: float
    """Share of the pages that are copied on write: every third page of a mapping."""
    kernel_pages: int
    """Page tables, kernel stack, slabs that are not NOFREE."""
    items: dict[str, int]
    """Items of NOFREE zones that it holds."""
    gap_ns: int
    """Between two page faults."""


MOST_PAGES = 400_000
"""Of a process: 1.6 GB."""


def draw_sizes(median: float, sigma: float, n: int, most: int, rng: np.random.Generator) -> Ints:
    """Draw sizes in pages: lognormal, at least 1 and at most *most*."""
    sizes = rng.lognormal(np.log(median), sigma, n).astype(np.int64) + 1
    return np.minimum(sizes, most)


def add_processes(
    population: Population,
    kind: ProcessKind,
    zones: dict[str, int],
    cpu: Ints,
    start: Ints,
    life: Ints,
    rng: np.random.Generator,
) -> Ints:
    """Let processes of *kind* start on *cpu* at *start* (ns) and exit after *life* (ns).

    A fork takes items of NOFREE zones (*zones* maps names to numbers) and pages for its tables; the
    image then faults its pages in; exit gives all of them back.  The numbers of the heaps are given
    (shape (processes,)).
    """
    n = len(start)
    end = start + life
    sizes = np.zeros(n, np.int64)
    if kind.pages:
        sizes = draw_sizes(kind.pages, kind.sigma, n, MOST_PAGES, rng)
    add_items(population, Op.ITEMS, kind.items, zones, cpu, start)
    kernel = population.objects(n, Kind.KERNEL)
    population.events(Op.TOUCH, cpu, start, kernel, kind.kernel_pages + sizes // 512)
    if not kind.pages:
        population.events(Op.DROP, cpu, end, kernel, min(kind.kernel_pages, 1))
        add_items(population, Op.UNITEMS, kind.items, zones, cpu, end)
        return np.empty(0, np.int64)
    copied = (sizes * kind.copied).astype(np.int64)
    data = population.objects(n, Kind.ANON, stride=3)
    population.events(Op.TOUCH, cpu, start, data, copied, kind.gap_ns)
    heaps = np.empty(0, np.int64)
    for share in _shares(kind.objects):
        heaps = population.objects(n, Kind.ANON)
        pages = ((sizes - copied) * share).astype(np.int64)
        population.events(Op.TOUCH, cpu, start, heaps, pages, kind.gap_ns)
        population.events(Op.DROP, cpu, end, heaps, np.minimum(pages, 1))
    population.events(Op.DROP, cpu, end, data, np.minimum(copied, 1))
    population.events(Op.DROP, cpu, end, kernel, 1)
    add_items(population, Op.UNITEMS, kind.items, zones, cpu, end)
    return heaps


def add_items(
    population: Population, op: Op, items: dict[str, int], zones: dict[str, int], cpu: Any,
    time: Any,
) -> None:  # fmt: skip
    """Take or give back the same *items* at each of the times."""
    for name, count in items.items():
        population.events(op, cpu, time, zones[name], count)


def _shares(n: int) -> list[float]:
    """Split a process's memory over *n* objects, each half of the one before; the largest last."""
    weights = [2.0**i for i in range(n)]
    return [weight / sum(weights) for weight in weights]


def mixture(
    short_ns: float, longest_ns: Ints | float, short_share: float, n: int, rng: np.random.Generator
) -> Ints:
    """Draw lifetimes: nearly all exponential and short, the rest evenly up to the longest.

    The shape of the published lifetimes of a kernel build: 98.7 % of the pages that are freed live
    for less than a hundredth of the trace, then a flat tail (data/lifetimes).
    """
    short = rng.exponential(short_ns, n)
    long = rng.uniform(0, 1, n) * longest_ns
    chosen = np.where(rng.random(n) < short_share, short, long)
    return np.maximum(chosen, 1_000_000).astype(np.int64)


def draw_uses(start: Ints, life: Ints, times: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Draw *times* instants in each life, away from its ends: which thing it is, and when."""
    which = np.repeat(np.arange(len(start)), times)
    when = start[which] + (rng.random(len(which)) * 0.98 + 0.01) * life[which]
    return which, when.astype(np.int64)
