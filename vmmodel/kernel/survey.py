"""Reading memory without changing it: free blocks, regions, and a check of every promise."""

from typing import Any

from vmmodel.kernel.cstruct import kernel
from vmmodel.kernel.pages import (
    MAX_ORDER,
    NFREEORDER,
    NO_OBJECT,
    NO_PAGE,
    NPOOL,
    POOL_MASK,
    REGION_ORDER,
    REGION_PAGES,
    Mark,
    Pool,
)
from vmmodel.kernel.phys import queue_index

NMARK = 5
ORDINARY, DIRECT = int(Mark.ORDINARY), int(Pool.DIRECT)


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
def count_regions(vm: Any, free: Any, marks: Any, kernel_pages: Any) -> int:
    """Count, for every 2 MB region, its free pages and its pages by `Mark` (5 words a region).

    Of the ordinary ones *kernel_pages* come from pool DIRECT.  Give the most free pages that follow
    one another within a segment.
    """
    longest = 0
    for s in range(vm.nsegments):
        segment = vm.segment[s]
        m, extent = segment.start, 0
        while m < segment.end:
            region = (m >> REGION_ORDER) - segment.region_shift
            page = vm.page[m]
            order = page.order
            if order == NFREEORDER:
                mark = page.mark
                marks[region * NMARK + mark].value += 1
                if mark == ORDINARY and page.pool & POOL_MASK == DIRECT:
                    kernel_pages[region].value += 1
                extent = 0
                m += 1
                continue
            if order <= REGION_ORDER:
                free[region].value += 1 << order
            else:
                for i in range(1 << (order - REGION_ORDER)):
                    free[region + i].value += REGION_PAGES
            m += 1 << order
            extent += 1 << order
            longest = max(longest, extent)
    return longest


@kernel
def count_reserved(vm: Any, unused: Any, kernel_pages: Any) -> None:
    """Count, for every 2 MB region, the unused pages of its reservation.

    Those were never allocated, so their pool says nothing: a reservation has no pages of DIRECT.
    """
    for s in range(vm.nsegments):
        segment = vm.segment[s]
        for pfn9 in range(segment.start >> REGION_ORDER, (segment.end - 1 >> REGION_ORDER) + 1):
            if vm.reserv[pfn9].object != NO_OBJECT:
                region = pfn9 - segment.region_shift
                unused[region].value = REGION_PAGES - vm.reserv[pfn9].popcnt
                kernel_pages[region].value = 0


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
