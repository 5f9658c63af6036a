"""What a design of NOFREE pages promises, its books, and the steps that designs share.

A method is what happens under one hold of the domain's free lock, `vmd_free_mtx`.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Protocol

from vmmodel.kernel import NO_PAGE, Mark, Pool, RequestClass, Vm
from vmmodel.nofree.kernelobject import KernelObject

IMPORT_ORDER = 9
"""A chunk is one superpage.  FreeBSD: VM_NOFREE_IMPORT_ORDER on amd64."""


class Panic(Exception):
    """The kernel stopped: an assertion met a free that it forbids, or a list that is corrupt."""


class IllegalFree(Enum):
    """What freeing a NOFREE page does where no design allows it."""

    PANIC = "panic"
    """A kernel with INVARIANTS stops."""
    ESCAPE = "escape"
    """A release kernel lets the page join the general pool: a hole in the chunk."""
    LEAK = "leak"
    """The caller knows that it must not, and keeps the page for ever."""


@dataclass
class Books:
    """Where every NOFREE page is; all in pages but *imports* and *failed_imports*.

    ``imported + captured == in_use + idle + leaked + escaped + returned`` at any time, and
    `fallback` pages are outside of it.
    """

    imports: int = 0
    """Blocks taken from the buddy lists."""
    failed_imports: int = 0
    """Imports that were refused, or found no block."""
    imported: int = 0
    captured: int = 0
    """Freed fallback pages that the NOFREE queue kept."""
    in_use: int = 0
    """A caller has them; they came from a chunk (or the queue)."""
    idle: int = 0
    """They wait for the next NOFREE request."""
    leaked: int = 0
    """Of the imported: nobody has them and nothing can reach them."""
    escaped: int = 0
    """Of the imported: joined the general pool although NOFREE."""
    returned: int = 0
    """Of the imported: given back to the buddy lists by design."""
    fallback: int = 0
    """A caller has them; they carry PG_NOFREE and came from outside any chunk."""
    fallbacks: int = 0
    """Fallback pages ever served."""
    leaked_fallback: int = 0
    escaped_fallback: int = 0
    returned_fallback: int = 0
    """Freed fallback pages that their reservations took back."""
    v_nofree_count: int = 0
    """The kernel's counter.  It does not count fallback pages, so their free makes it drift."""

    # What follows says how it came about, not where pages are.

    refused_imports: int = field(default=0, compare=False)
    """Of the failed imports: thresholds did not admit so many pages; the rest found no block."""
    most_imported: int = field(default=0, compare=False)
    """Most pages imported and not returned at a time."""
    insertions: int = field(default=0, compare=False)
    """Runs, pages or chunks entered in the design's list."""
    passed: int = field(default=0, compare=False)
    """Entries of the list that had to be passed to find their places."""
    most_passed: int = field(default=0, compare=False)
    """Most entries that were passed for one of them."""

    def took(self, npages: int) -> None:
        """Enter *npages* that left the buddy lists for the design."""
        self.imported += npages
        self.most_imported = max(self.most_imported, self.imported - self.returned)

    def inserted(self, passed: int) -> None:
        """Count an insertion into the design's list for which *passed* entries were looked at."""
        self.insertions += 1
        self.passed += passed
        self.most_passed = max(self.most_passed, passed)

    def check(self) -> None:
        """Assert that the books balance."""
        kept = self.in_use + self.idle + self.leaked + self.escaped + self.returned
        assert self.imported + self.captured == kept, self
        gone = self.leaked_fallback + self.escaped_fallback + self.returned_fallback
        assert self.fallbacks == self.fallback + self.captured + gone, self


def sum_books(books: Iterable[Books]) -> Books:
    """Add up the books of several domains; of the longest walk, take the longest."""
    rows = [asdict(each) for each in books]
    total = Books(**{name: sum(row[name] for row in rows) for name in rows[0]})
    total.most_passed = max(row["most_passed"] for row in rows)
    return total


class ObjectPages(Protocol):
    """How a design gets a page of kernel_object, by its page index."""

    def alloc_unlocked(self, request_class: RequestClass, pindex: int) -> int:
        """Give a page as far as that needs no free lock, or NO_PAGE."""

    def alloc(self, request_class: RequestClass, pindex: int) -> int:
        """Give a page under one hold of the free lock, or NO_PAGE."""


@dataclass(frozen=True)
class Traits:
    """What consumers and bug models have to know of a design; the defaults suit a simple one."""

    checks_every_free: bool = False
    """Whether `vm_page_free()` pays a branch for it on every page, NOFREE or not."""
    falls_back: bool = True
    """Whether the ordinary allocator is asked next when no page is given."""
    waits: bool = False
    """Whether a caller that may sleep sleeps until a chunk can be had."""
    cached: Callable[[], int] | None = None
    """What is tried before the free lock is taken: to give a page of the CPU's page cache."""
    object_pages: "ObjectPages | None" = None
    """Where pages of kernel_object come from, if not from where all others do."""
    kernel_object: KernelObject | None = None
    """Where mapped pages are entered and their fallback pages come from, if there are reservations.

    None if the design enters them by itself.
    """
    batches: bool = False
    """Whether a multi-page request takes the lock once, through `alloc_batch`."""
    partial: bool = False
    """Whether a batch may give fewer pages than were asked for."""
    illegal_free: IllegalFree | None = None
    """What `vm_page_free()` does with a NOFREE page; None where it takes it."""
    own_function: bool = False
    """Whether NOFREE pages have to be freed by a function of their own."""
    links_in_pages: bool = False
    """Whether an idle page is linked through fields of its own page structure."""
    sees_double_free: bool = False
    """Whether a page that is idle already can be told when it is freed again."""


class Nofree(Protocol):
    """One way to serve pages that promised never to be freed."""

    books: Books
    traits: Traits

    def alloc(self, request_class: RequestClass) -> int:
        """Give one page, or NO_PAGE when no chunk can be had; the caller then falls back.

        FreeBSD: vm_page_alloc_nofree_domain().
        """

    def alloc_batch(self, npages: int, request_class: RequestClass) -> list[int]:
        """Give *npages* under this one hold, or none at all; fewer only if the design is *partial*.

        Only designs that batch are asked.
        """

    def free(self, m: int) -> None:
        """Do what `vm_page_free()` does when it is given the NOFREE page *m*."""

    def free_nofree(self, m: int) -> None:
        """Take *m* back from a caller that uses the design's own way to free NOFREE pages."""

    def nofreeq_size(self) -> int:
        """Idle pages as the kernel counts them.  FreeBSD: vm.stats.page.nofreeq_size."""

    def runs(self) -> list[tuple[int, int]]:
        """List the idle runs as (first page, length), in the order they will be used."""


def import_chunk(vm: Vm, books: Books, request_class: RequestClass, order: int, pool: int) -> int:
    """Take 2**order pages from the buddy lists: the first one, or NO_PAGE.

    All of them leave the free count at once; nothing is reclaimed to make room.
    FreeBSD: vm_page_alloc_nofree_domain().
    """
    npages = 1 << order
    if not vm.domain_allocate(request_class, npages):
        books.failed_imports += 1
        books.refused_imports += 1
        return NO_PAGE
    chunk = vm.alloc_pages(order, pool)
    if chunk == NO_PAGE:
        vm.freecnt_inc(npages)
        books.failed_imports += 1
        return NO_PAGE
    vm.did_move(npages)
    books.imports += 1
    books.took(npages)
    books.idle += npages
    vm.mark(chunk, Mark.IDLE, npages)
    vm.set_pool(chunk, pool, npages)  # where a page that escapes will go
    return chunk


def hand_out(vm: Vm, books: Books, m: int) -> int:
    """Enter in the books that idle page *m* goes to a caller; give *m*."""
    vm.mark(m, Mark.IN_USE)
    books.idle -= 1
    books.in_use += 1
    books.v_nofree_count += 1
    return m


def serve_fallback(vm: Vm, books: Books, m: int) -> int:
    """Enter in the books that the ordinary page *m* serves a NOFREE request; give *m*."""
    vm.mark(m, Mark.FALLBACK)
    books.fallback += 1
    books.fallbacks += 1
    return m


def taken_back(vm: Vm, books: Books, m: int) -> bool:
    """Enter in the books that no caller has *m* any more; tell whether it was a fallback page.

    Nobody can give back what nobody has: a second free of a page is an error of the caller.
    """
    mark = vm.marked(m)
    assert mark in (Mark.IN_USE, Mark.FALLBACK), f"page {m} is freed, but nobody has it ({mark!r})"
    if mark is Mark.FALLBACK:
        books.fallback -= 1
        return True
    books.in_use -= 1
    return False


def return_fallback(vm: Vm, books: Books, m: int) -> None:
    """Give fallback page *m* back to its reservation; no NOFREE allocator ever sees it.

    FreeBSD: vm_page_free_prep(), which asks vm_reserv_free_page() first.
    """
    fallback = taken_back(vm, books, m)
    assert fallback, f"page {m} of a chunk lies in a reservation"
    vm.mark(m, Mark.ORDINARY)
    vm.page_free(m)
    books.returned_fallback += 1


def free_illegally(vm: Vm, books: Books, m: int, outcome: IllegalFree) -> None:
    """Free *m* where the kernel forbids it, with the outcome chosen for the study."""
    if outcome is IllegalFree.PANIC:
        raise Panic(f"vm_page_free_prep: attempting to free a PG_NOFREE page ({m})")
    fallback = taken_back(vm, books, m)
    if outcome is IllegalFree.ESCAPE:
        vm.mark(m, Mark.ORDINARY)
        vm.page_free(m)
        books.escaped_fallback += fallback
        books.escaped += not fallback
    else:
        vm.mark(m, Mark.LEAKED)
        books.leaked_fallback += fallback
        books.leaked += not fallback


__all__ = [
    "IMPORT_ORDER",
    "NO_PAGE",
    "Books",
    "IllegalFree",
    "Mark",
    "Nofree",
    "Panic",
    "Pool",
    "RequestClass",
    "Traits",
    "Vm",
    "free_illegally",
    "hand_out",
    "import_chunk",
    "return_fallback",
    "serve_fallback",
    "taken_back",
]
