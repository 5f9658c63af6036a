"""The discipline of the free lists, rule by rule, on examples worked by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples, free_lists, orders

from vmmodel.kernel import NO_PAGE, Vm

BASE = 4096


def blocks(vm: Vm, pool: int, order: int) -> list[int]:
    """First pages of one list of free list 0, from the start of memory."""
    return [first - BASE for first in free_lists(vm)[0, pool, order]]


def test_boot_appends_maximal_aligned_blocks() -> None:
    """A segment is cut into rising, largest and falling blocks, in ascending order."""
    vm = Vm([(8189, 16389)])

    lists = {order: first for (_, _, order), first in free_lists(vm).items() if first}
    assert {0: [8189, 16388], 1: [8190], 2: [16384], 12: [8192, 12288]} == lists
    vm.close()


def test_split_keeps_the_lowest_part(vm: Vm) -> None:
    """The upper halves, large to small, go to the lists of the requested pool."""
    assert BASE == vm.alloc_pages(9)

    assert [2048] == blocks(vm, 0, 11)
    assert [1024] == blocks(vm, 0, 10)
    assert [512] == blocks(vm, 0, 9)


def test_stolen_block_changes_pool_as_a_whole(vm: Vm) -> None:
    """A request of a pool that has nothing takes the largest block over, remainders included."""
    assert BASE == vm.alloc_pages(10, pool=1)

    assert ([2048], [1024]) == (blocks(vm, 1, 11), blocks(vm, 1, 10))
    assert [] == blocks(vm, 0, 12)


def test_smallest_sufficient_block_of_the_own_pool_goes_first(vm: Vm) -> None:
    """A larger block of the own pool, and any of another, stay whole while a small one is there."""
    vm.alloc_pages(12)
    vm.free_pages(BASE + 64, 3, 0)
    vm.free_pages(BASE + 128, 5, 0)
    vm.free_pages(BASE + 256, 2, 1)

    assert BASE + 64 == vm.alloc_pages(2, pool=0)


def test_steal_takes_the_largest_block(vm: Vm) -> None:
    """Between pools the largest block is taken, so that small ones do not mix."""
    vm.alloc_pages(12)
    vm.free_pages(BASE + 64, 2, 0)
    vm.free_pages(BASE + 128, 5, 0)

    assert BASE + 128 == vm.alloc_pages(0, pool=1)


@examples(60)
@given(order=orders, data=st.data())
def test_lists_are_first_in_first_out(order: int, data: st.DataObject) -> None:
    """Blocks of one order are allocated in the order in which they were freed."""
    vm = Vm.of_size(6 << 12)
    taken = [vm.alloc_pages(order) for _ in range(6)]
    while vm.alloc_pages(12) != NO_PAGE or vm.alloc_pages(order) != NO_PAGE:
        pass
    alone = [m for i, m in enumerate(taken) if i % 2 == 0]  # no two are buddies
    freed = data.draw(st.permutations(alone))

    for m in freed:
        vm.free_pages(m, order)

    assert freed == [vm.alloc_pages(order) for _ in freed]
    vm.close()


def test_coalescing_ignores_pools(vm: Vm) -> None:
    """Buddies merge across pools; the pool of the page freed last wins."""
    first = vm.alloc_pages(1, pool=0)
    second = vm.alloc_pages(1, pool=0)
    vm.free_pages(first, 1, 0)

    assert BASE == vm.free_pages(second, 1, 1)
    assert ([0], []) == (blocks(vm, 1, 12), blocks(vm, 0, 12))


def test_coalescing_stops_at_the_segment() -> None:
    """A buddy outside of the segment is not looked at."""
    vm = Vm([(BASE, BASE + 3)])
    vm.alloc_npages(3)

    assert BASE + 2 == vm.free_pages(BASE + 2, 0)
    assert 0 == vm.order(BASE + 2)
    vm.close()


def test_npages_drains_small_blocks_first(vm: Vm) -> None:
    """Lists are drained from order 0 upwards; surplus returns as ascending pieces at the tail."""
    vm.alloc_pages(12)
    vm.free_pages(BASE + 100, 0)
    vm.free_pages(BASE + 64, 3)
    vm.free_pages(BASE + 50, 0)

    got = [m - BASE for m in vm.alloc_npages(5)]

    assert [100, 50, 64, 65, 66] == got
    assert ([67], [68]) == (blocks(vm, 0, 0), blocks(vm, 0, 2))


def test_npages_gives_what_there_is(vm: Vm) -> None:
    """A request beyond the memory is served in part, then not at all."""
    vm.alloc_npages(4000)

    assert (96, 0) == (len(vm.alloc_npages(500)), len(vm.alloc_npages(1)))


def test_contig_puts_surplus_at_the_head(vm: Vm) -> None:
    """The surplus of a run goes to the heads of the lists, so it is used next."""
    vm.alloc_pages(0)
    run = vm.alloc_contig(5)

    assert BASE + 8 == run
    assert [13, 1] == blocks(vm, 0, 0)
    assert [14, 2] == blocks(vm, 0, 1)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, BASE + 16),
        ({"low": BASE + 17}, BASE + 32),
        ({"alignment": 64}, BASE + 64),
        ({"low": BASE + 17, "high": BASE + 48}, BASE + 32),
        ({"low": BASE + 17, "high": BASE + 47}, NO_PAGE),
        ({"low": BASE + 16, "high": BASE + 32}, BASE + 16),
        ({"boundary": 16}, BASE + 16),
        ({"boundary": 8}, NO_PAGE),
        ({"high": BASE}, NO_PAGE),
    ],
)
def test_contig_keeps_to_its_limits(vm: Vm, limits: dict[str, int], expected: int) -> None:
    """Range, alignment and boundary are tried at the start of each free block only."""
    vm.alloc_pages(4)

    assert expected == vm.alloc_contig(16, **limits)


def test_contig_beyond_the_largest_block_wants_free_neighbours() -> None:
    """A run of more than 4096 pages needs blocks of the largest order side by side."""
    vm = Vm([(4096, 4096 * 5)])
    assert 4096 == vm.alloc_contig(8192)
    assert 4096 * 3 == vm.alloc_contig(5000)
    assert NO_PAGE == vm.alloc_contig(4097)
    assert 3192 == vm.check()
    vm.close()


def test_freed_run_merges_at_its_ends_only(vm: Vm) -> None:
    """An aligned run whose upper buddy is free stays unmerged."""
    vm.alloc_pages(12)
    vm.free_pages(BASE + 8, 3)
    vm.free_contig(BASE, 8)

    assert [8, 0] == blocks(vm, 0, 3)
    assert 1 == vm.n_unmerged()


def test_ends_of_a_freed_run_merge(vm: Vm) -> None:
    """The first and the last piece of an unaligned run merge with their buddies."""
    vm.alloc_pages(12)
    vm.free_pages(BASE + 2, 0)
    vm.free_contig(BASE + 3, 5)

    assert ([4], [2], []) == (blocks(vm, 0, 2), blocks(vm, 0, 1), blocks(vm, 0, 0))
