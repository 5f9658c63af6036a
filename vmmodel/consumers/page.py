"""One page: from the NOFREE allocator, else from the ordinary one; and the way back."""

from collections.abc import Callable
from functools import partial

from vmmodel.consumers.memory import NO_INJECTION, Injection, Memory
from vmmodel.consumers.misuse import bugs_of_the_last_free, free_unconverted, newly_reused
from vmmodel.consumers.steps import Event, Locked, Steps, work
from vmmodel.kernel import NO_PAGE, Pool, RequestClass
from vmmodel.nofree.base import serve_fallback
from vmmodel.nofree.kernelobject import KernelObject

SYSTEM = RequestClass.SYSTEM
Way = Callable[[], int]
"""Gives a page or NO_PAGE."""


def alloc_nofree_page(memory: Memory, pindex: int | None = None) -> Steps[int]:
    """Get one NOFREE page at class SYSTEM, for page index *pindex* of kernel_object; or NO_PAGE.

    What the ordinary allocator gives when no chunk can be had is a *fallback* page: it carries
    PG_NOFREE outside of any chunk.  FreeBSD: vm_page_alloc_noobj_domain(VM_ALLOC_NOFREE),
    vm_page_alloc_domain_iter().
    """
    design = memory.design
    pages, first = design.traits.object_pages, design.traits.cached
    get: Way = partial(design.alloc, SYSTEM)
    if pages is not None and pindex is not None:
        get = partial(pages.alloc, SYSTEM, pindex)
        first = partial(pages.alloc_unlocked, SYSTEM, pindex)
    m: int = yield Locked(partial(_alloc_by_design, memory, get, pindex), first)
    if m == NO_PAGE and design.traits.falls_back:
        get, first = _ordinary_ways(memory, pindex)
        m = yield Locked(
            partial(_alloc_fallback, memory, get), partial(_cached_fallback, memory, first)
        )
    yield from newly_reused(memory)
    return m


def _alloc_by_design(memory: Memory, get: Way, pindex: int | None) -> int:
    m = get()
    if m != NO_PAGE:
        _enter(memory, [m], pindex)
    elif not memory.design.traits.falls_back:
        memory.refuse(SYSTEM, 1)
    return m


def _enter(memory: Memory, pages: list[int], pindex: int | None) -> None:
    """Enter pages in kernel_object, if they are mapped: from *pindex* on.

    Pages of chunks as well: where one is, its range of 2 MB has no reservation for fallback pages.
    """
    kernel_object = memory.design.traits.kernel_object
    if kernel_object is not None and pindex is not None:
        for index, m in enumerate(pages, pindex):
            kernel_object.enter(index, m)


def _ordinary_ways(memory: Memory, pindex: int | None) -> tuple[Way, Way]:
    """Say how an ordinary page is had: under the free lock, and before it is taken."""
    vm, kernel_object = memory.vm, memory.design.traits.kernel_object
    if kernel_object is None or pindex is None:
        return partial(vm.page_alloc, SYSTEM, Pool.DIRECT), partial(vm.cached_page, Pool.DIRECT)
    under, before = kernel_object.alloc, kernel_object.alloc_unlocked
    return partial(under, SYSTEM, pindex), partial(before, SYSTEM, pindex)


def _alloc_fallback(memory: Memory, get: Way) -> int:
    m = get()
    if m == NO_PAGE:
        memory.refuse(SYSTEM, 1)
        return NO_PAGE
    return serve_fallback(memory.vm, memory.design.books, m)


def _cached_fallback(memory: Memory, get: Way) -> int:
    m = get()
    return m if m == NO_PAGE else serve_fallback(memory.vm, memory.design.books, m)


def alloc_nofree_pages(memory: Memory, npages: int, pindex: int | None = None) -> Steps[list[int]]:
    """Get *npages* by the design's batch, or none; with partial results what there is.

    They are for page indexes of kernel_object from *pindex* on, if it is given.
    Where no chunk can be had, ordinary pages serve the request or the rest of it, all or none as
    well: what does not suffice goes back inside the allocator, before anybody has seen it.
    """
    design = memory.design
    pages: list[int] = yield Locked(partial(_alloc_batch_by_design, memory, npages, pindex))
    if len(pages) < npages and design.traits.falls_back:
        rest = None if pindex is None else pindex + len(pages)
        pages += yield Locked(partial(_alloc_fallbacks, memory, npages - len(pages), rest))
    yield from newly_reused(memory)
    return pages


def _alloc_batch_by_design(memory: Memory, npages: int, pindex: int | None) -> list[int]:
    pages = memory.design.alloc_batch(npages, SYSTEM)
    _enter(memory, pages, pindex)
    if len(pages) < npages and not memory.design.traits.falls_back:
        memory.refuse(SYSTEM, npages - len(pages))
    return pages


def _alloc_fallbacks(memory: Memory, npages: int, pindex: int | None) -> list[int]:
    kernel_object, pool, pages = memory.design.traits.kernel_object, Pool.DIRECT, list[int]()
    if kernel_object is not None and pindex is not None:
        pages, pool = _before_the_lists(kernel_object, npages, pindex), Pool.DEFAULT
    pages += _of_the_lists(memory, npages - len(pages), pool)
    if len(pages) < npages and not memory.design.traits.partial:
        for m in pages:
            _give_back(memory, m)
        pages = []
    if len(pages) < npages:
        memory.refuse(SYSTEM, npages - len(pages))
    _enter(memory, pages, pindex)
    return [serve_fallback(memory.vm, memory.design.books, m) for m in pages]


def _before_the_lists(kernel_object: KernelObject, npages: int, pindex: int) -> list[int]:
    """Get pages of reservations, then of the page cache, as far as they go.

    All under one hold, though not every page needs the lock.  FreeBSD: this order is D47050's,
    not adopted.
    """
    pages: list[int] = []
    for get in (kernel_object.alloc_reserved, kernel_object.alloc_cached):
        while len(pages) < npages and (m := get(SYSTEM, pindex + len(pages))) != NO_PAGE:
            pages.append(m)
    return pages


def _of_the_lists(memory: Memory, npages: int, pool: Pool) -> list[int]:
    """Get pages of the buddy lists; no reservation is broken for them."""
    pages: list[int] = []
    while npages and not pages:  # all are admitted or none, so ask for less
        pages = memory.vm.pages_alloc(SYSTEM, npages, pool)
        npages = npages - 1 if memory.design.traits.partial else 0
    return pages


def _give_back(memory: Memory, m: int) -> None:
    """Give an ordinary page back before anybody has seen it."""
    if memory.design.traits.kernel_object is not None:
        memory.design.traits.kernel_object.forget(m)
    memory.vm.page_free(m)


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
