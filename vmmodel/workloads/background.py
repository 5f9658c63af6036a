"""Ordinary pages around the subject: file cache, anonymous memory, kernel memory.

Three kinds of burst, told apart by size, pool and lifetime.  Most live a small part of the run,
some outlive it: the shape of the published lifetimes of a kernel build (98.7 % of freed pages
live for less than 1 % of the trace, then a flat tail), not one exponential.
"""

from dataclasses import dataclass
from itertools import count

import numpy as np
import numpy.typing as npt

from vmmodel.kernel import Pool
from vmmodel.sim.script import Action, Give, Take
from vmmodel.workloads.streams import Streams

Times = npt.NDArray[np.int64]

STORM_SPREAD_NS = 20_000
"""Mean distance of the actions of one storm from its start."""


@dataclass(frozen=True)
class Background:
    """How much ordinary traffic a run has."""

    npages: int
    """Pages of the machine."""
    horizon_ns: int
    cpus: int
    cache_share: float
    """Share of memory that file cache holds at the start and on average."""
    turnover: float
    """How often the file cache is replaced during the run."""
    anonymous_bursts: int
    kernel_bursts: int
    storms: int
    """Instants at which the CPUs are busy together."""
    kernel_pages: int = 0
    """Pages that zones which are not NOFREE grow to, besides the bursts."""

    @property
    def bucket(self) -> int:
        """Pages that a per-CPU page cache moves at once.  FreeBSD: vm_page_zone_init()."""
        return min(self.npages // 1000 // (2 * self.cpus) // 2, 254)


MEDIAN_FILE = 256
"""Pages; lognormal with sigma 1.2, so the mean is about twice as large."""
FILE_SIGMA = 1.2
MOST_PAGES = 4096
ANONYMOUS_PARTS = 4


def storm_times(b: Background, n: int, rng: np.random.Generator, thinning: float = 1.0) -> Times:
    """Draw *n* instants in ns, each close to the start of one of the run's storms.

    Storms are even over the run; with *thinning* above 1 the early ones draw more.
    """
    starts = np.sort(rng.integers(0, b.horizon_ns, b.storms))
    chosen = (rng.random(n) ** thinning * b.storms).astype(np.int64)
    times = starts[chosen] + rng.exponential(STORM_SPREAD_NS, n).astype(np.int64)
    return np.minimum(times, b.horizon_ns)


def draw_background(
    background: Background, streams: Streams
) -> tuple[list[Action], list[tuple[int, Action]]]:
    """Draw what is there at the start, and what comes and goes later, in order of time."""
    numbers = count()
    boot: list[Action] = []
    later: list[tuple[int, Action]] = []
    _draw_cache(background, streams("cache"), numbers, boot, later)
    _draw_anonymous(background, streams("anonymous"), numbers, later)
    _draw_kernel(background, streams("kernel"), numbers, later)
    _draw_zones(background, streams("zones"), numbers, later)
    later.sort(key=lambda timed: timed[0])
    return boot, later


def _draw_cache(
    b: Background,
    rng: np.random.Generator,
    numbers: "count[int]",
    boot: list[Action],
    later: list[tuple[int, Action]],
) -> None:
    """Fill the file cache, then replace files one by one, oldest not first."""
    held, sizes = 0, []
    while held < b.cache_share * b.npages:
        size = int(np.clip(rng.lognormal(np.log(MEDIAN_FILE), FILE_SIGMA), 1, MOST_PAGES))
        sizes.append(size)
        held += size
    alive = [next(numbers) for _ in sizes]
    boot += [Take(n, size, Pool.DEFAULT) for n, size in zip(alive, sizes, strict=True)]
    replaced = int(b.turnover * len(sizes))
    for time_ns in np.sort(rng.integers(0, b.horizon_ns, replaced)).tolist():
        victim = int(rng.integers(len(alive)))
        size = int(np.clip(rng.lognormal(np.log(MEDIAN_FILE), FILE_SIGMA), 1, MOST_PAGES))
        later.append((time_ns, Give(alive[victim])))
        alive[victim] = next(numbers)
        later.append((time_ns, Take(alive[victim], size, Pool.DEFAULT)))


def _draw_anonymous(
    b: Background,
    rng: np.random.Generator,
    numbers: "count[int]",
    later: list[tuple[int, Action]],
) -> None:
    """Refill page caches for faults; the pages of a bucket are freed at several times."""
    times = np.sort(storm_times(b, b.anonymous_bursts, rng))
    lives = lifetimes(b, (b.anonymous_bursts, ANONYMOUS_PARTS), rng)
    for time_ns, parts in zip(times.tolist(), lives.tolist(), strict=True):
        n = next(numbers)
        later.append((time_ns, Take(n, b.bucket, Pool.DEFAULT, ANONYMOUS_PARTS)))
        later += [(time_ns + life, Give(n, part)) for part, life in enumerate(parts)]


def _draw_kernel(
    b: Background,
    rng: np.random.Generator,
    numbers: "count[int]",
    later: list[tuple[int, Action]],
) -> None:
    """Take page-table pages and slabs of zones that are not NOFREE, from pool DIRECT."""
    times = np.sort(storm_times(b, b.kernel_bursts, rng))
    sizes = rng.integers(1, 17, b.kernel_bursts)
    lives = lifetimes(b, (b.kernel_bursts, 1), rng)
    for time_ns, size, (life,) in zip(times.tolist(), sizes.tolist(), lives.tolist(), strict=True):
        n = next(numbers)
        later.append((time_ns, Take(n, size, Pool.DIRECT)))
        later.append((time_ns + life, Give(n)))


def _draw_zones(
    b: Background,
    rng: np.random.Generator,
    numbers: "count[int]",
    later: list[tuple[int, Action]],
) -> None:
    """Grow the zones that are not NOFREE, a page-cache bucket at a time, from pool DIRECT."""
    n = -(-b.kernel_pages // b.bucket)
    for time_ns in np.sort(storm_times(b, n, rng, thinning=2)).tolist():
        later.append((time_ns, Take(next(numbers), b.bucket, Pool.DIRECT)))


SHORT_SHARE = 0.988
SHORT_MEAN = 0.0015
"""Of the run: with these, 98.7 % live for less than a hundredth of it."""


def lifetimes(b: Background, shape: tuple[int, int], rng: np.random.Generator) -> Times:
    """Draw lifetimes in ns: nearly all short, the rest evenly up to the length of the run."""
    short = rng.exponential(SHORT_MEAN * b.horizon_ns, shape)
    long = rng.uniform(0, b.horizon_ns, shape)
    chosen = np.where(rng.random(shape) < SHORT_SHARE, short, long)
    return np.maximum(chosen, 1).astype(np.int64)
