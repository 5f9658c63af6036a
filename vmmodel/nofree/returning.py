"""Whether chunks go back to the buddy lists, and what has to be counted for it."""

from collections.abc import Sequence

from vmmodel.nofree.axes import ChunkReturn
from vmmodel.nofree.base import Books, Mark, Vm
from vmmodel.nofree.idle import Chunks, Idle, Run


class KeepChunks:
    """A chunk is NOFREE for good; nothing is counted.

    FreeBSD: as landed (D49480); runs are never merged and no chunk is rebuilt.
    """

    def __init__(self, vm: Vm, books: Books, idle: Idle, pool: int) -> None:
        self.vm, self.books, self.idle, self.pool = vm, books, idle, pool

    def imported(self, chunk: Run) -> None:
        """Note a new chunk, all idle."""

    def taken(self, pages: Sequence[int]) -> None:
        """Note that *pages* are handed out."""

    def came_back(self, m: int) -> None:
        """Note that page *m* is idle again."""


class ReturnChunks(KeepChunks):
    """A counter for each chunk says when all its pages are idle; then it goes back at once.

    Taking and freeing a page touch the counter, one page structure more (none beside a bitmap).
    A chunk that goes back has its runs looked for among its pages and unlinked.  A captured
    fallback page belongs to no chunk and stays.

    FreeBSD: asked in the D49480 thread; not built.
    """

    def __init__(self, vm: Vm, books: Books, idle: Idle, pool: int) -> None:
        super().__init__(vm, books, idle, pool)
        self.chunks = Chunks()
        self.out: dict[Run, int] = {}
        """Pages of each chunk that are not idle."""

    def imported(self, chunk: Run) -> None:
        self.chunks.add(*chunk)
        self.out[chunk] = 0

    def taken(self, pages: Sequence[int]) -> None:
        found = [chunk for m in pages if (chunk := self.chunks.find(m))]
        for chunk in found:
            self.out[chunk] += 1
        self.vm.did(page_structs=self.idle.chunk_line * len(set(found)))

    def came_back(self, m: int) -> None:
        chunk = self.chunks.find(m)
        if chunk is None:
            return
        self.out[chunk] -= 1
        self.vm.did(page_structs=self.idle.chunk_line)
        if self.out[chunk] == 0:
            self._give_back(chunk)

    def _give_back(self, chunk: Run) -> None:
        first, npages = chunk
        self.idle.drop(first, npages)
        self.chunks.remove(chunk)
        del self.out[chunk]
        self.vm.mark(first, Mark.ORDINARY, npages)
        self.vm.free_pages(first, npages.bit_length() - 1, self.pool)
        self.vm.freecnt_inc(npages)
        self.vm.did_move(npages)
        self.vm.did(atomics=1)
        self.books.idle -= npages
        self.books.returned += npages


RETURNS: dict[ChunkReturn, type[KeepChunks]] = {
    ChunkReturn.NONE: KeepChunks,
    ChunkReturn.CHUNK: ReturnChunks,
}
