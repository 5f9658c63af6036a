"""What a structure of idle pages promises, and how chunks are found from their pages."""

from typing import Protocol

Run = tuple[int, int]
"""First page and number of pages, physically contiguous."""


class Idle(Protocol):
    """Idle pages of one domain.  Who calls has the free lock, and tells marks and books.

    Each method counts the work it does through `Vm.did`.
    """

    links_in_pages: bool
    """Whether an idle page is linked through fields of its own page structure."""
    sees_double_free: bool
    """Whether a page that is idle already can be told when it is freed again."""
    chunk_line: int
    """Page structures touched besides for a counter of each chunk."""

    def add(self, first: int, npages: int) -> int:
        """Take in a chunk, all idle; give the entries of the list passed to find its place."""

    def take(self, npages: int) -> list[int]:
        """Give out *npages*, or what there is, in the order of reuse."""

    def put(self, m: int) -> int:
        """Take back page *m*; give the entries of the list passed to find its place."""

    def drop(self, first: int, npages: int) -> None:
        """Forget a chunk whose pages are all idle."""

    def runs(self) -> list[Run]:
        """List idle pages as (first, length), in the order they will be used."""


class Chunks:
    """The chunks of a domain, found from any of their pages.

    Chunks are aligned to their size.  FreeBSD would find one as it finds a reservation, by the
    page's physical address.

    >>> chunks = Chunks()
    >>> chunks.add(4096, 512)
    >>> chunks.find(4100), chunks.find(4608)
    ((4096, 512), None)
    """

    def __init__(self) -> None:
        self._known: set[Run] = set()
        self._sizes: list[int] = []

    def add(self, first: int, npages: int) -> None:
        """Enter a chunk."""
        self._known.add((first, npages))
        if npages not in self._sizes:
            self._sizes = sorted([*self._sizes, npages])

    def remove(self, chunk: Run) -> None:
        """Forget a chunk."""
        self._known.remove(chunk)

    def find(self, m: int) -> Run | None:
        """Give the chunk of page *m*, the smallest if a part that escaped was imported again."""
        for npages in self._sizes:
            chunk = (m // npages * npages, npages)
            if chunk in self._known:
                return chunk
        return None


def without(runs: list[Run], first: int, npages: int) -> tuple[list[Run], int]:
    """Cut the pages of a chunk out of *runs*: what is left in order, and how many were touched.

    >>> without([(10, 4), (1, 1)], 8, 4)
    ([(12, 2), (1, 1)], 1)
    """
    end, left, touched = first + npages, [], 0
    for start, length in runs:
        outside = [(start, min(start + length, first) - start)]
        outside.append((max(start, end), start + length - max(start, end)))
        kept = [run for run in outside if run[1] > 0]
        touched += kept != [(start, length)]
        left += kept
    return left, touched
