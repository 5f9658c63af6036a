"""The bump pointer: the allocator as it first landed, with a log for pages that come back."""

from vmmodel.nofree.axes import Reuse
from vmmodel.nofree.base import Vm
from vmmodel.nofree.idle import Run
from vmmodel.nofree.reuse import ORDERS


class BumpPointer:
    """Hand out the pages of a chunk in ascending order; a page that comes back goes to a log.

    Without a free path nothing comes back, the log stays empty, and this is what FreeBSD first
    had.  With one it is the undo log of the review: pages in it are used before the pointer moves
    on (by address: if they are lower).  The pointer touches no page but the one it hands out.

    FreeBSD: a8693e89e3e4, "vm_page: Implement superpage-sized NOFREE allocations" (D45863),
    without the log; a log was not built.

    >>> idle = BumpPointer(Vm.of_size(4096), Reuse.LIFO)
    >>> idle.add(4096, 512)
    0
    >>> idle.take(2), idle.put(4096), idle.take(2)
    ([4096, 4097], 0, [4096, 4098])
    """

    links_in_pages = True  # those of the log; the pointer needs none
    sees_double_free = False
    chunk_line = 1

    def __init__(self, vm: Vm, reuse: Reuse) -> None:
        self.vm = vm
        self.by_address = reuse is Reuse.ADDRESS
        self.log = ORDERS[reuse]()
        self.next, self.end = 0, 0

    def add(self, first: int, npages: int) -> int:
        assert self.next == self.end, "a chunk is imported when the last one is spent"
        self.next, self.end = first, first + npages
        return 0

    def take(self, npages: int) -> list[int]:
        pages: list[int] = []
        while len(pages) < npages and (self.next < self.end or self.log.first()):
            pages.append(self._undo() if self._undo_first() else self._bump())
        return pages

    def _undo_first(self) -> bool:
        logged = self.log.first()
        if logged is None or self.next == self.end:
            return logged is not None
        return not self.by_address or logged[0] < self.next

    def _undo(self) -> int:
        self.vm.did(list_ops=1, page_structs=1)
        return self.log.pop()[0]

    def _bump(self) -> int:
        self.next += 1
        self.vm.did(page_structs=1)
        return self.next - 1

    def put(self, m: int) -> int:
        passed = self.log.insert((m, 1))
        self.vm.did(list_ops=1, page_structs=1 + passed)
        return passed

    def drop(self, first: int, npages: int) -> None:
        if first <= self.next < first + npages:
            self.next = self.end
        self.vm.did(list_ops=self.log.drop(first, npages), page_structs=npages)

    def runs(self) -> list[Run]:
        ahead = [(self.next, self.end - self.next)] if self.next < self.end else []
        return sorted(self.log.runs() + ahead) if self.by_address else self.log.runs() + ahead
