"""Reading memory without changing it: free blocks, regions, and a check of every promise."""

from typing import Any

from vmmodel.kernel.cstruct import kernel
from vmmodel.kernel.pages import MAX_ORDER, NFREEORDER, NO_PAGE, NPOOL, REGION_ORDER, REGION_PAGES
from vmmodel.kernel.phys import queue_index

NMARK = 5


@kernel
def list_words(vm: Any, out: Any) -> int:
    """Write every free list of domain 0, head to tail, each behind a marker; give the length.

    The marker is ``1 << 63 | list << 16 | pool << 8 | order``: the words of the golden traces.
    """
    n = 0
    for freelist in range(vm.nfreelists):
        for pool in range(NPOOL):
            queue = queue_index(vm, 0, freelist, pool)
            for order in range(NFREEORDER):
                out[n].value = -(1 << 63) | freelist << 16 | pool << 8 | order
                n += 1
                m = vm.queue[queue + order].head
                while m != NO_PAGE:
                    out[n].value = m
                    n += 1
                    m = vm.page[m].next
    return n


@kernel
def count_regions(vm: Any, free: Any, marks: Any) -> None:
    """Count, for every 2 MB region, its free pages and its pages by `Mark` (5 words a region)."""
    for s in range(vm.nsegments):
        segment = vm.segment[s]
        m = segment.start
        while m < segment.end:
            region = (m >> REGION_ORDER) - segment.region_shift
            order = vm.page[m].order
            if order == NFREEORDER:
                marks[region * NMARK + vm.page[m].mark].value += 1
                m += 1
            elif order <= REGION_ORDER:
                free[region].value += 1 << order
                m += 1 << order
            else:
                for i in range(1 << (order - REGION_ORDER)):
                    free[region + i].value += REGION_PAGES
                m += 1 << order


@kernel
def check_list(vm: Any, queue: int, order: int, pool: int, freelist: int) -> int:
    """Check one free list; give the pages on it, or -1 if a promise is broken."""
    n, before = 0, NO_PAGE
    m = vm.queue[queue + order].head
    while m != NO_PAGE:
        page = vm.page[m]
        segment = vm.segment[page.segment]
        inside = segment.start <= m and m + (1 << order) <= segment.end
        aligned = m & ((1 << order) - 1) == 0
        if page.order != order or page.pool != pool or page.prev != before:
            return -1
        if not inside or not aligned or segment.freelist != freelist:
            return -1
        for inner in range(m + 1, m + (1 << order)):
            if vm.page[inner].order != NFREEORDER:
                return -1
        n += 1
        before, m = m, page.next
    if n != vm.queue[queue + order].count or before != vm.queue[queue + order].tail:
        return -1
    return n << order


@kernel
def check_lists(vm: Any, d: int) -> int:
    """Check every free list of a domain; give the free pages, or -1 if a promise is broken."""
    pages = 0
    for freelist in range(vm.nfreelists):
        for pool in range(NPOOL):
            queue = queue_index(vm, d, freelist, pool)
            for order in range(NFREEORDER):
                n = check_list(vm, queue, order, pool, freelist)
                if n < 0:
                    return -1
                pages += n
    return pages


@kernel
def count_unmerged(vm: Any) -> int:
    """Count pairs of free buddies of one order: none after `free_pages` alone."""
    pairs = 0
    for s in range(vm.nsegments):
        segment = vm.segment[s]
        m = segment.start
        while m < segment.end:
            order = vm.page[m].order
            if order == NFREEORDER:
                m += 1
                continue
            buddy = m ^ (1 << order)
            if order < MAX_ORDER and buddy > m and buddy < segment.end:
                pairs += vm.page[buddy].order == order
            m += 1 << order
    return pairs
