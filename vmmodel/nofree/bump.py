"""The bump pointer: the allocator as it first landed, and the subject of the review."""

from vmmodel.nofree.base import (
    IMPORT_ORDER,
    NO_PAGE,
    Books,
    IllegalFree,
    Pool,
    RequestClass,
    Vm,
    free_illegally,
    hand_out,
    import_chunk,
)


class BumpNofree:
    """Hand out the pages of a chunk in ascending order and forget the chunk when it is spent.

    No page is ever used again.  To free one is illegal; *illegal_free* says what then happens.
    A failed import is tried again at the next request.

    FreeBSD: a8693e89e3e4, "vm_page: Implement superpage-sized NOFREE allocations" (D45863).

    >>> design = BumpNofree(Vm.of_size(4096), IllegalFree.LEAK)
    >>> first, second = design.alloc(RequestClass.SYSTEM), design.alloc(RequestClass.SYSTEM)
    >>> design.free(first)
    >>> design.alloc(RequestClass.SYSTEM) - second, design.books.leaked
    (1, 1)
    """

    checks_every_free = False
    falls_back = True
    batches = False

    def __init__(
        self,
        vm: Vm,
        illegal_free: IllegalFree,
        import_order: int = IMPORT_ORDER,
        import_pool: int = Pool.DEFAULT,
    ) -> None:
        self.vm = vm
        self.books = Books()
        self.illegal_free = illegal_free
        self.import_order, self.import_pool = import_order, import_pool
        self.next, self.end = 0, 0

    def alloc(self, request_class: RequestClass) -> int:
        if self.next == self.end and not self.refill(request_class):
            return NO_PAGE
        return self.bump()

    def refill(self, request_class: RequestClass) -> bool:
        """Start a new chunk; False if none can be had."""
        chunk = import_chunk(
            self.vm, self.books, request_class, self.import_order, self.import_pool
        )
        if chunk != NO_PAGE:
            self.next, self.end = chunk, chunk + (1 << self.import_order)
        return chunk != NO_PAGE

    def bump(self) -> int:
        """Hand out the next page of the chunk."""
        self.next += 1
        self.vm.did(page_structs=1, percpu=1)
        return hand_out(self.vm, self.books, self.next - 1)

    def alloc_batch(self, npages: int, request_class: RequestClass) -> list[int]:
        raise NotImplementedError

    def free(self, m: int) -> None:
        free_illegally(self.vm, self.books, m, self.illegal_free)

    def free_nofree(self, m: int) -> None:
        self.free(m)

    def nofreeq_size(self) -> int:
        return self.end - self.next

    def runs(self) -> list[tuple[int, int]]:
        return [(self.next, self.end - self.next)] if self.next < self.end else []
