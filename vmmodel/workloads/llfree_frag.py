"""LLFree's fragmentation benchmark: its sizes, and everything in it that chance decides.

Threads fill most of memory with order-0 pages, the pages are shuffled over all threads, and each
thread frees the second half of what it now has, in order.  In a round a thread frees a random part
of its half, and then fills the same places in the same order.

Source: `frag` in ``alloc.c`` of github.com/luhsra/linux-alloc-bench (versions f73a87f and 07b29b1,
which agree in all of this).  There the shuffle swaps each place with a random one, which is not
quite uniform; here every order is equally likely.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vmmodel.workloads.streams import Streams

Places = npt.NDArray[np.int32]
"""Indices of places; thread *t* has those from ``t * each`` on."""

SPARE_PAGES = 10
"""Pages a thread that the artifact leaves out before it takes its percentage."""


@dataclass(frozen=True)
class FragSizes:
    """How much each thread fills, keeps and moves.

    >>> sizes = FragSizes(4_194_304, nthreads=8, fill_percent=90, realloc_percent=10, rounds=100)
    >>> sizes.each, sizes.moved
    (471850, 23592)
    """

    npages: int
    """Pages of the machine."""
    nthreads: int
    """Threads, each on a processor of its own."""
    fill_percent: int
    """Of all pages, filled at first."""
    realloc_percent: int
    """Of what a thread keeps, freed and allocated again in a round."""
    rounds: int
    """Rounds after the first freeing."""

    @property
    def each(self) -> int:
        """Pages that a thread fills at first."""
        share = (self.npages - SPARE_PAGES * self.nthreads) // self.nthreads
        return share * self.fill_percent // 100

    @property
    def kept(self) -> int:
        """Pages that a thread has between rounds."""
        return self.each // 2

    @property
    def moved(self) -> int:
        """Pages that a thread frees, and allocates again, in a round."""
        return self.kept * self.realloc_percent // 100


def in_turns(sizes: FragSizes, own: npt.NDArray[np.integer]) -> Places:
    """Order places for threads that take turns; row *t* of *own* are those of thread *t*."""
    first = sizes.each * np.arange(sizes.nthreads)
    return np.ascontiguousarray((own + first[:, None]).T, np.int32).ravel()


def fill_turns(sizes: FragSizes) -> Places:
    """Every place of every thread, in order."""
    return in_turns(sizes, np.tile(np.arange(sizes.each), (sizes.nthreads, 1)))


def halving_turns(sizes: FragSizes) -> Places:
    """The second half of every thread's places, in order."""
    return in_turns(sizes, np.tile(np.arange(sizes.kept, sizes.each), (sizes.nthreads, 1)))


class FragDraws:
    """The shuffle and the rounds of one *seed*; they are the same whatever the allocator does."""

    def __init__(self, sizes: FragSizes, seed: int) -> None:
        streams = Streams(seed, "llfree-frag", "", 0)
        self.sizes = sizes
        self._shuffle, self._rounds = streams("shuffle"), streams("rounds")

    def shuffle(self) -> Places:
        """Which place the page of each place comes from."""
        places = np.arange(self.sizes.each * self.sizes.nthreads, dtype=np.int32)
        self._shuffle.shuffle(places)
        return places

    def round_turns(self) -> Places:
        """The places of the next round: for each thread a random sample of its half, in order."""
        sizes = self.sizes
        own = [
            self._rounds.choice(sizes.kept, sizes.moved, replace=False)
            for _ in range(sizes.nthreads)
        ]
        return in_turns(sizes, np.array(own))
