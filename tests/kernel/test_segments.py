"""Which free list each part of memory belongs to: known answers."""

import pytest

from vmmodel.kernel import Vm
from vmmodel.kernel.pages import DMA32_NPAGES_THRESHOLD as REAL
from vmmodel.kernel.segments import assign_free_lists

GB = 1 << 18
FOUR_GB = 4 * GB
LOWMEM_END = 4096

KNOWN = {
    "above 16 MB, below 4 GB": ([(4096, 8192)], REAL, [(4096, 8192, 0)], 1),
    "all below 16 MB": ([(0, 4096)], REAL, [(0, 4096, 0)], 1),
    "across 16 MB": ([(256, 8192)], REAL, [(256, 4096, 1), (4096, 8192, 0)], 2),
    "two parts below 16 MB": (
        [(1, 159), (256, 5000)],
        REAL,
        [(1, 159, 1), (256, 4096, 1), (4096, 5000, 0)],
        2,
    ),
    "across 4 GB, few above": (
        [(4096, FOUR_GB + 9)],
        REAL,
        [(4096, FOUR_GB + 9, 0)],
        1,
    ),
    "exactly 64 GB above 4 GB": (
        [(4096, FOUR_GB + REAL)],
        REAL,
        [(4096, FOUR_GB + REAL, 0)],
        1,
    ),
    "one page more than 64 GB above": (
        [(4096, FOUR_GB + REAL + 1)],
        REAL,
        [(4096, FOUR_GB, 1), (FOUR_GB, FOUR_GB + REAL + 1, 0)],
        2,
    ),
    "all three lists": (
        [(256, FOUR_GB + 70 * GB)],
        REAL,
        [(256, 4096, 2), (4096, FOUR_GB, 1), (FOUR_GB, FOUR_GB + 70 * GB, 0)],
        3,
    ),
    "hole at 4 GB": (
        [(256, 3 * GB), (FOUR_GB, FOUR_GB + 500)],
        499,
        [(256, 4096, 2), (4096, 3 * GB, 1), (FOUR_GB, FOUR_GB + 500, 0)],
        3,
    ),
    # vm_phys_init() counts what it has judged DEFAULT, wherever that lies; the verdict on one
    # segment below 4 GB is then the verdict on all, and list 0 is left empty.
    "default pages below 4 GB count": (
        [(5000, 6000), (7000, 8000)],
        500,
        [(5000, 6000, 1), (7000, 8000, 1)],
        2,
    ),
    "threshold 0, one segment": ([(5000, 6000)], 0, [(5000, 6000, 0)], 1),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_layouts(name: str) -> None:
    """Segments are cut at 16 MB and 4 GB, numbered without gaps, and joined where lists agree."""
    segments, threshold, expected, lists = KNOWN[name]

    parts, nfreelists = assign_free_lists(segments, threshold)

    assert expected == [(part.start, part.end, part.freelist) for part in parts]
    assert lists == nfreelists


@pytest.mark.parametrize(
    "segments",
    [[], [(9, 9)], [(9, 5)], [(-1, 5)], [(0, 10), (9, 20)], [(50, 60), (0, 10)]],
)
def test_impossible_layouts_are_refused(segments: list[tuple[int, int]]) -> None:
    """No memory, an empty segment, segments that overlap or descend: the caller's mistake."""
    with pytest.raises(ValueError, match="segment"):
        assign_free_lists(segments, REAL)


def test_high_pages_are_used_before_low_ones() -> None:
    """LOWMEM serves only when every other list is empty."""
    vm = Vm([(4000, 4224)])

    assert 4096 == vm.alloc_pages(order=0)
    vm.alloc_npages(127)
    assert 4000 == vm.alloc_pages(order=0)
    vm.close()


def test_a_list_steals_before_the_next_list_is_asked() -> None:
    """The last block of another pool in an earlier list goes first."""
    vm = Vm([(4000, 4200)])
    vm.alloc_npages(104)
    vm.free_pages(4100, 0, 1)

    assert (4100, 4000) == (vm.alloc_pages(0, 0), vm.alloc_pages(0, 0))
    vm.close()


def test_regions_are_numbered_without_gaps() -> None:
    """A hole in memory takes no regions, and segments that meet in one region share it."""
    vm = Vm([(5000, 5100), (5110, 5632), (90_100, 90_200)])

    free, marks = vm.regions()

    assert [100 + 10, 512, 12, 88] == free.tolist()
    assert 0 == marks.sum()
    vm.close()
