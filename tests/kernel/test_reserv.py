"""Reservations: when one is made, what it counts, how it ends."""

import pytest

from vmmodel.kernel import NO_PAGE, Pool, RequestClass, WholeVm
from vmmodel.kernel.pages import Page

NORMAL, SYSTEM, INTERRUPT = RequestClass.NORMAL, RequestClass.SYSTEM, RequestClass.INTERRUPT
BASE, P = 4096, 8192
OBJECT = 7


@pytest.fixture
def vm():
    """32 MB, one CPU, page caches of 8 pages with buckets of 2."""
    memory = WholeVm([(BASE, BASE + P)])
    yield memory
    memory.check_whole()
    memory.close()


def fill(vm: WholeVm, n: int, *, object_: int = OBJECT, first: int = 0) -> list[int]:
    """Allocate *n* pages of an object in order."""
    pages: list[int] = []
    for i in range(first, first + n):
        pred = pages[-1] if pages and i % 512 else NO_PAGE
        pages.append(vm.alloc_object(NORMAL, object_, i, pred=pred))
    return pages


def test_first_page_takes_a_block_and_counts_one(vm: WholeVm) -> None:
    """512 pages leave the buddy lists, one leaves the free count, one hold of the lock."""
    m = vm.alloc_object(NORMAL, OBJECT, 5)

    assert BASE + 5 == m
    assert (P - 1, P - 512) == (vm.free_count(), vm.check())
    assert (1, 511) == (vm.take_lock_holds(), vm.reservations().unused)
    assert [BASE] == vm.partpopq()


def test_further_pages_need_no_lock(vm: WholeVm) -> None:
    """A page of the same range lies beside the first, found from either side."""
    m = vm.alloc_object(NORMAL, OBJECT, 1000)
    vm.take_lock_holds()

    assert m + 1 == vm.alloc_object(NORMAL, OBJECT, 1001, pred=m)
    assert m - 1 == vm.alloc_object(NORMAL, OBJECT, 999, succ=m)
    assert (0, P - 3) == (vm.take_lock_holds(), vm.free_count())


def test_each_object_and_range_has_its_own(vm: WholeVm) -> None:
    """Another object, or the next 512 indexes, start another block."""
    pages = [
        vm.alloc_object(NORMAL, OBJECT, 0),
        vm.alloc_object(NORMAL, OBJECT + 1, 0),
        vm.alloc_object(NORMAL, OBJECT, 512),
    ]

    assert [BASE, BASE + 512, BASE + 1024] == pages


@pytest.mark.parametrize(("size", "reserved"), [(1024, True), (1023, False), (700, False)])
def test_range_must_fit_the_object(vm: WholeVm, size: int, reserved: bool) -> None:
    """A tail shorter than 2 MB is served from the page cache."""
    vm.alloc_object(NORMAL, OBJECT, 600, size=size)

    assert reserved == (vm.reservations().partpopq == 1)
    assert (0 if reserved else 1) == vm.cache_counts().pages


def test_range_with_a_page_from_elsewhere_gets_none(vm: WholeVm) -> None:
    """A neighbour that lies in no reservation of the object keeps its range from having one."""
    loose = vm.alloc_noobj(NORMAL)
    m = vm.alloc_object(NORMAL, OBJECT, 3, succ=loose)
    other = vm.alloc_object(NORMAL, OBJECT + 1, 0)
    vm.alloc_object(NORMAL, OBJECT, 4, pred=other)

    assert m // 512 == loose // 512
    assert 1 == vm.reservations().partpopq


def test_admission_is_for_one_page(vm: WholeVm) -> None:
    """One page above the floor starts a reservation; at the floor nothing comes."""
    vm.set_free_count(3)
    assert NO_PAGE != vm.alloc_object(SYSTEM, OBJECT, 0)
    assert NO_PAGE == vm.alloc_object(SYSTEM, OBJECT, 1, pred=BASE)
    assert 2 == vm.free_count()

    vm.set_free_count(P - 1)


def test_without_a_block_the_page_cache_serves(vm: WholeVm) -> None:
    """When no order-9 block is there the admission is undone and a loose page comes."""
    held = [vm.alloc_pages(9) for _ in range(16)]
    vm.free_pages(held[0], 9)
    vm.alloc_pages(0)
    vm.set_free_count(511)

    m = vm.alloc_object(NORMAL, OBJECT, 9)

    assert held[0] + 2 == m  # of a bucket of two
    assert (509, 0) == (vm.free_count(), vm.reservations().partpopq)


def test_last_page_returns_the_block_whole(vm: WholeVm) -> None:
    """Pages freed one by one count one each; the block comes back with the last, in one hold."""
    pages = fill(vm, 3)
    vm.take_lock_holds()

    vm.free(pages[1])
    vm.free(pages[0])
    assert (0, P - 1, P - 512) == (vm.take_lock_holds(), vm.free_count(), vm.check())

    vm.free(pages[2])
    assert (1, P, P) == (vm.take_lock_holds(), vm.free_count(), vm.check())
    assert (1, 0, 0) == (vm.reservations().freed, vm.reservations().broken, vm.n_unmerged())


def test_full_population_is_counted_and_leaves_the_queue(vm: WholeVm) -> None:
    """The 512th page makes a superpage; the first free unmakes it."""
    pages = fill(vm, 512)
    assert (1, 1, 0, 0) == vm.reservations()[3:]
    assert list(range(BASE, BASE + 512)) == pages

    vm.set_ticks(1)
    vm.free(pages[100])
    assert (0, 1, 1, 1) == vm.reservations()[3:]
    assert [BASE] == vm.partpopq()

    vm.alloc_object(NORMAL, OBJECT, 100, pred=pages[99])
    assert (1, 2, 0, 0) == vm.reservations()[3:]


def test_full_reservation_stays_off_the_queue_within_a_tick(vm: WholeVm) -> None:
    """FreeBSD does not requeue one that was full and loses a page in the tick that filled it."""
    pages = fill(vm, 512)
    vm.free(pages[0])
    assert [] == vm.partpopq()

    vm.set_ticks(1)
    vm.free(pages[1])
    assert [BASE] == vm.partpopq()


def test_queue_is_ordered_by_last_change(vm: WholeVm) -> None:
    """A change moves a reservation to the end, unless it is of the same tick as the last."""
    first, second = fill(vm, 2)[-1], fill(vm, 2, object_=8)[-1]
    vm.alloc_object(NORMAL, OBJECT, 2, pred=first)
    assert [BASE, BASE + 512] == vm.partpopq()

    vm.set_ticks(1)
    vm.alloc_object(NORMAL, OBJECT, 3, pred=first)
    assert [BASE + 512, BASE] == vm.partpopq()

    vm.free(second)
    assert [BASE, BASE + 512] == vm.partpopq()

    vm.set_ticks(2)
    vm.alloc_object(NORMAL, OBJECT, 4, pred=first)
    vm.alloc_object(NORMAL, 8, 4, pred=second - 1)
    vm.alloc_object(NORMAL, OBJECT, 5, pred=first)
    assert [BASE, BASE + 512] == vm.partpopq()


def test_broken_reservation_returns_unused_pages_unmerged(vm: WholeVm) -> None:
    """Each run goes back in aligned pieces under a hold of its own; used pages stay in use."""
    pages = fill(vm, 2)  # 0 and 1
    pages.append(vm.alloc_object(NORMAL, OBJECT, 256, pred=pages[1]))
    vm.take_lock_holds()
    free, blocks = vm.free_count(), vm.free_blocks()

    assert vm.reclaim_inactive()

    # 2..255 is 1 + 2 + ... + 7 by order; 257..511 is 0 to 7.
    assert [1, 2, 2, 2, 2, 2, 2, 2] == (vm.free_blocks() - blocks)[:8].tolist()
    assert (free, free, 2) == (vm.free_count(), vm.check(), vm.take_lock_holds())
    assert (1, 0, 1) == vm.reservations()[:3]
    assert not vm.reclaim_inactive()

    for m in pages:
        vm.free(m)
    assert (P, 3) == (vm.free_count(), vm.take_lock_holds())


def test_reserved_pages_are_of_the_default_pool(vm: WholeVm) -> None:
    """A page that was in another pool before goes to DEFAULT when its reservation is broken."""
    for m in [vm.alloc_noobj(NORMAL, Pool.DIRECT) for _ in range(4)]:
        vm.free(m)
    vm.uma_reclaim(drain_cpus=True)
    owner = 0
    while (first := vm.alloc_object(NORMAL, owner, 0)) != BASE:
        owner += 1
    vm.alloc_object(NORMAL, owner, 2, pred=first)
    m = vm.alloc_object(NORMAL, owner, 3, pred=first)
    vm.break_reservation(first)

    direct = vm.free_blocks_by_list()[0, Pool.DIRECT].sum()
    vm.free(m)
    assert direct == vm.free_blocks_by_list()[0, Pool.DIRECT].sum()


def test_broken_range_gets_no_new_reservation(vm: WholeVm) -> None:
    """While the object holds pages of the range, others come from elsewhere."""
    (m,) = fill(vm, 1)
    vm.break_reservation(m)
    vm.alloc_object(NORMAL, OBJECT, 1, pred=m)

    assert (1, 0, 0) == vm.reservations()[:3]
    assert 0 == vm.reservations().partpopq


def test_reservations_are_broken_when_the_lists_are_empty(vm: WholeVm) -> None:
    """Admitted pages that are on no list are in reservations: the oldest is broken for them."""
    for i in range(P // 512):
        vm.set_ticks(i)
        vm.alloc_object(NORMAL, i, 0)
    assert (0, P - 16) == (vm.check(), vm.free_count())

    m = vm.alloc_noobj(SYSTEM)

    assert 0 == m // 512 - BASE // 512
    assert (1, 0, 1) == vm.reservations()[:3]
    assert P - 16 - 2 == vm.free_count()  # a bucket of two, filled on the second try


def test_cached_page_is_not_taken_for_a_reserved_one(vm: WholeVm) -> None:
    """A page of the page cache goes back to it even when all around is reserved."""
    loose = vm.alloc_noobj(NORMAL)
    vm.alloc_object(NORMAL, OBJECT, 0)
    vm.free(loose)

    assert 2 == vm.cache_counts().pages


def test_two_domains_keep_their_own_books() -> None:
    """Reservations, queues and caches of a domain do not touch the other's count."""
    vm = WholeVm([(4096, 8192, 0), (8192, 12288, 1)], ncpu=2)

    m = vm.alloc_object(NORMAL, OBJECT, 0, domain=1)
    vm.alloc_object(NORMAL, OBJECT, 1, pred=m, domain=0)  # follows its reservation
    loose = vm.alloc_noobj(NORMAL, domain=0)

    assert (4095, 4094) == (vm.free_count(0), vm.free_count(1))
    assert ([], [8192]) == (vm.partpopq(0), vm.partpopq(1))
    assert (False, True) == (vm.reclaim_inactive(0), vm.reclaim_inactive(1))
    vm.free(loose, cpu=1)
    vm.free(m)
    assert 0 == vm.check_whole()
    vm.close()


def test_memory_per_page_stays_within_16_bytes() -> None:
    """Page structures, caches and reservations of 4 GB on 16 CPUs take 12.3 bytes a page."""
    vm = WholeVm.of_size(1 << 20, ncpu=16)
    arrays = (vm._pages, vm._reservs, vm._popmaps, vm._zones, vm._cpus, vm._buckets, vm._slots)
    total = sum(array.records.nbytes for array in arrays)

    assert 12 == Page.dtype.itemsize
    assert total < 12.3 * vm.npages
    vm.close()
