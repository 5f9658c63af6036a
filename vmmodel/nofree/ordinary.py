"""The kernel before it had a NOFREE allocator."""

from vmmodel.kernel import WholeVm
from vmmodel.nofree.base import NO_PAGE, Books, Mark, Pool, RequestClass, Traits, Vm, taken_back
from vmmodel.nofree.kernelobject import KernelObject


class OrdinaryNofree:
    """Serve every NOFREE page from the general pools, wherever the buddy lists have one.

    No chunk is ever imported, and a freed page goes back where it came from.  Where memory has
    reservations, pages of kernel_object come from those.

    FreeBSD: before a8693e89e3e4, "vm_page: Implement superpage-sized NOFREE allocations".
    """

    def __init__(self, vm: Vm) -> None:
        self.vm = vm
        self.books = Books()
        pages = OrdinaryObjectPages(self, KernelObject(vm)) if isinstance(vm, WholeVm) else None
        self.object_pages = pages
        self.traits = Traits(falls_back=False, cached=self.alloc_cached, object_pages=pages)

    def alloc_cached(self) -> int:
        """Give a page of the CPU's page cache, or NO_PAGE; this needs no free lock."""
        return self.taken(self.vm.cached_page(Pool.DIRECT))

    def alloc(self, request_class: RequestClass) -> int:
        return self.taken_or_refused(self.vm.page_alloc(request_class, Pool.DIRECT), request_class)

    def taken_or_refused(self, m: int, request_class: RequestClass) -> int:
        """Enter in the books what became of a request; give *m*."""
        if m == NO_PAGE:
            self.books.failed_imports += 1
            self.books.refused_imports += not self.vm.allows(request_class, 1)
        return self.taken(m)

    def taken(self, m: int) -> int:
        """Enter in the books that a caller has *m*, unless it is NO_PAGE; give *m*."""
        if m == NO_PAGE:
            return m
        self.vm.mark(m, Mark.IN_USE)
        self.books.took(1)
        self.books.in_use += 1
        return m

    def alloc_batch(self, npages: int, request_class: RequestClass) -> list[int]:
        raise NotImplementedError

    def free(self, m: int) -> None:
        taken_back(self.vm, self.books, m)
        self.vm.mark(m, Mark.ORDINARY)
        if self.object_pages is not None:
            self.object_pages.kernel_object.forget(m)
        self.vm.page_free(m)
        self.books.returned += 1

    def free_nofree(self, m: int) -> None:
        self.free(m)

    def nofreeq_size(self) -> int:
        return 0

    def runs(self) -> list[tuple[int, int]]:
        return []


class OrdinaryObjectPages:
    """Pages of kernel_object as *design* gets them and enters them in its books."""

    def __init__(self, design: OrdinaryNofree, kernel_object: KernelObject) -> None:
        self.design, self.kernel_object = design, kernel_object

    def alloc_unlocked(self, request_class: RequestClass, pindex: int) -> int:
        return self.design.taken(self.kernel_object.alloc_unlocked(request_class, pindex))

    def alloc(self, request_class: RequestClass, pindex: int) -> int:
        m = self.kernel_object.alloc(request_class, pindex)
        return self.design.taken_or_refused(m, request_class)
