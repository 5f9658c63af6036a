"""Processors that take turns: each allocates or frees one order-0 page, then comes the next.

This is how threads that run equally fast on as many processors reach the allocator.  Which page is
freed, and where an allocated one is kept, is drawn beforehand: nothing here is left to chance.

The way of a page is that of `alloc.alloc_noobj` and `alloc.free`, without reservations: on a
machine that has none nothing is to be broken, and the loops compile in two thirds of the time.
"""

from typing import Any

from vmmodel.kernel.cstruct import Struct, kernel, prefetch
from vmmodel.kernel.domain import NORMAL, page_alloc, page_free
from vmmodel.kernel.pages import NO_PAGE, PCPU_CACHE
from vmmodel.kernel.pgcache import pgcache_alloc, pgcache_free
from vmmodel.kernel.phys import DEFAULT_POOL

FAR, NEAR = 16, 8
"""How many turns ahead a place, and then the structure of its page, is asked for."""

Place = Struct(__name__, "Place", pfn="i4")
"""Where a processor keeps a page that it allocated, or NO_PAGE."""

Turn = Struct(__name__, "Turn", place="i4")
"""Which place the turn is about.  Turn *i* is that of processor *i* modulo their number."""


@kernel
def alloc_in_turns(vm: Any, place: Any, turn: Any, n: int, ncpu: int, cached: int) -> int:
    """Fill the places of *n* turns; give how many turns were served.

    With *cached* pages come from the page caches, else each from the buddy lists.
    """
    for i in range(n):
        m = pgcache_alloc(vm, DEFAULT_POOL, i % ncpu, 0) if cached else NO_PAGE
        if m == NO_PAGE:
            m = page_alloc(vm, 0, NORMAL, DEFAULT_POOL)
            vm.lock_holds += 1
        if m == NO_PAGE:
            return i
        place[turn[i].place].pfn = m
    return n


@kernel
def free_in_turns(vm: Any, place: Any, turn: Any, n: int, ncpu: int) -> int:
    """Free the pages in the places of *n* turns, to where they came from; give how many."""
    for i in range(n):
        look_ahead(vm, place, turn, i, n - 1)
        here = place[turn[i].place]
        if vm.page[here.pfn].pool & PCPU_CACHE:
            pgcache_free(vm, DEFAULT_POOL, i % ncpu, here.pfn)
        else:
            page_free(vm, here.pfn)
            vm.lock_holds += 1
        here.pfn = NO_PAGE
    return n


@kernel
def look_ahead(vm: Any, place: Any, turn: Any, i: int, last: int) -> None:
    """Ask for the memory that turns soon after *i* will touch: their place, later their page.

    Places are random, so without it every free waits for main memory.
    """
    prefetch(place, turn[min(i + FAR, last)].place)
    prefetch(vm.page, place[turn[min(i + NEAR, last)].place].pfn)
