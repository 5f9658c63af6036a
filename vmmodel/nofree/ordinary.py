"""The kernel before it had a NOFREE allocator."""

from vmmodel.nofree.base import NO_PAGE, Books, Mark, Pool, RequestClass, Traits, Vm, taken_back


class OrdinaryNofree:
    """Serve every NOFREE page from the general pools, wherever the buddy lists have one.

    No chunk is ever imported, and a freed page goes back where it came from.

    FreeBSD: before a8693e89e3e4, "vm_page: Implement superpage-sized NOFREE allocations".
    """

    def __init__(self, vm: Vm) -> None:
        self.vm = vm
        self.books = Books()
        self.traits = Traits(falls_back=False, cached=self.alloc_cached)

    def alloc_cached(self) -> int:
        """Give a page of the CPU's page cache, or NO_PAGE; this needs no free lock."""
        return self._taken(self.vm.cached_page(Pool.DIRECT))

    def alloc(self, request_class: RequestClass) -> int:
        m = self._taken(self.vm.page_alloc(request_class, Pool.DIRECT))
        if m == NO_PAGE:
            self.books.failed_imports += 1
            self.books.refused_imports += not self.vm.allows(request_class, 1)
        return m

    def _taken(self, m: int) -> int:
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
        self.vm.page_free(m)
        self.books.returned += 1

    def free_nofree(self, m: int) -> None:
        self.free(m)

    def nofreeq_size(self) -> int:
        return 0

    def runs(self) -> list[tuple[int, int]]:
        return []
