"""The buddy allocator: ``sys/vm/vm_phys.c``, row for row.

Free lists are first in, first out: allocation takes the head; frees and the remainders of splits
go to the tail; only the surplus of `alloc_contig` goes to the head.  Coalescing ignores pools.
A page is its page frame number.  The caller names the pool of what it frees, as main has done
since 2024; FreeBSD 13.0 reads it from the page and answers the same.

Sources: FreeBSD 13.0 ``vm_phys.c``; its recorded answers are in ``data/golden``.
"""

from typing import Any

from vmmodel.kernel.cstruct import kernel
from vmmodel.kernel.pages import MAX_ORDER, NFREEORDER, NO_PAGE, NPOOL, REGION_ORDER, Pool

DEFAULT_POOL = int(Pool.DEFAULT)


@kernel
def queue_index(vm: Any, domain: int, freelist: int, pool: int) -> int:
    """Give the index in ``vm.queue`` of the order-0 list; order *o* is *o* further on."""
    return ((domain * vm.nfreelists + freelist) * NPOOL + pool) * NFREEORDER


@kernel
def freelist_append(vm: Any, queue: int, m: int, order: int, pool: int) -> None:
    """Add the free block *m* at the tail of its list.  FreeBSD: vm_freelist_add(..., 1)."""
    page, freelist = vm.page, vm.queue[queue + order]
    tail = freelist.tail
    block = page[m]
    block.order = order
    block.pool = pool
    block.next = NO_PAGE
    block.prev = tail
    if tail == NO_PAGE:
        freelist.head = m
    else:
        page[tail].next = m
    freelist.tail = m
    freelist.count += 1
    vm.list_ops += 1
    vm.page_structs += 1


@kernel
def freelist_prepend(vm: Any, queue: int, m: int, order: int, pool: int) -> None:
    """Add the free block *m* at the head of its list.  FreeBSD: vm_freelist_add(..., 0)."""
    page, freelist = vm.page, vm.queue[queue + order]
    head = freelist.head
    block = page[m]
    block.order = order
    block.pool = pool
    block.next = head
    block.prev = NO_PAGE
    if head == NO_PAGE:
        freelist.tail = m
    else:
        page[head].prev = m
    freelist.head = m
    freelist.count += 1
    vm.list_ops += 1
    vm.page_structs += 1


@kernel
def freelist_remove(vm: Any, queue: int, m: int, order: int) -> None:
    """Take the free block *m* off its list.  FreeBSD: vm_freelist_rem()."""
    page, freelist = vm.page, vm.queue[queue + order]
    block = page[m]
    after, before = block.next, block.prev
    if before == NO_PAGE:
        freelist.head = after
    else:
        page[before].next = after
    if after == NO_PAGE:
        freelist.tail = before
    else:
        page[after].prev = before
    block.order = NFREEORDER
    freelist.count -= 1
    vm.list_ops += 1
    vm.page_structs += 1


@kernel
def split_pages(vm: Any, queue: int, m: int, have: int, order: int, pool: int) -> None:
    """Keep the lowest *order* block of *m*; upper halves, large to small, go to the tail."""
    while have > order:
        have -= 1
        freelist_append(vm, queue, m + (1 << have), have, pool)


@kernel
def count_steal(vm: Any, have: int, pool: int) -> None:
    """Count a block of order *have* that another pool loses.

    One below a superpage leaves the rest of its 2 MB to the other pool, so that both have pages
    there; what DEFAULT loses goes to unmovable pages.  Linux: mm_page_alloc_extfrag.
    """
    small, unmovable = int(have < REGION_ORDER), int(pool == DEFAULT_POOL)
    vm.steals += 1
    vm.stolen_pages += 1 << have
    vm.extfrag += 1
    vm.extfrag_small += small
    vm.extfrag_unmovable += unmovable
    vm.extfrag_mixing += small & unmovable


@kernel
def steal_largest(vm: Any, domain: int, freelist: int, order: int) -> int:
    """Find the largest block of at least *order* in any pool: its head, or NO_PAGE.

    The block is taken off its list.  13.0 then writes the pool of all its page structures, main
    only that of the head; `stolen_pages` counts what 13.0 would touch.
    """
    have = MAX_ORDER
    while have >= order:
        for pool in range(NPOOL):
            queue = queue_index(vm, domain, freelist, pool)
            m = vm.queue[queue + have].head
            if m != NO_PAGE:
                freelist_remove(vm, queue, m, have)
                count_steal(vm, have, pool)
                vm.page[m].order = have  # for the caller; the block is on no list
                return m
        have -= 1
    return NO_PAGE


@kernel
def take_order(vm: Any, m: int) -> int:
    """Read and clear the order that `steal_largest` left in *m*."""
    order = vm.page[m].order
    vm.page[m].order = NFREEORDER
    return order


@kernel
def alloc_freelist_pages(vm: Any, domain: int, freelist: int, pool: int, order: int) -> int:
    """Allocate from one free list.  FreeBSD: vm_phys_alloc_freelist_pages()."""
    queue = queue_index(vm, domain, freelist, pool)
    have = order
    while have < NFREEORDER:  # range() would count twice when compiled: 5 % of an allocation
        m = vm.queue[queue + have].head
        if m != NO_PAGE:
            freelist_remove(vm, queue, m, have)
            split_pages(vm, queue, m, have, order, pool)
            return m
        have += 1
    m = steal_largest(vm, domain, freelist, order)
    if m != NO_PAGE:
        split_pages(vm, queue, m, take_order(vm, m), order, pool)
    return m


@kernel
def alloc_pages(vm: Any, domain: int, pool: int, order: int) -> int:
    """Allocate 2**order pages: the smallest block of *pool* that suffices, oldest first.

    When the pool has none, the largest block of any pool is taken over.  A later free list is
    tried only when everything in the earlier one fails.  FreeBSD: vm_phys_alloc_pages().
    """
    for freelist in range(vm.nfreelists):
        m = alloc_freelist_pages(vm, domain, freelist, pool, order)
        if m != NO_PAGE:
            return m
    return NO_PAGE


@kernel
def enqueue_range(vm: Any, queue: int, m: int, npages: int, pool: int, at_tail: int) -> None:
    """Put back the end of an aligned block in ascending pieces.  FreeBSD: vm_phys_enq_range()."""
    while npages > 0:
        order = 0
        while npages & (1 << order) == 0:
            order += 1
        if at_tail:
            freelist_append(vm, queue, m, order, pool)
        else:
            freelist_prepend(vm, queue, m, order, pool)
        m += 1 << order
        npages -= 1 << order


@kernel
def take_block(
    vm: Any, queue: int, m: int, have: int, pool: int, got: int, npages: int, out: Any
) -> int:
    """Append the pages of a block to *out*, put surplus back at the tail; give the new total."""
    need = min(npages - got, 1 << have)
    for i in range(need):
        out[got + i].value = m + i
    if need < 1 << have:
        enqueue_range(vm, queue, m + need, (1 << have) - need, pool, 1)
    return got + need


@kernel
def alloc_npages(vm: Any, domain: int, pool: int, npages: int, out: Any) -> int:
    """Allocate up to *npages* (<= 4096) single pages into *out*; give how many.

    Lists are drained from order 0 upwards, so the pages need not be contiguous.
    FreeBSD: vm_phys_alloc_npages().
    """
    got = 0
    for freelist in range(vm.nfreelists):
        queue = queue_index(vm, domain, freelist, pool)
        for have in range(NFREEORDER):
            while got < npages:
                m = vm.queue[queue + have].head
                if m == NO_PAGE:
                    break
                freelist_remove(vm, queue, m, have)
                got = take_block(vm, queue, m, have, pool, got, npages, out)
        while got < npages:
            m = steal_largest(vm, domain, freelist, 0)
            if m == NO_PAGE:
                break
            got = take_block(vm, queue, m, take_order(vm, m), pool, got, npages, out)
    return got


@kernel
def free_pages(vm: Any, m: int, order: int, pool: int) -> int:
    """Free 2**order pages, merging with free buddies of the segment; give the block's head.

    The merged block goes to the tail of *pool*'s list.  FreeBSD: vm_phys_free_pages().
    """
    page, segment = vm.page, vm.segment[vm.page[m].segment]
    base = queue_index(vm, segment.domain, segment.freelist, 0)
    while order < MAX_ORDER:
        buddy = m ^ (1 << order)
        if buddy < segment.start or buddy >= segment.end or page[buddy].order != order:
            break
        freelist_remove(vm, base + page[buddy].pool * NFREEORDER, buddy, order)
        m = min(m, buddy)
        order += 1
    freelist_append(vm, base + pool * NFREEORDER, m, order, pool)
    return m


@kernel
def trailing_zeros(pfn: int, limit: int) -> int:
    """Count the zero bits at the low end of *pfn*, at most *limit*."""
    zeros = 0
    while zeros < limit and pfn & (1 << zeros) == 0:
        zeros += 1
    return zeros


@kernel
def enqueue_contig(vm: Any, m: int, npages: int, pool: int) -> None:
    """Put a range on the lists in the largest aligned blocks, without merging.

    FreeBSD: vm_phys_enqueue_contig(); also how memory is given to the allocator at boot.
    """
    segment = vm.segment[vm.page[m].segment]
    queue = queue_index(vm, segment.domain, segment.freelist, pool)
    end = m + npages
    while m < end:
        order = trailing_zeros(m, MAX_ORDER)
        while m + (1 << order) > end:
            order -= 1
        freelist_append(vm, queue, m, order, pool)
        m += 1 << order


@kernel
def free_contig(vm: Any, m: int, npages: int, pool: int) -> None:
    """Free a run of pages: the middle without merging, then its first and last piece with it.

    FreeBSD: vm_phys_free_contig().
    """
    first, end = m, m + npages
    limit = 0
    while limit < MAX_ORDER and (first ^ end) >> (limit + 1) != 0:
        limit += 1
    order_first, order_last = trailing_zeros(first, MAX_ORDER), trailing_zeros(end, MAX_ORDER)
    start, stop = first, end
    if order_first < limit:
        start += 1 << order_first
    if order_last < limit:
        stop -= 1 << order_last
    if start < stop:
        enqueue_contig(vm, start, stop - start, pool)
    if order_first < limit:
        free_pages(vm, first, order_first, pool)
    if order_last < limit:
        free_pages(vm, stop, order_last, pool)


@kernel
def followed_by_free(vm: Any, segment: Any, m: int, npages: int) -> bool:
    """Tell whether free blocks of the largest order cover *npages* from the block *m* on."""
    at = m + (1 << MAX_ORDER)
    while at < m + npages:
        if at < segment.start or at >= segment.end or vm.page[at].order != MAX_ORDER:
            return False
        at += 1 << MAX_ORDER
    return True


@kernel
def fits(m: int, npages: int, low: int, high: int, alignment: int, boundary: int) -> bool:
    """Tell whether the run that starts at *m* keeps to range, alignment and boundary (0: none)."""
    last = m + npages - 1
    crosses = boundary != 0 and (m ^ last) & -boundary != 0
    return m >= low and last < high and m & (alignment - 1) == 0 and not crosses


@kernel
def find_contig(
    vm: Any, segment: Any, npages: int, low: int, high: int, alignment: int, boundary: int
) -> int:
    """Find the first free block, best order first, at whose start a run fits; or NO_PAGE.

    Segments share lists, so the block may belong to another segment, as in the kernel.
    """
    order = 0
    while npages > 1 << order:
        order += 1
    for have in range(min(order, MAX_ORDER), NFREEORDER):
        for pool in range(NPOOL):
            queue = queue_index(vm, segment.domain, segment.freelist, pool)
            m = vm.queue[queue + have].head
            while m != NO_PAGE:
                vm.page_structs += 1
                long_enough = order <= MAX_ORDER or followed_by_free(vm, segment, m, npages)
                if long_enough and fits(m, npages, low, high, alignment, boundary):
                    return m
                m = vm.page[m].next
    return NO_PAGE


@kernel
def alloc_contig(
    vm: Any, domain: int, npages: int, low: int, high: int, alignment: int, boundary: int
) -> int:
    """Allocate contiguous pages in [low, high); *alignment* and *boundary* are powers of two.

    Segments are searched from the highest down.  The pages, and the surplus that returns to the
    head of the lists, become pool DEFAULT.  FreeBSD: vm_phys_alloc_contig().
    """
    if low >= high:
        return NO_PAGE
    m = NO_PAGE
    index = vm.nsegments - 1
    while index >= 0 and m == NO_PAGE:
        segment = vm.segment[index]
        index -= 1
        if segment.start >= high or segment.domain != domain:
            continue
        if low >= segment.end:
            break
        if min(high, segment.end) - max(low, segment.start) >= npages:
            m = find_contig(vm, segment, npages, low, high, alignment, boundary)
    if m != NO_PAGE:
        take_contig(vm, m, npages)
    return m


@kernel
def take_contig(vm: Any, m: int, npages: int) -> None:
    """Take the run that `find_contig` found off the lists and put its surplus back."""
    segment = vm.segment[vm.page[m].segment]
    base = queue_index(vm, segment.domain, segment.freelist, 0)
    order = vm.page[m].order
    at = m
    while at < m + npages:
        freelist_remove(vm, base + vm.page[at].pool * NFREEORDER, at, order)
        at += 1 << order
    enqueue_range(vm, base + DEFAULT_POOL * NFREEORDER, m + npages, at - m - npages, 0, 0)
