"""Fields of page structures that two lists want: page queues, and the runs of idle NOFREE pages.

A page that is freed is taken off its page queue lazily: it stays linked, through ``plinks.q``,
until a batch is processed or somebody calls `vm_page_dequeue()`.  Whoever writes to the link
meanwhile breaks the page queue; what the page queue writes meanwhile breaks what was kept there.
Where a run keeps its length, and how runs are linked, decides whether that can happen (question Q9
of D49480).

FreeBSD: struct vm_page; vm_page_dequeue_deferred(), vm_pqbatch_process(); D50333, since which a
page is off its queue before it enters the buddy lists.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Union

Field = Literal["plinks", "listq"]
Word = Union[None, int, "Link", "Tailq"]
"""NULL, a number, a pointer to a page, or one to the head of a list."""


@dataclass(frozen=True)
class Link:
    """A pointer to a page."""

    page: int


class Wild(Exception):
    """A number was followed as if it were a pointer."""


class BadLink(Exception):
    """The assertion of a kernel with INVARIANTS: neighbours do not point back to a page."""


class PageFields:
    """The fields of one page structure that are of interest here."""

    def __init__(self) -> None:
        self.plinks: list[Word] = [None, None]
        """A union: next and previous of a page queue, or anything else."""
        self.listq: list[Word] = [None, None]
        """What the buddy lists linked through before D50333; nobody needs it for an idle page."""
        self.pindex: Word = 0
        self.ref_count: Word = 0


class Tailq:
    """A doubly linked list through *field*; *checked* are the assertions of INVARIANTS.

    FreeBSD: TAILQ of sys/queue.h, write by write; QUEUE_MACRO_DEBUG_ASSERTIONS.
    """

    def __init__(self, pages: list[PageFields], field: Field, checked: bool) -> None:
        self.pages, self.field, self.checked = pages, field, checked
        self.first: Word = None
        self.last: Word = self

    def insert_head(self, m: int) -> None:
        after = self.first
        if after is None:
            self.last = Link(m)
        else:
            self._assert(self._words(after)[1] is self)
            self._words(after)[1] = Link(m)
        self._words(Link(m))[:] = [after, self]
        self.first = Link(m)

    def insert_tail(self, m: int) -> None:
        before = self.last
        self._assert(self._next(before) is None)
        self._words(Link(m))[:] = [None, before]
        self._set_next(before, Link(m))
        self.last = Link(m)

    def remove(self, m: int) -> None:
        after, before = self._words(Link(m))
        if after is not None:
            self._assert(self._words(after)[1] == Link(m))
        self._assert(self._next(before) == Link(m))
        if after is None:
            self.last = before
        else:
            self._words(after)[1] = before
        self._set_next(before, after)

    def walk(self, most: int) -> Iterator[int]:
        """Follow the list for *most* pages; `Wild` if it leads nowhere."""
        here = self.first
        for _ in range(most):
            if here is None:
                return
            yield self._page(here)
            here = self._next(here)

    def _assert(self, sound: bool) -> None:
        if self.checked and not sound:
            raise BadLink

    def _page(self, word: Word) -> int:
        if not isinstance(word, Link):
            raise Wild
        return word.page

    def _words(self, word: Word) -> list[Word]:
        words: list[Word] = getattr(self.pages[self._page(word)], self.field)
        return words

    def _next(self, word: Word) -> Word:
        return word.first if isinstance(word, Tailq) else self._words(word)[0]

    def _set_next(self, word: Word, to: Word) -> None:
        if isinstance(word, Tailq):
            word.first = to
        else:
            self._words(word)[0] = to


class PageQueue:
    """A page queue whose pages leave it lazily."""

    def __init__(self, pages: list[PageFields], checked: bool) -> None:
        self.list = Tailq(pages, "plinks", checked)
        self.queued: set[int] = set()
        """Pages whose state says that they are on the queue (a.queue)."""
        self.pending: list[int] = []
        """Pages of the batch, to be taken off."""

    def enqueue(self, m: int) -> None:
        self.list.insert_tail(m)
        self.queued.add(m)

    def dequeue(self, m: int) -> None:
        """Take *m* off now, if it is on.  FreeBSD: vm_page_dequeue()."""
        if m in self.queued:
            self.queued.remove(m)
            self.list.remove(m)

    def process(self) -> None:
        """Take off all that is pending.  FreeBSD: vm_pqbatch_process()."""
        while self.pending:
            self.dequeue(self.pending.pop(0))


@dataclass(frozen=True)
class Place:
    """Where a run keeps its length, and what is done before its fields are written."""

    length: Literal["plinks", "pindex", "ref_count"]
    link: Field
    """What runs are linked through; `plinks` cannot hold both."""
    dequeues: frozenset[str] = frozenset()
    """When `vm_page_dequeue()` comes first: ``import``, ``next`` (page of a run), ``free``."""
    resets: bool = True
    """Whether a free writes the length of the run of one that the page becomes.

    `ref_count` needs no write: a page that is freed has none, or vm_page_free_prep() panics."""


EVERYWHERE = frozenset({"import", "next", "free"})
PLACES: dict[str, Place] = {
    "plinks": Place("plinks", "listq"),
    "plinks, dequeued": Place("plinks", "listq", EVERYWHERE),
    "pindex": Place("pindex", "listq"),
    "pindex, not reset": Place("pindex", "listq", resets=False),
    "ref_count": Place("ref_count", "plinks", frozenset({"next"}), resets=False),
    "ref_count, never dequeued": Place("ref_count", "plinks", resets=False),
    "ref_count, dequeued": Place("ref_count", "plinks", EVERYWHERE, resets=False),
}
"""`plinks` is the author's first draft, which the commit text rejects; `pindex` is ae10431c9833 as
its text describes it (how its runs are linked is not known, listq is assumed); `ref_count` is main
of late 2025, where only the next page of a run is dequeued first.  The others are what a little
more or less care would make of them."""

ENDLESS = 1 << 31
"""What a pointer reads as a number of pages."""


class Runs:
    """Runs of idle pages, kept in fields of their first pages."""

    def __init__(self, place: Place, pages: list[PageFields], queue: PageQueue) -> None:
        self.place, self.pages, self.queue = place, pages, queue
        self.list = Tailq(pages, place.link, queue.list.checked)

    def put_chunk(self, first: int, npages: int) -> None:
        self._put(first, npages, "import", writes=True)

    def take(self) -> int | None:
        """Give the next page, None if there is none.  FreeBSD: vm_page_alloc_nofree_domain()."""
        if self.list.first is None:
            return None
        m = next(self.list.walk(1))
        self.list.remove(m)
        length = self._length(m)
        if length > 1:
            self._put(m + 1, length - 1, "next", writes=True)
        self._set_length(m, 1)
        self.queue.dequeue(m)  # the caller's, for every page that it allocates
        return m

    def free(self, m: int) -> None:
        """Make *m* a run of one.  FreeBSD: vm_page_free_nofree()."""
        self._put(m, 1, "free", writes=self.place.resets)

    def _put(self, m: int, length: int, when: str, writes: bool) -> None:
        if when in self.place.dequeues:
            self.queue.dequeue(m)
        if writes:
            self._set_length(m, length)
        self.list.insert_head(m)

    def _set_length(self, m: int, length: int) -> None:
        page = self.pages[m]
        if self.place.length == "plinks":
            page.plinks[0] = length
        elif self.place.length == "pindex":
            page.pindex = length
        else:
            page.ref_count = length - 1

    def _length(self, m: int) -> int:
        """Read the length of a run; what is no number is read as one all the same."""
        page = self.pages[m]
        if self.place.length == "ref_count":
            return _as_number(page.ref_count) + 1
        return _as_number(page.plinks[0] if self.place.length == "plinks" else page.pindex)


def _as_number(word: Word) -> int:
    if word is None:
        return 0
    return word if isinstance(word, int) else ENDLESS
