"""One page comes or goes, cut where the free lock of a domain is taken.

The same way as `vmmodel.kernel.alloc`, which does it in no time: reservation, page cache, buddy
lists, and back.  `alloc_page` and `free_page` do what needs no lock and answer DONE, REFUSED or
WANT_LOCK; with the lock, `locked_page` does what *phase* says, and they go on from there.
"""

from typing import Any

from vmmodel.kernel import domain
from vmmodel.kernel.cstruct import kernel
from vmmodel.kernel.domain import NORMAL, RequestClass, domain_allocate
from vmmodel.kernel.pages import (
    NO_OBJECT,
    NO_PAGE,
    NPOOL,
    PCPU_CACHE,
    POOL_MASK,
    REGION_ORDER,
    REGION_PAGES,
    Pool,
)
from vmmodel.kernel.pgcache import (
    KEPT,
    RELEASE_PAGE,
    cache_alloc,
    cache_free,
    import_admitted,
    import_bucket,
    import_page,
    may_import_bucket,
    release_bucket,
    release_page,
)
from vmmodel.kernel.reserv import (
    NO_RESERV,
    depopulate,
    reclaim_inactive,
    reserv_extend,
    reserv_start,
)
from vmmodel.traffic.objects import KERNEL
from vmmodel.traffic.radix import (
    note_reservation,
    reservation_of,
    resident_above,
    resident_below,
)
from vmmodel.traffic.structs import NONE, Policy

DONE, WANT_LOCK, REFUSED = 0, 1, 2
SYSTEM = int(RequestClass.SYSTEM)

DIRECT, DEFAULT = int(Pool.DIRECT), int(Pool.DEFAULT)
ROUND_ROBIN, PREFERRED = int(Policy.ROUND_ROBIN), int(Policy.PREFERRED)

(READY, ALLOCATE, START, BUCKET, ONE, BUDDY, BREAK, RELEASE, FREE_BUCKET, FREE_ONE, FREE_RESERV,
 FREE_BUDDY) = range(12)  # fmt: skip
"""Phases of an actor: between pages, about to allocate, or which hold of the lock comes next."""


@kernel
def first_domain(tr: Any, actor: Any, obj: Any) -> int:
    """Choose the domain to ask first.  FreeBSD: vm_domainset_iter_page_init()."""
    if tr.ndomains == 1:
        return 0
    if obj.policy == ROUND_ROBIN:
        obj.turn = (obj.turn + 1) % tr.ndomains
        return obj.turn
    if obj.policy == PREFERRED:
        return obj.preferred
    return tr.home[actor.cpu].value


@kernel
def pool_of(obj: Any) -> int:
    """Give the pool that an object's pages come from: those without a VM object share DIRECT."""
    return DIRECT if obj.kind >= KERNEL else DEFAULT


@kernel
def alloc_reserved(tr: Any, actor: Any, obj: Any) -> int:
    """Allocate from the object's reservation, or ask for the lock to start one.

    REFUSED sends the request to the page cache.  FreeBSD: vm_reserv_alloc_page().
    """
    vm, pindex = tr.machine[0], actor.pindex
    if (pindex & -REGION_PAGES) + REGION_PAGES > obj.size:
        return REFUSED  # nor was there room for one before
    below, above = resident_below(tr, obj, pindex), resident_above(tr, obj, pindex)
    region = reservation_of(tr, actor.object, pindex, below, above)
    if region != NO_RESERV:
        actor.page = reserv_extend(vm, region, NORMAL, pindex)
        return DONE if actor.page != NO_PAGE else REFUSED
    if below != NONE or above != NONE or not domain_allocate(vm, actor.domain, NORMAL, 1):
        return REFUSED
    actor.phase = START
    return WANT_LOCK


@kernel
def alloc_cached(tr: Any, actor: Any, obj: Any, after: int) -> int:
    """Allocate from the page cache, then from the buddy lists, beginning behind phase *after*.

    FreeBSD: uma_zalloc() of a "vm pgcache" zone, then vm_phys_alloc_pages().
    """
    vm, d = tr.machine[0], actor.domain
    z = d * NPOOL + pool_of(obj)
    if after < BUCKET:
        actor.page = cache_alloc(vm, z, actor.cpu)
        if actor.page != NO_PAGE:
            return DONE
        if may_import_bucket(vm, z) and import_admitted(vm, z, vm.zone[z].bucket_size, 0):
            actor.phase = BUCKET
            return WANT_LOCK
    if after < ONE and import_admitted(vm, z, 1, 0):
        actor.phase = ONE
        return WANT_LOCK
    if domain_allocate(vm, d, SYSTEM if obj.kind >= KERNEL else NORMAL, 1):
        actor.phase = BUDDY
        return WANT_LOCK
    return REFUSED


@kernel
def alloc_page(tr: Any, actor: Any) -> int:
    """Go on with the allocation of one page for the actor's object; a result is in *page*."""
    obj = tr.object[actor.object]
    phase = actor.phase
    if phase == BREAK:
        if actor.page == NO_PAGE:
            return REFUSED
        phase = ALLOCATE
    elif phase >= START and actor.page != NO_PAGE:
        return DONE
    elif phase == BUDDY:  # admitted, but the lists are empty: the pages are in reservations
        actor.phase = BREAK
        return WANT_LOCK
    if phase == ALLOCATE and obj.kind < KERNEL:
        answer = alloc_reserved(tr, actor, obj)
        if answer != REFUSED:
            return answer
    return alloc_cached(tr, actor, obj, phase)


@kernel
def free_page(tr: Any, actor: Any) -> int:
    """Go on with freeing the page in hand.  FreeBSD: vm_page_free_toq()."""
    vm, m = tr.machine[0], actor.page
    if actor.phase > RELEASE and actor.phase != FREE_BUCKET:
        return DONE
    page = vm.page[m]
    if page.pool & PCPU_CACHE != 0:
        z = vm.segment[page.segment].domain * NPOOL + (page.pool & POOL_MASK)
        answer = cache_free(vm, z, actor.cpu, m)
        if answer == KEPT:
            return DONE
        actor.bucket = answer
        actor.phase = FREE_ONE if answer == RELEASE_PAGE else FREE_BUCKET
        return WANT_LOCK
    rv = vm.reserv[m >> REGION_ORDER]
    if rv.object == NO_OBJECT:
        actor.phase = FREE_BUDDY
        return WANT_LOCK
    if rv.popcnt == 1:
        actor.phase = FREE_RESERV
        return WANT_LOCK
    depopulate(vm, m >> REGION_ORDER, m)
    return DONE


@kernel
def lock_domain(tr: Any, actor: Any) -> int:
    """Name the domain whose free lock the next hold takes."""
    if tr.ndomains == 1:
        return 0
    if actor.phase <= BREAK:
        return actor.domain
    vm = tr.machine[0]
    return vm.segment[vm.page[actor.page].segment].domain


@kernel
def locked_page(tr: Any, actor: Any) -> None:
    """Do what the actor wanted the free lock for."""
    vm, phase = tr.machine[0], actor.phase
    m, cpu = actor.page, actor.cpu
    if phase <= BREAK:
        obj = tr.object[actor.object]
        d = actor.domain
        pool = pool_of(obj)
        z = d * NPOOL + pool
        if phase == START:
            m = reserv_start(vm, d, actor.object, actor.pindex)
            if m != NO_PAGE:
                note_reservation(tr, obj, actor.pindex, m)
        elif phase == BUCKET:
            m = import_bucket(vm, z, cpu)
        elif phase == ONE:
            m = import_page(vm, z)
        elif phase == BUDDY:
            m = domain.admitted_page(vm, d, pool)
        else:
            tr.breaks += 1
            m = 0 if reclaim_inactive(vm, d) else NO_PAGE
        actor.page = m
    else:
        z = vm.segment[vm.page[m].segment].domain * NPOOL + (vm.page[m].pool & POOL_MASK)
        if phase == FREE_BUCKET:
            release_bucket(vm, z, actor.bucket)
        elif phase == FREE_ONE:
            release_page(vm, z, m)
        elif phase == FREE_RESERV:
            depopulate(vm, m >> REGION_ORDER, m)
        else:
            domain.page_free(vm, m)
