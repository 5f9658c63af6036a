"""Kernel memory of several pages: addresses, a loop over pages, and the rollback.

FreeBSD: `kmem_malloc_domain()`, `kmem_back_domain()`, `_kmem_unback()` in ``sys/vm/vm_kern.c``.
"""

from functools import partial

from vmmodel.consumers.memory import NO_INJECTION, Injection, Memory
from vmmodel.consumers.page import alloc_nofree_pages, free_nofree_pages, insert_page
from vmmodel.consumers.steps import Event, Operation, Steps, work
from vmmodel.kernel import NO_PAGE


def kmem_malloc(
    memory: Memory, npages: int, *, waitok: bool, injection: Injection = NO_INJECTION
) -> Steps[list[int] | None]:
    """Get *npages* of mapped NOFREE memory, all or nothing for the caller.

    With *waitok* the request sleeps until it is served; without, it fails.
    """
    yield work(lock=1, arena_alloc=1)
    pindex = memory.arena.alloc(npages)
    pages = yield from kmem_back(memory, pindex, npages, waitok=waitok, injection=injection)
    if pages is None:
        memory.arena.free(pindex, npages)
        yield work(lock=1, arena_alloc=1)
    else:
        memory.addresses[pages[0]] = pindex
    return pages


def kmem_free(memory: Memory, pages: list[int], injection: Injection = NO_INJECTION) -> Steps[None]:
    """Unmap and give back memory that `kmem_malloc` gave, addresses included."""
    yield from kmem_unback(memory, pages, len(pages), injection)
    memory.arena.free(memory.addresses.pop(pages[0]), len(pages))
    yield work(lock=1, arena_alloc=1)


def kmem_back(
    memory: Memory, pindex: int, npages: int, *, waitok: bool, injection: Injection
) -> Steps[list[int] | None]:
    """Get, zero and map *npages* from page index *pindex* on.

    None if one cannot be had, with all of them given back.  FreeBSD: kmem_back_domain().
    """
    yield work(lock=1)
    back = partial(_back_batch if memory.design.traits.batches else _back_page_by_page, pindex)
    pages = yield from back(memory, npages, injection)
    while pages is None and waitok:
        yield memory.wait()
        pages = yield from back(memory, npages, NO_INJECTION)
    return pages


def _back_page_by_page(
    pindex: int, memory: Memory, npages: int, injection: Injection
) -> Steps[list[int] | None]:
    """Get page after page, each under its own hold of the lock, as FreeBSD does."""
    pages: list[int] = []
    for index in range(npages):
        m = yield from insert_page(memory, index, injection, pindex + index)
        if m == NO_PAGE:
            yield from _roll_back(memory, pages, index, injection)
            return None
        yield work(zero_page=1, lock=1, pte=1)
        pages.append(m)
    return pages


def _back_batch(
    pindex: int, memory: Memory, npages: int, injection: Injection
) -> Steps[list[int] | None]:
    """Get all pages under one hold; a page that cannot be had costs no page.

    With partial results it does: the pages before it have been handed out, and are rolled back
    before any is entered.  A radix node that cannot be had costs pages with every batch.

    FreeBSD: not adopted by kmem_back_domain(); vm_page_alloc_pages() of D47050 may give fewer
    pages than asked for, and its caller has to deal with that.
    """
    wanted = npages
    if 0 <= injection.page < npages:
        wanted = injection.page if memory.design.traits.partial else 0
    pages = (yield from alloc_nofree_pages(memory, wanted, pindex)) if wanted else []
    if len(pages) < npages:
        memory.tally.page_failures += len(pages) == wanted
        yield from _roll_back(memory, pages, 0, injection)
        return None
    inserted = npages if injection.second < 0 else injection.second
    yield work(lock=inserted, radix_insert=inserted, zero_page=inserted, pte=inserted)
    if inserted < npages:
        memory.tally.second_failures += 1
        yield Event("second-failure", npages)
        yield from _roll_back(memory, pages, inserted, injection)
        return None
    return pages


def _roll_back(
    memory: Memory, pages: list[int], inserted: int, injection: Injection
) -> Steps[None]:
    """Undo a request that failed half way, after *inserted* pages were entered and mapped."""
    if pages:
        memory.tally.rollbacks += 1
        memory.tally.rolled_back_pages += len(pages)
        yield Event("rollback", len(pages))
        yield Operation("rollback", kmem_unback(memory, pages, inserted, injection))


def kmem_unback(
    memory: Memory, pages: list[int], inserted: int, injection: Injection
) -> Steps[None]:
    """Unmap *pages*, one round of interrupts for all, and give them back in ascending order.

    Only the first *inserted* are in the object and mapped.  FreeBSD: _kmem_unback().
    """
    if inserted:
        yield work(shootdown=1, lock=2, radix_remove=inserted)
    yield from free_nofree_pages(memory, pages, injection)
