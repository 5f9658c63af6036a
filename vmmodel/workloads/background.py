"""Ordinary pages around the subject: file cache, anonymous memory, kernel memory.

Three kinds of burst, told apart by size, pool and lifetime.  Most live a small part of the run,
some outlive it: the shape of the published lifetimes of a kernel build (98.7 % of freed pages
live for less than 1 % of the trace, then a flat tail), not one exponential.
"""

from dataclasses import dataclass
from itertools import count

import numpy as np
import numpy.typing as npt

from vmmodel.errors import InputError
from vmmodel.kernel import Pool
from vmmodel.sim.script import Action, Give, Take
from vmmodel.workloads.bursts import Traffic
from vmmodel.workloads.streams import Streams

Times = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Background:
    """The ordinary traffic of a run: the machine it is on, and what the file tells of it."""

    npages: int
    """Pages of the machine."""
    horizon_ns: int
    cpus: int
    told: Traffic
    kernel_pages: int = 0
    """Pages that zones which are not NOFREE grow to, besides the bursts."""

    @property
    def bucket(self) -> int:
        """Pages that a per-CPU page cache moves at once; one where there is none.

        FreeBSD: vm_page_zone_init().
        """
        return max(min(self.npages // 1000 // (2 * self.cpus) // 2, 254), 1)


MOST_PAGES = 4096
"""Of one file."""
MOST_FILES = 5_000_000
"""To keep a script within memory; ours have some 10,000."""
ANONYMOUS_PARTS = 4
"""Times at which the pages of a bucket are freed."""
KERNEL_PAGES = 16
"""Most pages of one allocation of the kernel."""


def storm_times(b: Background, n: int, rng: np.random.Generator, thinning: float = 1.0) -> Times:
    """Draw *n* instants in ns, each close to the start of one of the run's storms.

    Storms are even over the run; with *thinning* above 1 the early ones draw more.
    """
    storms = b.told.storms.whole
    starts = np.sort(rng.integers(0, b.horizon_ns, storms))
    chosen = (rng.random(n) ** thinning * storms).astype(np.int64)
    times = starts[chosen] + rng.exponential(b.told.storm_spread.ns, n).astype(np.int64)
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
    _bound_files(b)
    held, sizes = 0, []
    while held < b.told.cache_share.value * b.npages:
        size = _file_pages(b, rng)
        sizes.append(size)
        held += size
    alive = [next(numbers) for _ in sizes]
    boot += [Take(n, size, Pool.DEFAULT) for n, size in zip(alive, sizes, strict=True)]
    replaced = int(b.told.turnover.value * len(sizes))
    for time_ns in np.sort(rng.integers(0, b.horizon_ns, replaced)).tolist():
        victim = int(rng.integers(len(alive)))
        size = _file_pages(b, rng)
        later.append((time_ns, Give(alive[victim])))
        alive[victim] = next(numbers)
        later.append((time_ns, Take(alive[victim], size, Pool.DEFAULT)))


def _bound_files(b: Background) -> None:
    """Refuse what would not fit into our own memory."""
    files = b.told.cache_share.value * b.npages / b.told.file_pages.value
    drawn = files * (1 + 2 * b.told.turnover.value)
    if drawn > MOST_FILES:
        what = f"{drawn:.3g} files are cached or replaced"
        raise InputError("background", what, f"at most {MOST_FILES:,}: larger file_pages, or less")


def _file_pages(b: Background, rng: np.random.Generator) -> int:
    median, sigma = b.told.file_pages.value, b.told.file_sigma.value
    return int(np.clip(rng.lognormal(np.log(median), sigma), 1, MOST_PAGES))


def _draw_anonymous(
    b: Background,
    rng: np.random.Generator,
    numbers: "count[int]",
    later: list[tuple[int, Action]],
) -> None:
    """Refill page caches for faults; the pages of a bucket are freed at several times."""
    n = b.told.anonymous_bursts.whole
    times = np.sort(storm_times(b, n, rng))
    lives = lifetimes(b, (n, ANONYMOUS_PARTS), rng)
    for time_ns, parts in zip(times.tolist(), lives.tolist(), strict=True):
        burst = next(numbers)
        later.append((time_ns, Take(burst, b.bucket, Pool.DEFAULT, ANONYMOUS_PARTS)))
        later += [(time_ns + life, Give(burst, part)) for part, life in enumerate(parts)]


def _draw_kernel(
    b: Background,
    rng: np.random.Generator,
    numbers: "count[int]",
    later: list[tuple[int, Action]],
) -> None:
    """Take page-table pages and slabs of zones that are not NOFREE, from pool DIRECT."""
    n = b.told.kernel_bursts.whole
    times = np.sort(storm_times(b, n, rng))
    sizes = rng.integers(1, KERNEL_PAGES + 1, n)
    lives = lifetimes(b, (n, 1), rng)
    for time_ns, size, (life,) in zip(times.tolist(), sizes.tolist(), lives.tolist(), strict=True):
        burst = next(numbers)
        later.append((time_ns, Take(burst, size, Pool.DIRECT)))
        later.append((time_ns + life, Give(burst)))


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


def lifetimes(b: Background, shape: tuple[int, int], rng: np.random.Generator) -> Times:
    """Draw lifetimes in ns: nearly all short, the rest evenly up to the length of the run."""
    short = rng.exponential(b.told.short_life.value * b.horizon_ns, shape)
    long = rng.uniform(0, b.horizon_ns, shape)
    chosen = np.where(rng.random(shape) < b.told.short_share.value, short, long)
    return np.maximum(chosen, 1).astype(np.int64)
