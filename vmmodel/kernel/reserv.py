"""Reservations: an object's pages come from a 2 MB block of its own, to be mapped as a superpage.

A reservation belongs to one object and one aligned range of 512 page indexes.  Its block leaves
the buddy lists at once, but only pages that are allocated leave the free count.  The block returns
whole when its last page is freed.  Reservations that are partly populated wait in a queue, least
recently changed first; when the buddy lists are empty the first one is broken, and its unused
pages return unmerged.

An object is a number.  It is not kept here which pages it holds: as in the kernel, its reservation
is found through a page that it holds near the index, which the caller names.  One free-lock hold is
counted in `lock_holds` where a block is taken or returned, and one for each run of a broken block.

Source: ``sys/vm/vm_reserv.c`` of FreeBSD main of 2025; amd64, so that there is one level.
"""

from typing import Any

from vmmodel.kernel.cstruct import kernel
from vmmodel.kernel.domain import domain_allocate, freecnt_inc
from vmmodel.kernel.pages import (
    NFREEORDER,
    NO_OBJECT,
    NO_PAGE,
    POPMAP_BITS,
    POPMAP_WORDS,
    REGION_ORDER,
    REGION_PAGES,
)
from vmmodel.kernel.phys import DEFAULT_POOL, alloc_pages, enqueue_contig, free_pages

NO_RESERV = -1
"""No reservation, and the end of a queue of them."""

NO_END = 1 << 62
"""Size of an object that is expected to grow, as FreeBSD expects of anonymous memory."""

PARTPOPSLOP = 1
"""Ticks within which further changes leave a reservation where it is in its queue."""


@kernel
def is_populated(vm: Any, m: int) -> int:
    """Read the bit of a page in its region's population map."""
    index = m & (REGION_PAGES - 1)
    word = (m >> REGION_ORDER) * POPMAP_WORDS + index // POPMAP_BITS
    return vm.popmap[word].bits >> (index % POPMAP_BITS) & 1


@kernel
def flip_populated(vm: Any, m: int) -> None:
    """Set the bit of a page if it is clear, and clear it if it is set."""
    index = m & (REGION_PAGES - 1)
    word = (m >> REGION_ORDER) * POPMAP_WORDS + index // POPMAP_BITS
    vm.popmap[word].bits ^= 1 << (index % POPMAP_BITS)


@kernel
def partpopq_append(vm: Any, region: int) -> None:
    """Make a reservation the most recently changed of its domain's queue."""
    rv = vm.reserv[region]
    queue = vm.partpopq[rv.domain]
    tail = queue.tail
    rv.inpartpopq = 1
    rv.next = NO_RESERV
    rv.prev = tail
    if tail == NO_RESERV:
        queue.head = region
    else:
        vm.reserv[tail].next = region
    queue.tail = region
    queue.count += 1
    vm.list_ops += 1


@kernel
def partpopq_remove(vm: Any, region: int) -> None:
    """Take a reservation off its queue, if it is there."""
    rv = vm.reserv[region]
    if rv.inpartpopq == 0:
        return
    queue = vm.partpopq[rv.domain]
    after, before = rv.next, rv.prev
    if before == NO_RESERV:
        queue.head = after
    else:
        vm.reserv[before].next = after
    if after == NO_RESERV:
        queue.tail = before
    else:
        vm.reserv[after].prev = before
    rv.inpartpopq = 0
    queue.count -= 1
    vm.list_ops += 1


@kernel
def populate(vm: Any, region: int, m: int) -> None:
    """Enter a page as allocated; a reservation that is full leaves the queue.

    FreeBSD: vm_reserv_populate().
    """
    rv = vm.reserv[region]
    flip_populated(vm, m)
    vm.page[m].pool = DEFAULT_POOL
    vm.page_structs += 1
    rv.popcnt += 1
    full = rv.popcnt == REGION_PAGES
    if vm.ticks - rv.lasttick < PARTPOPSLOP and rv.inpartpopq != 0 and not full:
        return
    rv.lasttick = vm.ticks
    partpopq_remove(vm, region)
    if full:
        vm.fullpop += 1
        vm.filled += 1
    else:
        partpopq_append(vm, region)


@kernel
def depopulate(vm: Any, region: int, m: int) -> None:
    """Enter a page as unused, and return the block when it was the last.

    One that was full and changes within the slop stays off the queue, as in the kernel.
    FreeBSD: vm_reserv_depopulate().
    """
    rv = vm.reserv[region]
    if rv.popcnt == REGION_PAGES:
        vm.fullpop -= 1
    flip_populated(vm, m)
    rv.popcnt -= 1
    if vm.ticks - rv.lasttick >= PARTPOPSLOP or rv.popcnt == 0:
        partpopq_remove(vm, region)
        if rv.popcnt != 0:
            partpopq_append(vm, region)
        rv.lasttick = vm.ticks
    if rv.popcnt == 0:
        rv.object = NO_OBJECT
        free_pages(vm, region << REGION_ORDER, REGION_ORDER, DEFAULT_POOL)
        vm.lock_holds += 1
        vm.moved += REGION_PAGES
        vm.freed += 1
    freecnt_inc(vm, rv.domain, 1)


@kernel
def serves(vm: Any, near: int, object_: int, pindex: int) -> bool:
    """Tell whether the page *near* lies in the object's reservation for *pindex*."""
    if near == NO_PAGE:
        return False
    rv = vm.reserv[near >> REGION_ORDER]
    return rv.object == object_ and rv.pindex == pindex - pindex % REGION_PAGES


@kernel
def reserv_from_object(vm: Any, object_: int, pindex: int, pred: int, succ: int) -> int:
    """Find the object's reservation for *pindex*, or NO_RESERV.  FreeBSD: the same name."""
    if serves(vm, pred, object_, pindex):
        return pred >> REGION_ORDER
    if serves(vm, succ, object_, pindex):
        return succ >> REGION_ORDER
    return NO_RESERV


@kernel
def reserv_extend(vm: Any, region: int, request_class: int, pindex: int) -> int:
    """Allocate a page from a reservation: no free lock.  NO_PAGE if it is refused or in use."""
    m = (region << REGION_ORDER) + pindex % REGION_PAGES
    if is_populated(vm, m) or not domain_allocate(vm, vm.reserv[region].domain, request_class, 1):
        return NO_PAGE
    populate(vm, region, m)
    return m


@kernel
def reserv_start(vm: Any, d: int, object_: int, pindex: int) -> int:
    """Take a block for one page that was admitted, under one hold; NO_PAGE if there is none."""
    first = alloc_pages(vm, d, DEFAULT_POOL, REGION_ORDER)
    vm.lock_holds += 1
    if first == NO_PAGE:
        freecnt_inc(vm, d, 1)
        vm.no_block += 1
        return NO_PAGE
    vm.started += 1
    vm.moved += REGION_PAGES
    region, index = first >> REGION_ORDER, pindex % REGION_PAGES
    rv = vm.reserv[region]
    rv.object = object_
    rv.pindex = pindex - index
    rv.domain = d
    rv.lasttick = vm.ticks
    populate(vm, region, first + index)
    return first + index


@kernel
def reserv_alloc_page(
    vm: Any,
    d: int,
    request_class: int,
    object_: int,
    pindex: int,
    size: int,
    pred: int,
    succ: int,
) -> int:
    """Allocate from an existing or a new reservation: the page of *pindex*, or NO_PAGE.

    *pred* and *succ* are the pages that the object holds next below and next above *pindex* in the
    same aligned range, or NO_PAGE.  Where one is there but the reservation is not, the range has
    pages from elsewhere and gets none.  FreeBSD: vm_reserv_alloc_page().
    """
    if pindex >= size:
        return NO_PAGE
    region = reserv_from_object(vm, object_, pindex, pred, succ)
    if region != NO_RESERV:
        return reserv_extend(vm, region, request_class, pindex)
    fits = pindex - pindex % REGION_PAGES + REGION_PAGES <= size
    if pred != NO_PAGE or succ != NO_PAGE or not fits:
        return NO_PAGE
    if not domain_allocate(vm, d, request_class, 1):
        return NO_PAGE
    return reserv_start(vm, d, object_, pindex)


@kernel
def reserv_free_page(vm: Any, m: int) -> bool:
    """Free a page if it lies in a reservation; False if it does not.

    FreeBSD: vm_reserv_free_page(); not to be asked about pages of a page cache.
    """
    region = m >> REGION_ORDER
    if vm.reserv[region].object == NO_OBJECT:
        return False
    depopulate(vm, region, m)
    return True


@kernel
def reserv_break(vm: Any, region: int) -> None:
    """Give up a reservation: unused pages go to the lists without merging, used ones stay in use.

    The free lock is held once for each run of unused pages.  FreeBSD: vm_reserv_break().
    """
    rv = vm.reserv[region]
    partpopq_remove(vm, region)
    if rv.popcnt == REGION_PAGES:
        vm.fullpop -= 1
    rv.object = NO_OBJECT
    rv.popcnt = 0
    first = region << REGION_ORDER
    end = first + REGION_PAGES
    m = first
    while m < end:
        run = m
        while run < end and is_populated(vm, run) == 0:
            run += 1
        if run > m:
            enqueue_contig(vm, m, run - m, DEFAULT_POOL)
            vm.lock_holds += 1
            vm.moved += run - m
        m = run
        while m < end and is_populated(vm, m) == 1:
            flip_populated(vm, m)
            m += 1
    vm.broken += 1


@kernel
def reclaim_inactive(vm: Any, d: int) -> bool:
    """Break the least recently changed reservation of a domain; False if there is none.

    FreeBSD: vm_reserv_reclaim_inactive().
    """
    region = vm.partpopq[d].head
    if region == NO_RESERV:
        return False
    reserv_break(vm, region)
    vm.reclaimed += 1
    return True


@kernel
def check_partpopq(vm: Any, d: int) -> bool:
    """Check the links of a queue and that nothing full, empty or broken waits in it."""
    queue = vm.partpopq[d]
    n, before = 0, NO_RESERV
    region = queue.head
    while region != NO_RESERV:
        rv = vm.reserv[region]
        partly = 0 < rv.popcnt < REGION_PAGES
        if rv.inpartpopq == 0 or rv.prev != before or rv.domain != d or not partly:
            return False
        n += 1
        before, region = region, rv.next
    return n == queue.count and before == queue.tail


@kernel
def check_reserv(vm: Any, region: int) -> int:
    """Check a reservation; give its unused pages, 0 if it is none, or -1 if a promise is broken."""
    rv = vm.reserv[region]
    first = region << REGION_ORDER
    if rv.object == NO_OBJECT:
        for word in range(POPMAP_WORDS):
            if vm.popmap[region * POPMAP_WORDS + word].bits != 0:
                return -1
        return 0 if rv.popcnt == 0 and rv.inpartpopq == 0 else -1
    population = 0
    for m in range(first, first + REGION_PAGES):
        if vm.page[m].order != NFREEORDER:
            return -1
        population += is_populated(vm, m)
    if population != rv.popcnt or population == 0 or rv.pindex % REGION_PAGES != 0:
        return -1
    return REGION_PAGES - population


@kernel
def check_reservs(vm: Any, d: int) -> int:
    """Check all reservations of a domain; give their unused pages, or -1 if a promise is broken."""
    if not check_partpopq(vm, d):
        return -1
    unused, queued = 0, 0
    for s in range(vm.nsegments):
        segment = vm.segment[s]
        if segment.domain != d:
            continue
        region = (segment.start + REGION_PAGES - 1) >> REGION_ORDER
        while (region + 1) << REGION_ORDER <= segment.end:
            n = check_reserv(vm, region)
            if n < 0:
                return -1
            unused += n
            queued += vm.reserv[region].inpartpopq
            region += 1
    return unused if queued == vm.partpopq[d].count else -1
