"""One design and its memory, driven by a caller who keeps his own account of every page."""

from dataclasses import replace

from vmmodel.kernel import NO_PAGE, Mark, Pool, RequestClass, Vm
from vmmodel.nofree import Nofree, design
from vmmodel.nofree.base import Panic, serve_fallback

SYSTEM = RequestClass.SYSTEM
PAGES = 3 * 512 + 300
"""Three chunks and a little: exhaustion is never far."""


def pages_for(name: str) -> int:
    """Memory of three chunks and a little, or more of a design with small chunks."""
    choice = design(name).choice
    return PAGES if choice is None else max(PAGES, (3 << choice.import_order) + 300)


class Driver:
    """Asks for NOFREE and ordinary pages, gives them back, and believes no books but its own.

    `in_use`, `fallback` and `ordinary` are the pages it holds, `leaked` those it gave up and
    nobody has; `held` is all of these, and must never be handed out.  `served` is every page the
    design ever gave, in order.
    """

    def __init__(self, name: str, npages: int = PAGES) -> None:
        self.vm = Vm.of_size(npages)
        self.design: Nofree = design(name).make(self.vm)
        self.in_use: list[int] = []
        self.fallback: list[int] = []
        self.ordinary: list[int] = []
        self.leaked: list[int] = []
        self.held: set[int] = set()
        self.served: list[int] = []

    def close(self) -> None:
        """Forget the memory."""
        self.vm.close()

    def hold(self, pages: list[int], kind: list[int]) -> None:
        """Enter pages that nobody held before."""
        assert self.held.isdisjoint(pages)
        kind += pages
        self.held.update(pages)
        assert len(self.held) == sum(
            map(len, (self.in_use, self.fallback, self.ordinary, self.leaked))
        )

    def state(self) -> tuple[object, ...]:
        """All that a refused request must leave as it was: books, runs, lists, free count."""
        books = replace(self.design.books, failed_imports=0)
        return books, self.design.runs(), self.vm.checksum(), self.vm.free_count()

    def alloc(self, request_class: RequestClass = SYSTEM) -> int:
        """Ask the design alone for a page."""
        waiting = self.design.nofreeq_size() > 0
        before = None if waiting else self.state()
        imports = self.design.books.imports
        m = self.design.alloc(request_class)
        if m == NO_PAGE:
            assert before == self.state()
            return m
        assert self.design.books.imports == imports or not waiting, "V4"
        assert self.vm.marked(m) is Mark.IN_USE
        self.hold([m], self.in_use)
        self.served.append(m)
        return m

    def alloc_or_fall_back(self) -> int:
        """Ask for a page as the kernel does: the design first, then the ordinary allocator."""
        m = self.alloc()
        if m != NO_PAGE or not self.design.traits.falls_back:
            return m
        m = self.vm.page_alloc(SYSTEM, Pool.DIRECT)
        if m != NO_PAGE:
            serve_fallback(self.vm, self.design.books, m)
            self.hold([m], self.fallback)
        return m

    def alloc_batch(self, npages: int) -> list[int]:
        """Ask for several pages at once: all, or none and nothing changed; or a part."""
        before = self.state()
        pages = self.design.alloc_batch(npages, SYSTEM)
        if not pages:
            assert before == self.state()
            return pages
        assert len(pages) == len(set(pages))
        assert npages == len(pages) or (self.design.traits.partial and len(pages) < npages)
        self.hold(pages, self.in_use)
        self.served += pages
        return pages

    def free(self, m: int, *, own_way: bool) -> bool:
        """Give a NOFREE page back, through the design's own function or not; False on a panic."""
        before = self.state()
        try:
            (self.design.free_nofree if own_way else self.design.free)(m)
        except Panic:
            assert before == self.state()
            return False
        (self.in_use if m in self.in_use else self.fallback).remove(m)
        self.held.remove(m)
        if self.vm.marked(m) is Mark.LEAKED:
            self.hold([m], self.leaked)
        return True

    def take(self, npages: int, pool: int = Pool.DEFAULT) -> list[int]:
        """Hold ordinary pages, however many are left for a request that may use the last one."""
        npages = min(npages, self.vm.free_count(), 4096)
        pages = self.vm.pages_alloc(RequestClass.INTERRUPT, npages, pool) if npages else []
        assert npages == len(pages)
        self.hold(pages, self.ordinary)
        return pages

    def fill(self, left: int) -> None:
        """Hold ordinary pages until *left* are free."""
        while self.vm.free_count() > left:
            self.take(self.vm.free_count() - left)

    def release(self, pages: list[int]) -> None:
        """Give ordinary pages back."""
        gone = set(pages)
        self.held -= gone
        self.ordinary = [m for m in self.ordinary if m not in gone]
        for at in range(0, len(pages), 4096):
            self.vm.pages_free(pages[at : at + 4096])

    def fragment(self, keep: int = 64) -> None:
        """Take all memory and give back all but every *keep*-th page: no chunk is left."""
        pages = [m for _ in range(4) for m in self.take(4096)]
        self.release([m for m in pages if m % keep])

    def check(self) -> None:
        """Compare the design's books, the map of memory and the free lists with our account."""
        books, vm = self.design.books, self.vm
        books.check()
        assert len(self.in_use) == books.in_use
        assert len(self.fallback) == books.fallback
        assert len(self.leaked) == books.leaked + books.leaked_fallback
        runs = self.design.runs()
        assert sum(length for _, length in runs) == self.design.nofreeq_size() == books.idle
        idle = {m for first, length in runs for m in range(first, first + length)}
        assert len(idle) == books.idle, "a page waits twice"
        assert idle.isdisjoint(self.held)
        free = vm.check()
        assert free == vm.free_count(), "V9"
        assert vm.npages == free + len(self.held) + len(idle)
        self.check_map(free, idle)

    def check_map(self, free: int, idle: set[int]) -> None:
        """Compare the marks of all pages with our account."""
        expected = {
            Mark.ORDINARY: self.ordinary,
            Mark.IN_USE: self.in_use,
            Mark.IDLE: idle,
            Mark.LEAKED: self.leaked,
            Mark.FALLBACK: self.fallback,
        }
        by_region, marks = self.vm.regions()
        assert free == by_region.sum()
        assert [len(expected[mark]) for mark in Mark] == marks.sum(axis=0).tolist()
        for mark, pages in expected.items():
            assert all(self.vm.marked(m) is mark for m in pages)
