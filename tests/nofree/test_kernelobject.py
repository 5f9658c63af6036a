"""Mapped kernel memory without a NOFREE allocator lies in superpages of kernel_object."""

from functools import partial

from vmmodel.consumers.kmem import kmem_free, kmem_malloc
from vmmodel.consumers.memory import Injection, Memory
from vmmodel.consumers.steps import Locked, Operation, Steps, run_now
from vmmodel.kernel import NO_PAGE, Pool, RequestClass, Vm, WholeVm
from vmmodel.nofree.kernelobject import KernelObject
from vmmodel.nofree.ordinary import OrdinaryNofree

FIRST = 4096
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
