"""All pages of a request or none, under one hold of the lock: nothing is ever given back."""

from vmmodel.nofree.base import RequestClass, hand_out
from vmmodel.nofree.bump import BumpNofree


class BatchNofree(BumpNofree):
    """Serve a multi-page request whole from the bump pointer, or not at all.

    The rest of a chunk and the start of the next serve one request together, so no tail is
    wasted.  As nothing is handed out before all pages are sure, a page failure needs no free.
    Other failures still do (a second resource, an item's set-up): to free is illegal.

    FreeBSD: not built; the alternative of the D49480 thread, D47050 without partial results.

    >>> from vmmodel.nofree.base import IllegalFree, Vm
    >>> design = BatchNofree(Vm.of_size(4096), IllegalFree.LEAK)
    >>> design.alloc_batch(3, RequestClass.SYSTEM), design.books.in_use
    ([4096, 4097, 4098], 3)
    """

    batches = True

    def alloc_batch(self, npages: int, request_class: RequestClass) -> list[int]:
        pages = list(range(self.next, min(self.next + npages, self.end)))
        missing = npages - len(pages)
        if missing == 0:
            self.next += npages
        elif missing <= 1 << self.import_order and self.refill(request_class):
            pages += range(self.next, self.next + missing)
            self.next += missing
        else:
            return []
        self.vm.did(page_structs=npages, percpu=1)
        return [hand_out(self.vm, self.books, m) for m in pages]
