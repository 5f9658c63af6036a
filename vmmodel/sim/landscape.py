"""What a sample says of 2 MB regions: who shares them, and what compaction would have to move.

Three classes of allocated pages: *NOFREE* (the NOFREE allocator has it, or gave it to somebody),
*kernel* (pool DIRECT: page tables, small slabs, ZFS's cache; known by physical address), *user*
(pool DEFAULT: pages of objects, which can be moved).  Pages in page caches count for their pool.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vmmodel.kernel.pages import REGION_PAGES
from vmmodel.kernel.vm import Survey, Words

CLASSES = ("nofree", "kernel", "user")
"""From the least to the most movable; of equally many pages the first gives a region its class."""


class Compaction(NamedTuple):
    """What compaction would cost and bring."""

    moves: int
    """Pages to move."""
    free_regions: int
    """2 MB regions that are wholly free afterwards."""


def landscape(survey: Survey) -> dict[str, int]:
    """Give the columns of a sample that come from regions."""
    pages = {"nofree": survey.nofree, "kernel": survey.kernel, "user": survey.user}
    free = survey.free + survey.unused
    all_but_nofree = compaction(free, pages["kernel"] + pages["user"])
    user_alone = compaction(free, pages["user"])
    return {
        "largest_extent": survey.largest_extent,
        "user_pages": int(pages["user"].sum()),
        "kernel_pages": int(pages["kernel"].sum()),
        "cached_pages": survey.cached,
        "reserved_free": int(survey.unused.sum()),
        "unmovable_regions": int((pages["nofree"] + pages["kernel"] > 0).sum()),
        **mixture(pages),
        "compaction_moves": all_but_nofree.moves,
        "compacted_regions": all_but_nofree.free_regions,
        "compaction_moves_user": user_alone.moves,
        "compacted_regions_user": user_alone.free_regions,
    }


def mixture(pages: dict[str, Words]) -> dict[str, int]:
    """Count regions by class, and those of each class that hold a page of another.

    FreeBSD gives regions no type, as Linux does; here the most pages give a region its class.
    """
    table = np.stack([pages[name] for name in CLASSES])
    used, owner = table.any(axis=0), table.argmax(axis=0)
    mixed = (table > 0).sum(axis=0) > 1
    counts = {}
    for number, name in enumerate(CLASSES):
        mine = used & (owner == number)
        counts[f"{name}_regions"] = int(mine.sum())
        counts[f"mixed_{name}_regions"] = int((mine & mixed).sum())
    return counts


def compaction(free: npt.NDArray[np.int64], movable: npt.NDArray[np.int64]) -> Compaction:
    """Count the moves of a greedy compaction, from the free and movable pages of each region.

    What is neither is fixed.  A region with a fixed page will never be free, so nothing is moved
    out of it, and it is filled first.  The others are sorted by free pages; the fullest is filled
    from the emptiest until the two meet, as in LLFree's benchmark, which this is where nothing is
    fixed.  The walk itself is not needed: who comes last to be emptied follows from the sums.
    """
    whole = free + movable == REGION_PAGES
    used = np.sort(movable[whole])[::-1]
    total, room = int(used.sum()), int(free[~whole].sum())
    outside = min(total, room)
    full, rest = divmod(total - outside, REGION_PAGES)
    moves = outside + int((REGION_PAGES - used[:full]).sum())
    if rest:
        moves += max(0, rest - int(used[full]))
    return Compaction(moves, len(used) - full - (rest > 0))
