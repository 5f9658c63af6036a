"""A design that is watched: at every call it is held to what the kernel's allocator promises.

For runs with ``--check``.  The promises have the numbers of docs/design.md: V1 runs add up to the
kernel's counter; V2 the books balance; V3 only an import, a return of a chunk, or a page that its
reservation takes back moves the free count; V4 a chunk is imported only when nothing is idle; V5 a
queue gives back last what it took first; V6 the drift of v_nofree_count; V7 a bump pointer uses no
page twice.  V8 and V9 are of the buddy lists and of reservations: see `Vm` and
`WholeVm.check_domain`.
"""

from collections.abc import Callable
from copy import copy

from vmmodel.kernel import NO_PAGE
from vmmodel.nofree.axes import ChunkReturn, FreePath, Reuse, Structure
from vmmodel.nofree.base import Nofree, RequestClass, Vm
from vmmodel.nofree.composed import Composed


class Watched:
    """Passes every call on to *design*, whose memory is *vm*, and asserts its promises."""

    def __init__(self, vm: Vm, design: Nofree) -> None:
        self.vm, self.design = vm, design
        self.books, self.traits = design.books, design.traits
        choice = design.choice if isinstance(design, Composed) else None
        self._chunks = choice is not None
        whole = choice is not None and choice.chunk_return is ChunkReturn.NONE
        freeable = choice is not None and choice.free is not FreePath.NONE
        self._lifo = whole and freeable and choice is not None and choice.reuse is Reuse.LIFO
        self._once = choice is not None and choice.structure is Structure.BUMP and not freeable
        self._freed: list[int] = []
        """Pages freed and not yet handed out again, the last one last."""
        self._used: set[int] = set()

    def alloc(self, request_class: RequestClass) -> int:
        idle, imports, free = self.books.idle, self.books.imports, self.vm.free_count()
        m = self.design.alloc(request_class)
        self._only_imports_took(imports, free, idle)
        self._handed_out([m] if m != NO_PAGE else [])
        return m

    def alloc_batch(self, npages: int, request_class: RequestClass) -> list[int]:
        idle, imports, free = self.books.idle, self.books.imports, self.vm.free_count()
        pages = self.design.alloc_batch(npages, request_class)
        self._only_imports_took(imports, free, max(idle - npages, 0))
        self._handed_out(pages)
        return pages

    def free(self, m: int) -> None:
        self._take_back(m, self.design.free)

    def free_nofree(self, m: int) -> None:
        self._take_back(m, self.design.free_nofree)

    def nofreeq_size(self) -> int:
        return self.design.nofreeq_size()

    def runs(self) -> list[tuple[int, int]]:
        return self.design.runs()

    def _only_imports_took(self, imports: int, free: int, idle: int) -> None:
        if not self._chunks:
            return
        imported = self.books.imports - imports
        assert imported or self.vm.free_count() == free, "V3: the free count moved"
        assert not imported or idle == 0, f"V4: a chunk was imported with {idle} pages idle"

    def _handed_out(self, pages: list[int]) -> None:
        for m in pages:
            if self._lifo and self._freed:
                assert m == self._freed.pop(), f"V5: page {m} is not the one freed last"
            assert not self._once or m not in self._used, f"V7: page {m} is used again"
            self._used.add(m)

    def _take_back(self, m: int, free: Callable[[int], None]) -> None:
        before, free_count = copy(self.books), self.vm.free_count()
        free(m)
        books = self.books
        if books.idle > before.idle:
            self._freed.append(m)
        escaped = books.escaped + books.escaped_fallback
        if self._chunks and escaped == before.escaped + before.escaped_fallback:
            given = books.returned - before.returned
            given += books.returned_fallback - before.returned_fallback
            assert self.vm.free_count() == free_count + given, "V3: the free count moved"

    def check(self) -> None:
        """Assert what holds between calls: V1, V2, V6."""
        books = self.books
        books.check()
        if not self._chunks:
            return
        queued = sum(length for _, length in self.design.runs())
        assert queued == self.design.nofreeq_size() == books.idle, "V1: runs do not add up"
        handed_out = books.in_use + books.leaked + books.escaped
        assert books.v_nofree_count == handed_out - books.captured, "V6: the counter drifts"
