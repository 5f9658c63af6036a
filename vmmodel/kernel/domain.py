"""Accounting of a memory domain: free pages, request classes, thresholds.

FreeBSD: `vm_domain_allocate()` in ``sys/vm/vm_page.c`` and `vm_pageout_init_domain()`.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from vmmodel.kernel.cstruct import kernel
from vmmodel.kernel.pages import NO_PAGE, POOL_MASK
from vmmodel.kernel.phys import alloc_npages, alloc_pages, free_pages

MAXBSIZE_PAGES = 16
"""64 KB.  FreeBSD: MAXBSIZE / PAGE_SIZE."""


class RequestClass(IntEnum):
    """How deep an allocation may reach into the free pages.  FreeBSD: VM_ALLOC_CLASS_MASK."""

    NORMAL = 0
    INTERRUPT = 1
    SYSTEM = 2


@dataclass(frozen=True)
class Thresholds:
    """What a domain's free count is compared with, all in pages.

    FreeBSD: vm_pageout_init_domain(); integer divisions as there.

    >>> Thresholds.of(524288).free_min
    3369
    """

    interrupt_free_min: int
    """Floor for SYSTEM requests."""
    pageout_free_min: int
    """At which the waiting page daemon itself goes on."""
    free_reserved: int
    """Floor for NORMAL requests."""
    free_severe: int
    """Below it, per-CPU caches are not refilled."""
    free_min: int
    """At which sleepers in `vm_wait()` are woken."""
    free_target: int
    """Which the page daemon aims at."""
    wakeup_thresh: int
    """Below it the page daemon is woken."""

    @classmethod
    def of(cls, npages: int) -> "Thresholds":
        """Compute the thresholds of a domain of *npages*."""
        interrupt_free_min = 2
        pageout_free_min = 2 * MAXBSIZE_PAGES + interrupt_free_min
        free_reserved = 2 * MAXBSIZE_PAGES + pageout_free_min + npages // 768
        free_min = npages // 200
        free_target = 4 * free_min + free_reserved
        return cls(
            interrupt_free_min=interrupt_free_min,
            pageout_free_min=pageout_free_min,
            free_reserved=free_reserved,
            free_severe=free_min // 2 + free_reserved,
            free_min=free_min + free_reserved,
            free_target=free_target,
            wakeup_thresh=free_target // 10 * 9,
        )


NORMAL, INTERRUPT = int(RequestClass.NORMAL), int(RequestClass.INTERRUPT)


@kernel
def domain_allocate(vm: Any, d: int, request_class: int, npages: int) -> bool:
    """Admit *npages* of a request class, and subtract them from the free count if so.

    FreeBSD: vm_domain_allocate(), a compare-and-swap without the free lock.
    """
    domain = vm.domain[d]
    limit = domain.interrupt_free_min
    if request_class == NORMAL:
        limit = domain.free_reserved
    elif request_class == INTERRUPT:
        limit = 0
    if domain.free_count < limit + npages:
        return False
    before = domain.free_count
    vm.atomics += 1
    domain.free_count = before - npages
    if before >= domain.wakeup_thresh > before - npages:
        domain.wakeups += 1
    return True


@kernel
def freecnt_inc(vm: Any, d: int, npages: int) -> None:
    """Give *npages* back to the free count.  FreeBSD: vm_domain_freecnt_inc()."""
    vm.domain[d].free_count += npages
    vm.atomics += 1


@kernel
def page_alloc(vm: Any, d: int, request_class: int, pool: int) -> int:
    """Admit and allocate one page from the buddy lists; NO_PAGE if either fails.

    FreeBSD: the last resort of vm_page_alloc_noobj_domain().
    """
    if not domain_allocate(vm, d, request_class, 1):
        return NO_PAGE
    return admitted_page(vm, d, pool)


@kernel
def admitted_page(vm: Any, d: int, pool: int) -> int:
    """Allocate one page that was admitted; NO_PAGE, and its count back, if the lists are empty."""
    m = alloc_pages(vm, d, pool, 0)
    if m == NO_PAGE:
        freecnt_inc(vm, d, 1)
    else:
        vm.page[m].pool = pool
        vm.moved += 1
    return m


@kernel
def page_free(vm: Any, m: int) -> int:
    """Give one page back to the buddy lists, to the pool it came from; give the merged block."""
    page = vm.page[m]
    domain = vm.segment[page.segment].domain
    page.pool &= POOL_MASK
    head = free_pages(vm, m, 0, page.pool)
    vm.moved += 1
    freecnt_inc(vm, domain, 1)
    return head


@kernel
def pages_alloc(vm: Any, d: int, request_class: int, pool: int, npages: int, out: Any) -> int:
    """Admit *npages* at once and allocate as many as the lists hold; give how many.

    None is given when the admission fails.  FreeBSD: vm_page_zone_import().
    """
    if not domain_allocate(vm, d, request_class, npages):
        return 0
    got = alloc_npages(vm, d, pool, npages, out)
    if got < npages:
        freecnt_inc(vm, d, npages - got)
    vm.moved += got
    for i in range(got):
        vm.page[out[i].value].pool = pool
    return got
