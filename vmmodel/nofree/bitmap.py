"""A bitmap for each chunk, in which a set bit is an idle page."""

from bisect import bisect_left

from vmmodel.nofree.axes import Reuse
from vmmodel.nofree.base import Vm
from vmmodel.nofree.idle import Chunks, Run


class ChunkBitmaps:
    """Keep one bit for each page of a chunk, and a list of the chunks that have idle pages.

    The lowest idle page of the lowest chunk is used first.  512 bits are one cache line, priced as
    a page structure; no page structure but the page's own is touched, and a page that is freed
    twice is seen at once.  A fallback page that is captured is a chunk of one.

    FreeBSD: not built; the population bitmap of a reservation has this shape (`vm_reserv.c`).

    >>> idle = ChunkBitmaps(Vm.of_size(4096), Reuse.ADDRESS)
    >>> idle.add(4096, 512)
    0
    >>> idle.take(3), idle.put(4097), idle.runs()
    ([4096, 4097, 4098], 0, [(4097, 1), (4099, 509)])
    """

    links_in_pages = False
    sees_double_free = True
    chunk_line = 0  # a counter lies beside the bits

    def __init__(self, vm: Vm, reuse: Reuse) -> None:
        assert reuse is Reuse.ADDRESS
        self.vm = vm
        self.chunks = Chunks()
        self.bits: dict[Run, int] = {}
        self.with_idle: list[Run] = []
        """Chunks that have idle pages, by address."""

    def add(self, first: int, npages: int) -> int:
        self.chunks.add(first, npages)
        self.bits[first, npages] = (1 << npages) - 1
        self.vm.did(page_structs=1)
        return self._enlist((first, npages))

    def _enlist(self, chunk: Run) -> int:
        passed = bisect_left(self.with_idle, chunk)
        self.with_idle.insert(passed, chunk)
        self.vm.did(list_ops=1, page_structs=passed)
        return passed

    def take(self, npages: int) -> list[int]:
        pages: list[int] = []
        while len(pages) < npages and self.with_idle:
            self.vm.did(page_structs=1)
            pages += self._take_from(self.with_idle[0], npages - len(pages))
        self.vm.did(page_structs=len(pages))
        return pages

    def _take_from(self, chunk: Run, npages: int) -> list[int]:
        bits = self.bits[chunk]
        pages: list[int] = []
        while bits and len(pages) < npages:
            pages.append(chunk[0] + (bits & -bits).bit_length() - 1)
            bits &= bits - 1
        self.bits[chunk] = bits
        if not bits:
            self.with_idle.pop(0)
            self.vm.did(list_ops=1)
        return pages

    def put(self, m: int) -> int:
        chunk = self.chunks.find(m)
        if chunk is None:
            return self.add(m, 1)
        passed = 0 if self.bits[chunk] else self._enlist(chunk)
        self.bits[chunk] |= 1 << (m - chunk[0])
        self.vm.did(page_structs=2)
        return passed

    def drop(self, first: int, npages: int) -> None:
        chunk = (first, npages)
        self.chunks.remove(chunk)
        del self.bits[chunk]
        self.with_idle.remove(chunk)
        self.vm.did(list_ops=1)

    def runs(self) -> list[Run]:
        runs: list[Run] = []
        for chunk in self.with_idle:
            bits = self.bits[chunk]
            for m in (chunk[0] + i for i in range(chunk[1]) if bits >> i & 1):
                if runs and sum(runs[-1]) == m:
                    runs[-1] = (runs[-1][0], runs[-1][1] + 1)
                else:
                    runs.append((m, 1))
        return runs
