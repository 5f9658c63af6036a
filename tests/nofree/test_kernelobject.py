"""Mapped kernel memory that is not of a NOFREE chunk lies in superpages of kernel_object."""

from functools import partial

import pytest

from vmmodel.consumers.kmem import kmem_free, kmem_malloc
from vmmodel.consumers.memory import Injection, Memory
from vmmodel.consumers.page import alloc_nofree_page
from vmmodel.consumers.steps import Locked, Operation, Steps, run_now
from vmmodel.kernel import NO_PAGE, Pool, RequestClass, Vm, WholeVm
from vmmodel.nofree import design as find
from vmmodel.nofree.base import Panic
from vmmodel.nofree.kernelobject import KernelObject
from vmmodel.nofree.ordinary import OrdinaryNofree
from vmmodel.nofree.watched import Watched

FIRST = 4096
LAST = FIRST + 4096 - 512
"""The highest superpage of 4096 pages."""
SYSTEM = RequestClass.SYSTEM


def whole_memory(npages: int = 4096) -> Memory:
    """Make a whole machine without a NOFREE allocator."""
    vm = WholeVm.of_size(npages)
    return Memory(vm, OrdinaryNofree(vm))


def malloc(memory: Memory, npages: int, injection: Injection | None = None) -> list[int] | None:
    """Get mapped memory in no time."""
    return run_now(kmem_malloc(memory, npages, waitok=False, injection=injection or Injection()))


def holds(steps: Steps[list[int] | None]) -> int:
    """Run steps; count the holds of the free lock."""
    taken, answer = 0, None
    try:
        while True:
            step = steps.send(answer)
            answer = None
            if isinstance(step, Operation):
                answer = run_now(step.steps)
            elif isinstance(step, Locked):
                answer = step.first() if step.first else NO_PAGE
                if answer == NO_PAGE:
                    taken += 1
                    answer = step.action()
    except StopIteration:
        return taken


def test_slabs_fill_one_superpage() -> None:
    """102 slabs of five pages lie one behind the other; two more pages make it a full one."""
    memory = whole_memory()

    pages = [m for _ in range(102) for m in malloc(memory, 5) or []]

    assert list(range(FIRST, FIRST + 510)) == pages
    assert [FIRST + 510, FIRST + 511] == malloc(memory, 2)
    assert isinstance(memory.vm, WholeVm)
    assert (1, 0) == (memory.vm.reservations().fullpop, memory.vm.reservations().partpopq)
    assert 4096 - 512 == memory.vm.free_count()
    assert 512 == memory.design.books.in_use


def test_only_the_first_page_of_a_superpage_needs_the_free_lock() -> None:
    """Five pages take the lock once, the next five not at all."""
    memory = whole_memory()

    assert 1 == holds(kmem_malloc(memory, 5, waitok=False))
    assert 0 == holds(kmem_malloc(memory, 5, waitok=False))


def test_rollback_gives_pages_and_addresses_back() -> None:
    """Three of four pages return to the reservation, and the next request gets them."""
    memory = whole_memory()
    kept = malloc(memory, 1)

    assert malloc(memory, 4, Injection(page=3)) is None
    assert 4096 - 1 == memory.vm.free_count()
    assert malloc(memory, 4, Injection(second=2)) is None

    assert (kept, [FIRST + i for i in (1, 2, 3, 4)]) == ([FIRST], malloc(memory, 4))


def test_last_page_gives_the_superpage_back() -> None:
    """When all mapped memory is freed, the block is on the lists again."""
    memory = whole_memory()
    pages = malloc(memory, 4)
    assert pages is not None

    run_now(kmem_free(memory, pages))

    assert 4096 == memory.vm.free_count()
    assert 1 == memory.vm.free_blocks()[12]
    assert [FIRST] == malloc(memory, 1)


def test_broken_superpage_is_not_begun_again() -> None:
    """Its range has pages from elsewhere then; what follows is of the page cache or the lists."""
    memory = whole_memory()
    malloc(memory, 5)
    assert isinstance(memory.vm, WholeVm)
    memory.vm.break_reservation(FIRST)

    assert malloc(memory, 1) is not None

    assert 0 == memory.vm.reservations().partpopq


def test_two_threads_begin_one_superpage() -> None:
    """Both found no neighbour and wait for the lock: the second extends what the first started."""
    vm = WholeVm.of_size(4096)
    kernel_object = KernelObject(vm)
    threads = [partial(kernel_object.alloc, SYSTEM, pindex) for pindex in (0, 1)]
    assert [NO_PAGE] * 2 == [kernel_object.alloc_unlocked(SYSTEM, pindex) for pindex in (0, 1)]

    assert [FIRST, FIRST + 1] == [act() for act in threads]
    assert 1 == vm.reservations().partpopq


def test_page_above_leads_to_the_superpage() -> None:
    """A hole below a page that is there is filled without the free lock."""
    kernel_object = KernelObject(WholeVm.of_size(4096))
    m = kernel_object.alloc(SYSTEM, 7)

    assert m - 4 == kernel_object.alloc_unlocked(SYSTEM, 3)


def test_memory_without_reservations_gives_any_page() -> None:
    """There a mapped page is of pool DIRECT, as all others are."""
    memory = Memory(vm := Vm.of_size(4096), OrdinaryNofree(vm))

    assert memory.design.traits.object_pages is None
    assert [FIRST, FIRST + 1] == malloc(memory, 2)
    assert vm.free_blocks_by_list()[0, Pool.DIRECT].sum() > 0


def short_memory(design: str, left: int = 513) -> tuple[Memory, WholeVm]:
    """Make a whole machine of which *left* pages are free: too few for a chunk if below 514."""
    vm = WholeVm.of_size(4096)
    memory = Memory(vm, Watched(vm, find(design).make(vm)))
    leave(vm, left)
    return memory, vm


def leave(vm: WholeVm, left: int) -> None:
    """Take the lowest pages, all but *left*."""
    assert vm.pages_alloc(SYSTEM, vm.free_count() - left)


def conserved(memory: Memory, vm: WholeVm, taken: int) -> bool:
    """Whether all pages are free, in caches, in the books, or *taken* by others."""
    assert isinstance(memory.design, Watched)
    memory.design.check()
    books = memory.design.books
    held = books.in_use + books.idle + books.leaked + books.fallback + books.leaked_fallback
    return vm.npages == vm.free_count() + vm.check_whole() + held + taken


@pytest.mark.parametrize("design", ["freeable", "separate", "reclaim"])
def test_fallback_page_returns_to_its_reservation(design: str) -> None:
    """Three fallback pages lie in a superpage and are never captured; the counter does not drift.

    FreeBSD: vm_page_free_prep() ends with vm_reserv_free_page().
    """
    memory, vm = short_memory(design)
    pages = malloc(memory, 3)

    assert [LAST, LAST + 1, LAST + 2] == pages
    assert (3, 1, 510) == (
        memory.design.books.fallback,
        vm.reservations().partpopq,
        vm.free_count(),
    )
    assert conserved(memory, vm, 4096 - 513)
    run_now(kmem_free(memory, pages))

    books = memory.design.books
    assert (0, 0, 3) == (books.fallback, books.captured, books.returned_fallback)
    assert (0, 0) == (books.v_nofree_count, memory.design.nofreeq_size())
    assert (513, 1) == (vm.free_count(), vm.reservations().freed)
    assert conserved(memory, vm, 4096 - 513)
    assert pages == malloc(memory, 3)


def test_fallback_page_of_a_broken_reservation_is_captured() -> None:
    """Whether it lies in a reservation is asked when it is freed, not when it is had."""
    memory, vm = short_memory("freeable")
    pages = malloc(memory, 2)
    assert pages is not None
    vm.break_reservation(pages[0])

    run_now(kmem_free(memory, pages))

    books = memory.design.books
    assert (2, 0, 2) == (books.captured, books.returned_fallback, books.idle)
    assert conserved(memory, vm, 4096 - 513)


def test_page_of_a_chunk_keeps_its_range_from_a_reservation() -> None:
    """The neighbour below is of a chunk: the fallback page comes from pool DEFAULT, one by one."""
    memory, vm = short_memory("freeable", 2048)
    chunk = malloc(memory, 1)
    while memory.design.books.idle:
        run_now(alloc_nofree_page(memory))
    leave(vm, 513)

    pages = malloc(memory, 1)

    assert (chunk, 1) == (malloc_index(memory, 0), memory.design.books.fallback)
    assert 0 == vm.reservations().partpopq
    assert pages is not None
    run_now(kmem_free(memory, pages))
    assert (1, 1) == (memory.design.books.captured, memory.design.nofreeq_size())


def malloc_index(memory: Memory, pindex: int) -> list[int]:
    """Give the page at a page index of kernel_object."""
    kernel_object = memory.design.traits.kernel_object
    assert kernel_object is not None
    return [kernel_object.pages[pindex]]


def test_release_kernel_gives_the_page_to_its_reservation() -> None:
    """Without an assertion vm_page_free() knows nothing of NOFREE: the page has escaped."""
    memory, vm = short_memory("bump:escape")
    run_now(kmem_free(memory, malloc(memory, 2) or []))

    books = memory.design.books
    assert (2, 0, 513) == (books.escaped_fallback, books.returned_fallback, vm.free_count())
    assert conserved(memory, vm, 4096 - 513)


def test_leaked_page_stays_in_its_reservation() -> None:
    """Its address has another page then, since the reservation's own is taken."""
    memory, vm = short_memory("bump:leak")
    kept = malloc(memory, 1)
    leaked = malloc(memory, 1)
    run_now(kmem_free(memory, leaked or []))

    assert (kept, leaked) == ([LAST], [LAST + 1])
    assert malloc(memory, 1) not in (kept, leaked, None)
    assert (1, 2) == (memory.design.books.leaked_fallback, memory.design.books.fallback)
    assert conserved(memory, vm, 4096 - 513)


def test_assertion_comes_before_the_reservation() -> None:
    """A kernel with INVARIANTS stops at a fallback page too, wherever it lies."""
    memory, _ = short_memory("bump:panic")
    pages = malloc(memory, 1)

    with pytest.raises(Panic):
        run_now(kmem_free(memory, pages or []))


def test_batch_falls_back_to_the_reservation() -> None:
    """All under two holds, the design's and this; what does not suffice goes back there."""
    memory, vm = short_memory("batch", 512)

    assert 2 == holds(kmem_malloc(memory, 508, waitok=False))
    assert (4, 508) == (vm.free_count(), memory.design.books.fallback)
    assert malloc(memory, 3) is None  # two are had, and class SYSTEM leaves two
    assert (4, 508) == (vm.free_count(), memory.design.books.fallback)
    assert [LAST + 508, LAST + 509] == malloc(memory, 2)
    assert conserved(memory, vm, 4096 - 512)


def test_batch_goes_on_to_page_cache_and_lists() -> None:
    """With no superpage left, pages come from the page cache of pool DEFAULT, then the lists."""
    memory, vm = short_memory("batch", 300)
    vm.free(vm.alloc_noobj(RequestClass.SYSTEM))
    cached = vm.cache_counts(Pool.DEFAULT).pages
    assert cached > 0

    assert malloc(memory, cached + 5) is not None

    assert (0, cached + 5) == (vm.cache_counts(Pool.DEFAULT).pages, memory.design.books.fallback)
    assert 0 == vm.reservations().partpopq
    assert conserved(memory, vm, 4096 - 300)
