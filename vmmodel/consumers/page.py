"""One page: from the NOFREE allocator, else from the ordinary one; and the way back."""

from collections.abc import Callable
from functools import partial

from vmmodel.consumers.memory import NO_INJECTION, Injection, Memory
from vmmodel.consumers.misuse import bugs_of_the_last_free, free_unconverted, newly_reused
from vmmodel.consumers.steps import Event, Locked, Steps, work
from vmmodel.kernel import NO_PAGE, Pool, RequestClass
from vmmodel.nofree.base import serve_fallback

SYSTEM = RequestClass.SYSTEM


def alloc_nofree_page(memory: Memory, pindex: int | None = None) -> Steps[int]:
    """Get one NOFREE page at class SYSTEM, for page index *pindex* of kernel_object; or NO_PAGE.

    What the ordinary allocator gives when no chunk can be had is a *fallback* page: it carries
    PG_NOFREE outside of any chunk, and comes from pool DIRECT even where FreeBSD would give a page
    of kernel_object from a reservation.  FreeBSD: vm_page_alloc_noobj_domain(VM_ALLOC_NOFREE),
    vm_page_alloc_domain_iter().
    """
    design = memory.design
    pages, first = design.traits.object_pages, design.traits.cached
    get = partial(design.alloc, SYSTEM)
    if pages is not None and pindex is not None:
        get = partial(pages.alloc, SYSTEM, pindex)
        first = partial(pages.alloc_unlocked, SYSTEM, pindex)
    m: int = yield Locked(partial(_alloc_by_design, memory, get), first)
    if m == NO_PAGE and design.traits.falls_back:
        m = yield Locked(partial(_alloc_fallback, memory), partial(_cached_fallback, memory))
    yield from newly_reused(memory)
    return m


def _alloc_by_design(memory: Memory, get: Callable[[], int]) -> int:
    m = get()
    if m == NO_PAGE and not memory.design.traits.falls_back:
        memory.refuse(SYSTEM, 1)
    return m


def _alloc_fallback(memory: Memory) -> int:
    m = memory.vm.page_alloc(SYSTEM, Pool.DIRECT)
    if m == NO_PAGE:
        memory.refuse(SYSTEM, 1)
        return NO_PAGE
    return serve_fallback(memory.vm, memory.design.books, m)


def _cached_fallback(memory: Memory) -> int:
    m = memory.vm.cached_page(Pool.DIRECT)
    return m if m == NO_PAGE else serve_fallback(memory.vm, memory.design.books, m)


def alloc_nofree_pages(memory: Memory, npages: int) -> Steps[list[int]]:
    """Get *npages* by the design's batch, or none; with partial results what there is.

    Where no chunk can be had, ordinary pages serve the request or the rest of it, all or none as
    well: what does not suffice goes back inside the allocator, before anybody has seen it.
    """
    design = memory.design
    pages: list[int] = yield Locked(partial(_alloc_batch_by_design, memory, npages))
    if len(pages) < npages and design.traits.falls_back:
        pages += yield Locked(partial(_alloc_fallbacks, memory, npages - len(pages)))
    yield from newly_reused(memory)
    return pages


def _alloc_batch_by_design(memory: Memory, npages: int) -> list[int]:
    pages = memory.design.alloc_batch(npages, SYSTEM)
    if len(pages) < npages and not memory.design.traits.falls_back:
        memory.refuse(SYSTEM, npages - len(pages))
    return pages


def _alloc_fallbacks(memory: Memory, npages: int) -> list[int]:
    vm, some_will_do, wanted = memory.vm, memory.design.traits.partial, npages
    pages = vm.pages_alloc(SYSTEM, npages, Pool.DIRECT)
    while some_will_do and not pages and npages > 1:  # all are admitted or none, so ask for less
        npages -= 1
        pages = vm.pages_alloc(SYSTEM, npages, Pool.DIRECT)
    if len(pages) < npages and not some_will_do:
        vm.pages_free(pages)
        pages = []
    if len(pages) < wanted:
        memory.refuse(SYSTEM, wanted - len(pages))
    return [serve_fallback(vm, memory.design.books, m) for m in pages]


def free_nofree_pages(memory: Memory, pages: list[int], injection: Injection) -> Steps[None]:
    """Give NOFREE pages back, each under one hold, in the design's own way if nobody errs."""
    for m in pages:
        if injection.unconverted and memory.design.traits.own_function:
            yield from free_unconverted(memory, m)
        else:
            yield Locked(partial(memory.design.free_nofree, m))
    if pages:
        yield from bugs_of_the_last_free(memory, pages[-1], injection)
    yield from newly_reused(memory)


def insert_page(
    memory: Memory, index: int, injection: Injection, pindex: int | None = None
) -> Steps[int]:
    """Get one NOFREE page and enter it into an object as page *index* of a request; or NO_PAGE.

    *pindex* is its page index where the object is kernel_object.

    When no radix node can be had, the page just obtained is given back: one NOFREE page and
    another resource, in that order.  FreeBSD: vm_page_alloc_domain_iter(), route R2.
    """
    if injection.page == index:
        memory.tally.page_failures += 1
        return NO_PAGE
    m = yield from alloc_nofree_page(memory, pindex)
    if m == NO_PAGE:
        return NO_PAGE
    if injection.second == index:
        memory.tally.second_failures += 1
        yield Event("second-failure", 1)
        yield from free_nofree_pages(memory, [m], injection)
        return NO_PAGE
    yield work(radix_insert=1)
    return m


def alloc_object_page(memory: Memory, injection: Injection = NO_INJECTION) -> Steps[int]:
    """Ask for a single NOFREE page of an object, zeroed; NO_PAGE if it cannot be had."""
    memory.tally.requests += 1
    memory.tally.requested_pages += 1
    yield work(lock=1)  # of the object
    m = yield from insert_page(memory, 0, injection)
    if m == NO_PAGE:
        memory.tally.failed += 1
    else:
        memory.held.append(m)
        yield work(zero_page=1)
    return m
