"""The way of one page: reservation, page cache, buddy lists, and back.

FreeBSD: `vm_page_alloc_domain()`, `vm_page_alloc_noobj_domain()` and `vm_page_free_toq()` in
``sys/vm/vm_page.c``.  Requests for NOFREE pages are served by a design first, and come here as
fallback.  A clock that must wait for the free lock takes the steps from `pgcache` and `reserv`
itself; these functions are the same steps in no time, and count the holds.
"""

from typing import Any

from vmmodel.kernel import domain
from vmmodel.kernel.cstruct import kernel, outlined, stay_outlined
from vmmodel.kernel.pages import NO_PAGE, NPOOL, PCPU_CACHE, POOL_MASK
from vmmodel.kernel.pgcache import cache_alloc, pgcache_alloc, pgcache_free
from vmmodel.kernel.phys import DEFAULT_POOL
from vmmodel.kernel.reserv import (
    NO_RESERV,
    reclaim_inactive,
    reserv_alloc_page,
    reserv_extend,
    reserv_free_page,
    reserv_from_object,
)


@kernel
def admitted_page(vm: Any, d: int, pool: int) -> int:
    """Allocate a page that was admitted from the buddy lists, under one hold; or NO_PAGE."""
    m = domain.admitted_page(vm, d, pool)
    vm.lock_holds += 1
    return m


@outlined
def alloc_noobj(vm: Any, d: int, request_class: int, pool: int, cpu: int, pagedaemon: int) -> int:
    """Allocate a page that belongs to no object: page cache, then buddy lists; or NO_PAGE.

    When the request is admitted and the lists are empty, the pages are in reservations: one is
    broken and all is tried again.  FreeBSD: vm_page_alloc_noobj_domain().
    """
    stay_outlined()
    while True:
        m = pgcache_alloc(vm, d * NPOOL + pool, cpu, pagedaemon)
        if m != NO_PAGE or not domain.domain_allocate(vm, d, request_class, 1):
            return m
        m = admitted_page(vm, d, pool)
        if m != NO_PAGE or not reclaim_inactive(vm, d):
            return m


@outlined
def alloc_object(
    vm: Any,
    d: int,
    request_class: int,
    object_: int,
    pindex: int,
    size: int,
    pred: int,
    succ: int,
    cpu: int,
    pagedaemon: int,
) -> int:
    """Allocate a page of an object: reservation, page cache, buddy lists; or NO_PAGE.

    *pred* and *succ* are as in `reserv_alloc_page`.  FreeBSD: vm_page_alloc_domain().
    """
    stay_outlined()
    while True:
        m = reserv_alloc_page(vm, d, request_class, object_, pindex, size, pred, succ)
        if m == NO_PAGE:
            m = pgcache_alloc(vm, d * NPOOL + DEFAULT_POOL, cpu, pagedaemon)
        if m != NO_PAGE or not domain.domain_allocate(vm, d, request_class, 1):
            return m
        m = admitted_page(vm, d, DEFAULT_POOL)
        if m != NO_PAGE or not reclaim_inactive(vm, d):
            return m


@outlined
def alloc_object_unlocked(
    vm: Any, d: int, request_class: int, object_: int, pindex: int, pred: int, succ: int, cpu: int
) -> int:
    """Do of `alloc_object`, for an object that ends nowhere, what needs no free lock; or NO_PAGE.

    Where a reservation is to be started the lock comes before the page cache.
    """
    stay_outlined()
    region = reserv_from_object(vm, object_, pindex, pred, succ)
    if region == NO_RESERV and pred == NO_PAGE and succ == NO_PAGE:
        return NO_PAGE
    m = NO_PAGE
    if region != NO_RESERV:
        m = reserv_extend(vm, region, request_class, pindex)
    return m if m != NO_PAGE else cache_alloc(vm, d * NPOOL + DEFAULT_POOL, cpu)


@outlined
def free(vm: Any, m: int, cpu: int) -> None:
    """Free a page to where it came from: its reservation, its page cache, or the buddy lists.

    FreeBSD: vm_page_free_prep() and vm_page_free_toq().
    """
    stay_outlined()
    page = vm.page[m]
    if page.pool & PCPU_CACHE != 0:
        zone = vm.segment[page.segment].domain * NPOOL + (page.pool & POOL_MASK)
        pgcache_free(vm, zone, cpu, m)
    elif not reserv_free_page(vm, m):
        domain.page_free(vm, m)
        vm.lock_holds += 1
