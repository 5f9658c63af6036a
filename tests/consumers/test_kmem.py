"""kmem_malloc(): page by page, rolled back with one shootdown, or a batch all or nothing."""

import pytest
from consumers.watched import Watch, check_conservation, new_memory

from vmmodel.consumers.kmem import kmem_free, kmem_malloc
from vmmodel.consumers.memory import Injection
from vmmodel.consumers.steps import Wait, WouldSleep, run_now
from vmmodel.kernel import Pool, RequestClass

FIRST = 4096
"""The first page of memory, where the first chunk begins."""

PAGE_BY_PAGE = ["ordinary", "bump:escape", "bump:leak", "freeable", "separate", "reclaim"]
BATCHES = ["batch", "batch+separate"]
EVERY = [*PAGE_BY_PAGE, *BATCHES, "batch-partial"]


@pytest.mark.parametrize("design", PAGE_BY_PAGE)
@pytest.mark.parametrize("npages", [1, 2, 5])
def test_price_of_a_slab(design: str, npages: int) -> None:
    """A request of n pages takes arena and object lock once, free lock and page map n times."""
    memory, watch = new_memory(design), Watch()

    pages = watch.run(kmem_malloc(memory, npages, waitok=False))

    assert list(range(FIRST, FIRST + npages)) == pages
    assert npages == watch.holds
    assert watch.work == {
        "arena_alloc": 1,
        "lock": 1 + 1 + npages,
        "radix_insert": npages,
        "zero_page": npages,
        "pte": npages,
    }
    check_conservation(memory)


def test_price_of_a_batch() -> None:
    """A batch takes the free lock once; all else is paid for every page as before."""
    one_by_one, batch = Watch(), Watch()
    one_by_one.run(kmem_malloc(new_memory("freeable"), 5, waitok=False))

    pages = batch.run(kmem_malloc(new_memory("batch"), 5, waitok=False))

    assert list(range(FIRST, FIRST + 5)) == pages
    assert (1, 5) == (batch.holds, one_by_one.holds)
    assert one_by_one.work == batch.work


@pytest.mark.parametrize("design", PAGE_BY_PAGE)
@pytest.mark.parametrize("failing", [1, 2, 3])
def test_price_of_a_rollback(design: str, failing: int) -> None:
    """Rolling k pages back is one shootdown, k radix removals and k holds; addresses follow."""
    memory, watch = new_memory(design), Watch()

    steps = kmem_malloc(memory, 4, waitok=False, injection=Injection(page=failing))

    assert watch.run(steps) is None
    assert ["rollback"] == watch.operations
    assert [("rollback", failing)] == watch.events
    assert 2 * failing == watch.holds
    assert watch.work == {
        "arena_alloc": 2,
        "lock": (1 + 1 + failing) + (2 + 1),
        "radix_insert": failing,
        "zero_page": failing,
        "pte": failing,
        "shootdown": 1,
        "radix_remove": failing,
    }
    assert (1, failing) == (memory.tally.rollbacks, memory.tally.rolled_back_pages)
    check_conservation(memory)


@pytest.mark.parametrize("design", EVERY)
def test_nothing_obtained_is_nothing_rolled_back(design: str) -> None:
    """A failure at the first page costs no shootdown and no page."""
    memory, watch = new_memory(design), Watch()

    steps = kmem_malloc(memory, 4, waitok=False, injection=Injection(page=0))

    assert watch.run(steps) is None
    assert ([], [], 0) == (watch.operations, watch.events, watch.holds)
    assert watch.work == {"arena_alloc": 2, "lock": 3}
    assert 2048 == memory.vm.free_count()


@pytest.mark.parametrize("design", ["freeable", "separate"])
def test_rollback_ascends_so_reuse_descends(design: str) -> None:
    """Pages go back in ascending order, so the queue serves the highest of them first."""
    memory = new_memory(design)

    run_now(kmem_malloc(memory, 4, waitok=False, injection=Injection(page=3)))

    ones = [(FIRST + 2, 1), (FIRST + 1, 1), (FIRST, 1)]
    assert [*ones, (FIRST + 3, 509)] == memory.design.runs()
    again = run_now(kmem_malloc(memory, 5, waitok=False))
    assert [FIRST + 2, FIRST + 1, FIRST, FIRST + 3, FIRST + 4] == again


@pytest.mark.parametrize("design", ["freeable", "separate"])
def test_freeing_gives_pages_and_addresses_back(design: str) -> None:
    """kmem_free() is a rollback of all pages: one shootdown, and the arena once more."""
    memory, watch = new_memory(design), Watch()
    pages = run_now(kmem_malloc(memory, 3, waitok=False))
    assert pages is not None

    watch.run(kmem_free(memory, pages))

    assert 3 == watch.holds
    assert watch.work == {"shootdown": 1, "radix_remove": 3, "lock": 3, "arena_alloc": 1}
    assert (0, 512) == (memory.design.books.in_use, memory.design.books.idle)


@pytest.mark.parametrize("design", BATCHES)
@pytest.mark.parametrize("failing", [0, 1, 3])
def test_batch_loses_no_page_to_a_page(design: str, failing: int) -> None:
    """A batch that cannot have one of its pages has had none of them."""
    memory, watch = new_memory(design), Watch()

    steps = kmem_malloc(memory, 4, waitok=False, injection=Injection(page=failing))

    assert watch.run(steps) is None
    assert (0, 0) == (memory.tally.rollbacks, memory.design.books.in_use)
    assert 2048 == memory.vm.free_count()


@pytest.mark.parametrize(
    ("design", "idle", "leaked"),
    [("batch-partial", 510, 2), ("batch-partial,free=own", 512, 0)],
)
def test_partial_result_has_to_be_rolled_back(design: str, idle: int, leaked: int) -> None:
    """A caller of a batch with partial results gives back what it got: one way or another.

    One hold for the batch and one for each page; the object is not touched, for nothing was
    entered, and so there is no shootdown.
    """
    memory, watch = new_memory(design), Watch()

    steps = kmem_malloc(memory, 4, waitok=False, injection=Injection(page=2))

    assert watch.run(steps) is None
    assert [("rollback", 2)] == watch.events
    assert 1 + 2 == watch.holds
    assert watch.work == {"arena_alloc": 2, "lock": 3}
    assert (idle, leaked) == (memory.design.books.idle, memory.design.books.leaked)
    check_conservation(memory)


@pytest.mark.parametrize(("spare", "rolled_back"), [(0, 0), (1, 1), (3, 3), (4, 0)])
def test_partial_result_near_exhaustion(spare: int, rolled_back: int) -> None:
    """Short of pages, a batch with partial results takes what is there, then gives it back."""
    memory = new_memory("batch-partial,free=own", npages=300)
    held = memory.vm.pages_alloc(RequestClass.SYSTEM, 298 - spare, Pool.DEFAULT)

    pages = run_now(kmem_malloc(memory, 4, waitok=False))

    assert (spare == 4) == (pages is not None)
    assert rolled_back == memory.tally.rolled_back_pages == memory.design.books.captured
    check_conservation(memory, ordinary=len(held))


@pytest.mark.parametrize(("design", "ns"), [("freeable", 0), ("freeable,fallback=wait", 10**8)])
def test_who_waits_for_a_chunk_looks_again_later(design: str, ns: int) -> None:
    """Plenty of pages are no chunk: a waiting design sleeps a period of the page daemon."""
    memory = new_memory(design, npages=300)
    memory.vm.pages_alloc(RequestClass.SYSTEM, 298, Pool.DEFAULT)

    steps = kmem_malloc(memory, 2, waitok=True)

    assert [Wait(ns)] == [step for step in _until_asleep(steps) if isinstance(step, Wait)]


def _until_asleep(steps):  # type: ignore[no-untyped-def]
    """The steps up to the first sleep."""
    answer = None
    while True:
        step = steps.send(answer)
        yield step
        if isinstance(step, Wait):
            return
        answer = step.action() if hasattr(step, "action") else None


def test_batch_spans_two_chunks() -> None:
    """The tail of a chunk and the head of the next serve one request; no page is wasted."""
    memory = new_memory("batch")
    run_now(kmem_malloc(memory, 510, waitok=False))

    pages = run_now(kmem_malloc(memory, 4, waitok=False))

    assert [FIRST + 510, FIRST + 511, FIRST + 512, FIRST + 513] == pages
    assert (2, 510) == (memory.design.books.imports, memory.design.books.idle)


def test_batch_falls_back_all_or_nothing() -> None:
    """Without a chunk, ordinary pages serve a batch if all can be had, else none is taken."""
    memory = new_memory("batch", npages=300)
    held = memory.vm.pages_alloc(RequestClass.SYSTEM, 293, Pool.DEFAULT)

    served = run_now(kmem_malloc(memory, 3, waitok=False))
    refused = run_now(kmem_malloc(memory, 3, waitok=False))

    assert served is not None
    assert 3 == len(set(served)) == memory.design.books.fallback
    assert refused is None
    assert 300 - 293 - 3 == memory.vm.free_count()
    check_conservation(memory, ordinary=len(held))


def test_batch_gives_back_what_the_lists_did_not_have() -> None:
    """Admitted but short of pages on the lists, a batch leaves free count and books alone."""
    memory = new_memory("batch", npages=300)
    hidden = [memory.vm.alloc_pages(0) for _ in range(298)]  # as pages inside reservations are

    assert run_now(kmem_malloc(memory, 3, waitok=False)) is None

    for m in hidden:
        memory.vm.free_pages(m, 0)
    assert 300 == memory.vm.free_count()
    assert 0 == memory.design.books.fallbacks
    check_conservation(memory)


@pytest.mark.parametrize("design", EVERY)
def test_waitok_sleeps_and_nowait_fails(design: str) -> None:
    """With no page left, M_WAITOK sleeps where M_NOWAIT fails; neither keeps a page."""
    memory = new_memory(design, npages=300)
    memory.vm.pages_alloc(RequestClass.SYSTEM, 298, Pool.DEFAULT)

    assert run_now(kmem_malloc(memory, 2, waitok=False)) is None
    with pytest.raises(WouldSleep):
        run_now(kmem_malloc(memory, 2, waitok=True))

    assert 2 == memory.vm.free_count()
    check_conservation(memory, ordinary=298)


@pytest.mark.parametrize("design", EVERY)
def test_injected_failure_is_met_once(design: str) -> None:
    """A request that slept asks again without the failure that was drawn for it."""
    memory = new_memory(design)
    steps = kmem_malloc(memory, 4, waitok=True, injection=Injection(page=0))
    with pytest.raises(WouldSleep):
        run_now(steps)
    slept = kmem_malloc(memory, 4, waitok=True, injection=Injection(page=0))

    assert 4 == len(_woken(slept))


def _woken(steps):  # type: ignore[no-untyped-def]
    """Run *steps*, woken at once whenever they sleep."""
    answer = None
    try:
        while True:
            step = steps.send(answer)
            answer = step.action() if hasattr(step, "action") else None
    except StopIteration as stop:
        return stop.value
