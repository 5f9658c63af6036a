"""Two orders of reuse: the runs of idle pages, and what finding a place among them costs."""

from bisect import bisect_left
from typing import Protocol

from vmmodel.nofree.axes import Reuse
from vmmodel.nofree.idle import Run, without


class Order(Protocol):
    """A list of runs of which the first is used next."""

    def first(self) -> Run | None:
        """Give the run that is used next."""

    def pop(self) -> Run:
        """Remove the run that is used next."""

    def put_back(self, run: Run) -> None:
        """Enter what is left of the run that was popped last."""

    def insert(self, run: Run) -> int:
        """Enter a run of pages that come; give how many others had to be passed."""

    def drop(self, first: int, npages: int) -> int:
        """Remove the pages of a chunk; give how many runs were touched."""

    def runs(self) -> list[Run]:
        """List the runs in the order of their use."""


class LastInFirstOut:
    """The run that came last is used first; nobody is passed.

    FreeBSD: `vm_page_free_nofree()` inserts at the head of vmd_nofreeq (ae10431c9833, D49480).
    """

    def __init__(self) -> None:
        self._stack: list[Run] = []

    def first(self) -> Run | None:
        return self._stack[-1] if self._stack else None

    def pop(self) -> Run:
        return self._stack.pop()

    def put_back(self, run: Run) -> None:
        self._stack.append(run)

    def insert(self, run: Run) -> int:
        self._stack.append(run)
        return 0

    def drop(self, first: int, npages: int) -> int:
        self._stack, touched = without(self._stack, first, npages)
        return touched

    def runs(self) -> list[Run]:
        return self._stack[::-1]


class ByAddress:
    """The run at the lowest address is used first, so that high chunks have time to empty.

    To find its place a page passes all runs below it, one page structure each: the list is
    walked from its head.  FreeBSD: not built; an address-ordered list is asked for in D49480.
    """

    def __init__(self) -> None:
        self._sorted: list[Run] = []

    def first(self) -> Run | None:
        return self._sorted[0] if self._sorted else None

    def pop(self) -> Run:
        return self._sorted.pop(0)

    def put_back(self, run: Run) -> None:
        self._sorted.insert(0, run)

    def insert(self, run: Run) -> int:
        passed = bisect_left(self._sorted, run)
        self._sorted.insert(passed, run)
        return passed

    def drop(self, first: int, npages: int) -> int:
        self._sorted, touched = without(self._sorted, first, npages)
        return touched

    def runs(self) -> list[Run]:
        return list(self._sorted)


ORDERS: dict[Reuse, type[LastInFirstOut] | type[ByAddress]] = {
    Reuse.LIFO: LastInFirstOut,
    Reuse.ADDRESS: ByAddress,
}
