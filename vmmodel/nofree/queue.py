"""The queue of runs: NOFREE pages that can be freed, by anyone or by those who say so."""

from vmmodel.nofree.base import (
    IMPORT_ORDER,
    NO_PAGE,
    Books,
    IllegalFree,
    Mark,
    Pool,
    RequestClass,
    Vm,
    free_illegally,
    hand_out,
    import_chunk,
    taken_back,
)


class FreeableNofree:
    """Keep idle pages in a queue of runs; put a freed page at its head, whoever frees it.

    Last in, first out.  Runs never merge again and no chunk goes back to the buddy lists, so a
    page once imported is NOFREE for good.  A freed fallback page stays in the queue too.

    FreeBSD: ae10431c9833, "vm_page: Allow PG_NOFREE pages to be freed" (D49480), as landed.

    >>> design = FreeableNofree(Vm.of_size(4096))
    >>> kept, unwanted = design.alloc(RequestClass.SYSTEM), design.alloc(RequestClass.SYSTEM)
    >>> design.free(unwanted)
    >>> design.runs() == [(unwanted, 1), (unwanted + 1, 510)]
    True
    """

    checks_every_free = True
    falls_back = True
    batches = False

    def __init__(
        self, vm: Vm, import_order: int = IMPORT_ORDER, import_pool: int = Pool.DEFAULT
    ) -> None:
        self.vm = vm
        self.books = Books()
        self.import_order, self.import_pool = import_order, import_pool
        self.queue: list[tuple[int, int]] = []
        """Runs as (first page, length); the head of the kernel's queue is the end of the list."""

    def alloc(self, request_class: RequestClass) -> int:
        if not self.queue:
            order = self.import_order
            chunk = import_chunk(self.vm, self.books, request_class, order, self.import_pool)
            if chunk == NO_PAGE:
                return NO_PAGE
            self.queue.append((chunk, 1 << order))
            self.vm.did(list_ops=1, atomics=1)
        m, length = self.queue.pop()
        if length > 1:
            self.queue.append((m + 1, length - 1))
        self.vm.did(list_ops=1 + (length > 1), page_structs=1 + (length > 1), atomics=1, percpu=1)
        return hand_out(self.vm, self.books, m)

    def alloc_batch(self, npages: int, request_class: RequestClass) -> list[int]:
        raise NotImplementedError

    def free(self, m: int) -> None:
        self.vm.did(branches=1)
        self.enqueue(m)

    def free_nofree(self, m: int) -> None:
        self.free(m)

    def enqueue(self, m: int) -> None:
        """Put *m* at the head of the queue as a run of one.  FreeBSD: vm_page_free_nofree()."""
        self.books.captured += taken_back(self.vm, self.books, m)
        self.books.idle += 1
        self.books.v_nofree_count -= 1
        self.queue.append((m, 1))
        self.vm.mark(m, Mark.IDLE)
        self.vm.did(list_ops=1, page_structs=1, atomics=1, percpu=1)

    def nofreeq_size(self) -> int:
        return self.books.idle

    def runs(self) -> list[tuple[int, int]]:
        return self.queue[::-1]


class SeparateNofree(FreeableNofree):
    """The queue of runs behind a function of its own; `vm_page_free()` keeps its assertion.

    Who frees a NOFREE page must say so.  Who does not, frees illegally.

    FreeBSD: the reviewer's wish in D49480; not built.
    """

    checks_every_free = False

    def __init__(self, vm: Vm, illegal_free: IllegalFree = IllegalFree.PANIC) -> None:
        super().__init__(vm)
        self.illegal_free = illegal_free

    def free(self, m: int) -> None:
        free_illegally(self.vm, self.books, m, self.illegal_free)

    def free_nofree(self, m: int) -> None:
        self.enqueue(m)
