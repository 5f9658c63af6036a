"""The queue of runs: idle pages linked through their own page structures."""

from vmmodel.nofree.axes import Reuse
from vmmodel.nofree.base import Vm
from vmmodel.nofree.idle import Run
from vmmodel.nofree.reuse import ORDERS


class RunQueue:
    """Keep idle pages in a queue of runs; the first page of a run knows its length.

    To take one page off a run, its head is removed and the next page becomes the head: two list
    operations, two page structures.  Runs never merge again.

    FreeBSD: vmd_nofreeq, ae10431c9833 "vm_page: Allow PG_NOFREE pages to be freed" (D49480).  The
    length was in `pindex` at landing and is in `ref_count` later; the link is `plinks.q`.

    >>> idle = RunQueue(Vm.of_size(4096), Reuse.LIFO)
    >>> idle.add(4096, 512)
    0
    >>> idle.take(2), idle.put(4096), idle.runs()
    ([4096, 4097], 0, [(4096, 1), (4098, 510)])
    """

    links_in_pages = True
    sees_double_free = False  # the one assertion, that the length is 1, holds for a run of one
    chunk_line = 1

    def __init__(self, vm: Vm, reuse: Reuse) -> None:
        self.vm = vm
        self.order = ORDERS[reuse]()

    def add(self, first: int, npages: int) -> int:
        passed = self.order.insert((first, npages))
        self.vm.did(list_ops=1, atomics=1, page_structs=passed)
        return passed

    def take(self, npages: int) -> list[int]:
        pages: list[int] = []
        runs = rest = 0
        while len(pages) < npages and self.order.first():
            first, length = self.order.pop()
            used = min(length, npages - len(pages))
            pages += range(first, first + used)
            runs, rest = runs + 1, length - used
            if rest:
                self.order.put_back((first + used, rest))
        self.vm.did(
            list_ops=runs + (rest > 0), page_structs=len(pages) + (rest > 0), atomics=runs > 0
        )
        return pages

    def put(self, m: int) -> int:
        passed = self.order.insert((m, 1))
        self.vm.did(list_ops=1, page_structs=1 + passed, atomics=1)
        return passed

    def drop(self, first: int, npages: int) -> None:
        touched = self.order.drop(first, npages)
        self.vm.did(list_ops=touched, page_structs=npages, atomics=1)  # which of them are heads?

    def runs(self) -> list[Run]:
        return self.order.runs()
