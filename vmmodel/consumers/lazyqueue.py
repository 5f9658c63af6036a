"""Play a trial of lazy dequeue, and tell how it ends.

What a corrupt list does next is not followed: the first harm ends a trial.
"""

from collections.abc import Sequence
from enum import Enum

from vmmodel.nofree.pagefields import BadLink, PageFields, PageQueue, Place, Runs, Wild

Steps = Sequence[tuple[str, int]]


class End(Enum):
    """How a trial ends."""

    PANIC = "panic"
    """An assertion of a kernel with INVARIANTS meets it."""
    SECOND_USER = "second_user"
    """A page is handed out that others use."""
    CORRUPT = "corrupt"
    """The page queue is broken, or a number was followed as a pointer."""
    LEAKED = "leaked"
    """Idle pages cannot be reached any more."""
    SOUND = "sound"
    """Both lists are what they should be."""


class Play:
    """A page queue and the runs of a chunk, in the same page structures."""

    def __init__(self, place: Place, chunk: int, others: int, checked: bool) -> None:
        self.checked, self.chunk = checked, chunk
        pages = [PageFields() for _ in range(chunk + others)]
        self.pages, self.queue = pages, PageQueue(pages, checked)
        self.runs = Runs(place, pages, self.queue)
        self.idle = set(range(chunk))
        self.on_queue: list[int] = []
        """What should be on the page queue, in its order, but for what is pending."""
        self.taken: list[int] = []

    def end(self, queued: Sequence[int], pending: Sequence[int], steps: Steps) -> End:
        """Play to the first harm, or to the end."""
        try:
            for m in queued:
                self.queue.enqueue(m)
            self.queue.pending = list(pending)
            self.on_queue = [m for m in queued if m not in set(pending)]
            self.runs.put_chunk(0, self.chunk)
            for what, n in steps:
                if (harm := self._step(what, n)) is not None:
                    return End.PANIC if self.checked and harm is End.SECOND_USER else harm
            return self._look_around()
        except (BadLink, Wild):
            return End.PANIC if self.checked else End.CORRUPT

    def _step(self, what: str, n: int) -> End | None:
        if what == "take":
            return self._take()
        if what == "requeue":
            m = self.chunk + n
            self.queue.dequeue(m)
            self.queue.enqueue(m)
            self.on_queue.remove(m)
            self.on_queue.append(m)
        elif what == "process":
            self.queue.process()
        elif what == "use":
            self.pages[self.taken[-1]].pindex = n
            self.queue.enqueue(self.taken[-1])
        else:
            self._free(self.taken.pop())
        return None

    def _take(self) -> End | None:
        """Take a page: with INVARIANTS vm_page_alloc_check() meets one that is not free."""
        m = self.runs.take()
        if m is None:
            return End.LEAKED
        if m not in self.idle:
            return End.SECOND_USER
        self.idle.remove(m)
        self.taken.append(m)
        return None

    def _free(self, m: int) -> None:
        """Free *m* while it is on the queue: its removal is deferred."""
        self.queue.pending.append(m)
        self.runs.free(m)
        self.idle.add(m)

    def _look_around(self) -> End:
        """Compare both lists with what they should hold."""
        if list(self.queue.list.walk(len(self.on_queue) + 1)) != self.on_queue:
            return End.CORRUPT
        for _ in range(len(self.idle)):
            if (harm := self._take()) is not None:
                return harm
        return End.SOUND if self.runs.take() is None else End.SECOND_USER
