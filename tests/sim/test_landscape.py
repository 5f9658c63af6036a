"""What a sample says of 2 MB regions: classes, mixtures, and the greedy compaction."""

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from vmmodel.analysis.llfree_frag import compaction_moves
from vmmodel.kernel import Pool, RequestClass, Vm, WholeVm
from vmmodel.nofree import design
from vmmodel.sim.landscape import Compaction, compaction, landscape, mixture

Ints = npt.NDArray[np.int64]

USED = st.lists(st.integers(0, 512), min_size=1, max_size=12)
REGIONS = st.lists(st.tuples(st.integers(0, 512), st.integers(0, 40)), min_size=1, max_size=12)
"""Movable and fixed pages of each region."""


def walk(free: list[int], movable: list[int]) -> Compaction:
    """Move page by page, as the description says."""
    regions = [[f, m, 512 - f - m] for f, m in zip(free, movable, strict=True)]
    fixed = [region for region in regions if region[2]]
    rest = sorted((region for region in regions if not region[2]), key=lambda r: r[0])
    order, i, j, moves = fixed + rest, 0, len(regions) - 1, 0
    while i < j and not order[j][2]:
        if order[i][0] == 0:
            i += 1
        elif order[j][1] == 0:
            j -= 1
        else:
            order[i][0], order[i][1] = order[i][0] - 1, order[i][1] + 1
            order[j][0], order[j][1] = order[j][0] + 1, order[j][1] - 1
            moves += 1
    return Compaction(moves, sum(region[0] == 512 for region in regions))


def arrays(regions: list[tuple[int, int]]) -> tuple[Ints, Ints]:
    """Give free and movable pages of regions that hold at most 512."""
    fixed = np.array([f for _, f in regions])
    movable = np.minimum([m for m, _ in regions], 512 - fixed)
    return 512 - fixed - movable, movable


@given(REGIONS)
def test_the_count_is_that_of_the_walk(regions: list[tuple[int, int]]) -> None:
    """The closed form moves as many pages and frees as many regions as the two pointers do."""
    free, movable = arrays(regions)

    assert walk(free.tolist(), movable.tolist()) == compaction(free, movable)


@given(USED)
def test_without_fixed_pages_it_is_llfrees(used: list[int]) -> None:
    """Where everything can be moved the count is that of LLFree's benchmark."""
    free = 512 - np.array(used)

    assert compaction_moves(free) == compaction(free, np.array(used)).moves


@given(REGIONS)
def test_fixed_pages_never_free_more(regions: list[tuple[int, int]]) -> None:
    """Fewer movable pages leave fewer free regions; wholly free ones stay free."""
    free, movable = arrays(regions)
    every = compaction(free, 512 - free).free_regions

    assert (free == 512).sum() <= compaction(free, movable).free_regions <= every


def test_a_region_with_a_fixed_page_is_filled_first() -> None:
    """511 free pages beside one fixed page take in what another region gives up."""
    free, movable = np.array([511, 256]), np.array([0, 256])

    assert Compaction(256, 1) == compaction(free, movable)
    assert Compaction(1, 1) == compaction(free, np.array([1, 256]))  # nothing fixed: one page moves


def test_the_most_pages_give_a_region_its_class() -> None:
    """Of five regions one is empty, one is NOFREE by a tie, and two hold another class as well."""
    counts = mixture(
        {
            "nofree": np.array([0, 5, 0, 0, 3]),
            "kernel": np.array([0, 5, 7, 0, 0]),
            "user": np.array([0, 0, 0, 9, 4]),
        }
    )

    assert counts == {
        "nofree_regions": 1,
        "mixed_nofree_regions": 1,
        "kernel_regions": 1,
        "mixed_kernel_regions": 0,
        "user_regions": 2,
        "mixed_user_regions": 1,
    }


def test_a_landscape_by_hand() -> None:
    """A chunk, user pages in the region behind it, kernel pages in the largest block, stolen."""
    vm = Vm.of_size(4 * 512)
    design("freeable").make(vm).alloc(RequestClass.SYSTEM)
    vm.pages_alloc(RequestClass.SYSTEM, 3, Pool.DIRECT)
    vm.pages_alloc(RequestClass.SYSTEM, 5, Pool.DEFAULT)

    assert landscape(vm.survey()) == {
        "largest_extent": 1024 - 3,
        "user_pages": 5,
        "kernel_pages": 3,
        "cached_pages": 0,
        "reserved_free": 0,
        "unmovable_regions": 2,
        "nofree_regions": 1,
        "mixed_nofree_regions": 0,
        "kernel_regions": 1,
        "mixed_kernel_regions": 0,
        "user_regions": 1,
        "mixed_user_regions": 0,
        "compaction_moves": 3,  # of eight pages, to where five are
        "compacted_regions": 2,
        "compaction_moves_user": 5,  # the five, to where the three have to stay
        "compacted_regions_user": 2,
    }
    assert (1, 0, 1, 0) == vm.steals()
    vm.close()


def test_free_pages_of_a_reservation_are_neither_user_nor_kernel() -> None:
    """One page of a reservation is in use; the other 511 are free, though on no list."""
    vm = WholeVm.of_size(1 << 16)
    vm.alloc_object(RequestClass.NORMAL, 1, 0)

    found, survey = landscape(vm.survey()), vm.survey()

    assert (1, 0, 511) == (found["user_pages"], found["kernel_pages"], found["reserved_free"])
    assert (1 << 16) - 512 == survey.free.sum()
    assert (1, 0) == (found["user_regions"], found["mixed_user_regions"])
    vm.close()


def test_the_largest_extent_crosses_blocks_but_no_page_in_use() -> None:
    """One page in use cuts memory in two; the larger part is the largest extent."""
    vm = Vm.of_size(8192)
    pages = vm.pages_alloc(RequestClass.NORMAL, 1000)
    vm.pages_free(pages[:700] + pages[701:])

    assert 8192 - 701 == vm.survey().largest_extent
    vm.close()


def test_pages_in_page_caches_are_seen() -> None:
    """A bucket of 65 pages is imported for one: 64 wait in the cache."""
    vm = WholeVm.of_size(524288, ncpu=2)
    vm.alloc_noobj(RequestClass.NORMAL)

    found = landscape(vm.survey())

    assert (65, 64) == (found["user_pages"], found["cached_pages"])
    vm.close()
