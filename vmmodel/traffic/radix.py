"""Which pages of an object are in memory, by page index: what its radix tree says in FreeBSD.

For each aligned range of 512 page indexes an object has `RANGE_WORDS` words of 32 bits: the region
of its reservation, then a bit for each index.  The last range ends with the highest index that the
load can reach.  A region is written down when a reservation starts and never wiped out: whether it
is still that of the range is asked of the reservation itself.

A page in use has its page index in *prev*, so that its bit is found when it leaves.

FreeBSD: ``vm_radix.c``, and `vm_page_insert_after()`, which finds the neighbours of a page.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from vmmodel.kernel.cstruct import kernel
from vmmodel.kernel.pages import POPMAP_BITS, POPMAP_WORDS, REGION_ORDER, REGION_PAGES
from vmmodel.kernel.reserv import NO_RESERV, is_populated
from vmmodel.traffic.structs import NONE

RANGE_WORDS = 1 + POPMAP_WORDS
"""Words of a range: a region, and 512 bits."""
NO_REGION = 0
"""No reservation was ever started: the lowest 2 MB of memory are nobody's."""
FULL_WORD = (1 << POPMAP_BITS) - 1
MOST_INDEXES = (1 << 31) - 1
"""Page indexes that *prev* of a page can hold, and words that *radix* of an object can count."""

Ints = npt.NDArray[np.int64]


def words_of(indexes: Ints) -> Ints:
    """Give the words of objects that have so many page *indexes* each.

    >>> words_of(np.array([0, 1, 512, 513])).tolist()
    [0, 2, 17, 19]
    """
    ranges, rest = np.divmod(indexes, REGION_PAGES)
    words: Ints = ranges * RANGE_WORDS + (rest > 0) + -(-rest // POPMAP_BITS)
    return words


@kernel
def range_at(obj: Any, pindex: int) -> int:
    """Give the number of the word with the region of the range of *pindex*."""
    return obj.radix + (pindex >> REGION_ORDER) * RANGE_WORDS


@kernel
def word_at(obj: Any, pindex: int) -> int:
    """Give the number of the word that has the bit of *pindex*."""
    return range_at(obj, pindex) + 1 + (pindex & (REGION_PAGES - 1)) // POPMAP_BITS


@kernel
def is_resident(tr: Any, obj: Any, pindex: int) -> bool:
    """Tell whether the page of an index is in memory."""
    return tr.radix[word_at(obj, pindex)].bits >> (pindex % POPMAP_BITS) & 1 != 0


@kernel
def flip_resident(tr: Any, obj: Any, pindex: int) -> None:
    """Enter a page index, or take it out."""
    tr.radix[word_at(obj, pindex)].bits ^= 1 << (pindex % POPMAP_BITS)


@kernel
def resident_below(tr: Any, obj: Any, pindex: int) -> int:
    """Give the resident page index next below *pindex* in its range, or NONE."""
    first = pindex & -REGION_PAGES
    at = pindex - 1
    while at >= first:
        if is_resident(tr, obj, at):
            return at
        at = at - 1 if tr.radix[word_at(obj, at)].bits != 0 else (at & -POPMAP_BITS) - 1
    return NONE


@kernel
def resident_above(tr: Any, obj: Any, pindex: int) -> int:
    """Give the resident page index next above *pindex* in its range, or NONE."""
    end = min((pindex & -REGION_PAGES) + REGION_PAGES, obj.pindex)
    at = pindex + 1
    while at < end:
        if is_resident(tr, obj, at):
            return at
        at = at + 1 if tr.radix[word_at(obj, at)].bits != 0 else (at & -POPMAP_BITS) + POPMAP_BITS
    return NONE


@kernel
def next_missing(tr: Any, obj: Any, pindex: int, end: int) -> int:
    """Give the first page index from *pindex* on that is not resident, or *end*.

    Both are multiples of the object's stride.
    """
    touched = min(end, obj.pindex)
    if obj.resident * obj.stride == obj.pindex:
        return max(pindex, touched)
    while pindex < touched and is_resident(tr, obj, pindex):
        if tr.radix[word_at(obj, pindex)].bits == FULL_WORD:  # so the stride is 1
            pindex = min((pindex & -POPMAP_BITS) + POPMAP_BITS, end)
        else:
            pindex += obj.stride
    return pindex


@kernel
def note_reservation(tr: Any, obj: Any, pindex: int, m: int) -> None:
    """Write down where the reservation lies that was started with page *m* for *pindex*."""
    tr.radix[range_at(obj, pindex)].bits = m >> REGION_ORDER


@kernel
def reservation_of(tr: Any, o: int, pindex: int, below: int, above: int) -> int:
    """Find the object's reservation for *pindex* through its neighbours there, or NO_RESERV.

    A neighbour that came from elsewhere does not lead to it.  FreeBSD: vm_reserv_from_object().
    """
    vm, region = tr.machine[0], tr.radix[range_at(tr.object[o], pindex)].bits
    if region == NO_REGION:
        return NO_RESERV
    rv = vm.reserv[region]
    if rv.object != o or rv.pindex != pindex & -REGION_PAGES:
        return NO_RESERV
    first = (region << REGION_ORDER) - rv.pindex
    if below != NONE and is_populated(vm, first + below) != 0:
        return region
    if above != NONE and is_populated(vm, first + above) != 0:
        return region
    return NO_RESERV
