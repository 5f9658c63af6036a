"""Pages of kernel memory that is mapped: they belong to one object, which has reservations.

A page index is a page of kernel address space, counted from its start.  FreeBSD: kernel_object, and
`kmem_back_domain()`, which asks `vm_page_alloc_domain_iter()` as for any object.
"""

from vmmodel.kernel import NO_PAGE, Pool, RequestClass, WholeVm
from vmmodel.kernel.pages import REGION_PAGES

KERNEL_OBJECT = -2
"""Its number as the owner of reservations; other objects count from 0, and -1 is none."""


class KernelObject:
    """The part of kernel_object in one domain, whose memory is *vm*; it ends nowhere.

    Page indexes count from 0 in every domain: no domain finds the reservations of another.
    """

    def __init__(self, vm: WholeVm) -> None:
        self.vm = vm
        self.pages: dict[int, int] = {}
        """Page by page index."""
        self.indexes: dict[int, int] = {}
        """Page index by page."""
        self.end = 0
        """Beyond it no page ever was."""

    def alloc_unlocked(self, request_class: RequestClass, pindex: int) -> int:
        """Get a page as far as that needs no free lock; NO_PAGE where it does."""
        below, above = self._neighbours(pindex)
        m = self.vm.alloc_object_unlocked(
            request_class, KERNEL_OBJECT, pindex, pred=below, succ=above, cpu=self.vm.cpu_at_work
        )
        return self.enter(pindex, m)

    def alloc(self, request_class: RequestClass, pindex: int) -> int:
        """Get a page from reservation, page cache or buddy lists; or NO_PAGE."""
        below, above = self._neighbours(pindex)
        m = self.vm.alloc_object(
            request_class, KERNEL_OBJECT, pindex, pred=below, succ=above, cpu=self.vm.cpu_at_work
        )
        return self.enter(pindex, m)

    def alloc_reserved(self, request_class: RequestClass, pindex: int) -> int:
        """Get a page from a reservation, or NO_PAGE."""
        below, above = self._neighbours(pindex)
        m = self.vm.alloc_reserved(request_class, KERNEL_OBJECT, pindex, pred=below, succ=above)
        return self.enter(pindex, m)

    def alloc_cached(self, _: RequestClass, pindex: int) -> int:
        """Get a page from the page cache of the CPU at work, or NO_PAGE."""
        return self.enter(pindex, self.vm.cached_page(Pool.DEFAULT))

    def forget(self, m: int) -> None:
        """Take a page out of the object, if it is in it."""
        if m in self.indexes:
            del self.pages[self.indexes.pop(m)]

    def _neighbours(self, pindex: int) -> tuple[int, int]:
        """Give the pages next below and next above in the same 2 MB range, or NO_PAGE."""
        pages, first = self.pages, pindex - pindex % REGION_PAGES
        below = (pages[i] for i in range(pindex - 1, first - 1, -1) if i in pages)
        end = min(first + REGION_PAGES, self.end)
        above = (pages[i] for i in range(pindex + 1, end) if i in pages)
        return next(below, NO_PAGE), next(above, NO_PAGE)

    def enter(self, pindex: int, m: int) -> int:
        """Enter a page at the instant at which it is had: no other thread comes between; give *m*.

        FreeBSD: kernel_object is locked from the allocation to the insertion.
        """
        if m != NO_PAGE:
            self.pages[pindex] = m
            self.indexes[m] = pindex
            self.end = max(self.end, pindex + 1)
        return m
