"""FreeBSD's own leak scripts, watching NOFREE pages that were handed out and not taken back.

The scripts read `vmstat -z` every 10 s or every second for as long as a stress test runs.  Here
they are fed the same way, but no event is scheduled for it: between two actions of NOFREE code
nothing changes, so an action first lets the samples pass that were due before it.

FreeBSD: tools/test/stress2/tools/leaks.sh, leaks2.sh.
"""

from collections.abc import Sequence

from vmmodel.nofree import Nofree

SECOND_NS = 1_000_000_000
MAXIMA_EVERY = 10
"""Seconds between two samples of leaks.sh."""
MAXIMA = 50
"""New maxima that it bears; the next one makes it speak, and it counts anew."""
MINIMA = 120
"""Samples above the minimum that leaks2.sh bears in a row."""
SLACK = 10
"""A value less than this above the minimum is a new minimum to leaks2.sh."""


class NewMaxima:
    """The awk script of leaks.sh: it counts values that are larger than any before."""

    def __init__(self) -> None:
        self.samples = self.maxima = self.warnings = 0
        self._largest = self._since = 0

    def sample(self, size: int) -> None:
        """Look at a value."""
        self.samples += 1
        if size <= self._largest:
            return
        self._largest = size
        self.maxima += 1
        self._since += 1
        if self._since > MAXIMA:
            self.warnings += 1
            self._since = 0


class RisingMinima:
    """The awk script of leaks2.sh: it counts values since the last one near the minimum.

    A value equal to the minimum is passed over and ends no count, as in the script.  Once it has
    spoken, only its speaking again moves the minimum: the flag is 2 then.
    """

    def __init__(self) -> None:
        self.samples = self.warnings = 0
        self._minimum = self._since = self._flag = 0

    def sample(self, size: int) -> None:
        """Look at a value."""
        self.samples += 1
        if size == self._minimum:
            return
        if size - SLACK < self._minimum or self._flag == 0:
            self._since = 0
            self._flag = self._flag or 1
            if self._flag != 2:
                self._minimum = size
        self._since += 1
        if self._since > MINIMA:
            self.warnings += 1
            self._flag, self._since, self._minimum = 2, 0, size


class LeakWatch:
    """Both scripts, started with the clock at 0, over the sum of all *designs*."""

    def __init__(self, designs: Sequence[Nofree] = ()) -> None:
        self.designs = list(designs)
        self.maxima, self.minima = NewMaxima(), RisingMinima()
        self.next_ns = 0
        """When the next sample is due."""

    def advance(self, now_ns: int) -> None:
        """Take all samples up to *now_ns*; nothing has changed since the last call."""
        size = sum(self._handed_out(design) for design in self.designs)
        while self.next_ns <= now_ns:
            self.minima.sample(size)
            if self.next_ns % (MAXIMA_EVERY * SECOND_NS) == 0:
                self.maxima.sample(size)
            self.next_ns += SECOND_NS

    @staticmethod
    def _handed_out(design: Nofree) -> int:
        books = design.books
        return books.in_use + books.leaked + books.fallback + books.leaked_fallback

    def row(self) -> dict[str, int]:
        """Give what the scripts said, as columns of a run."""
        return {
            "leak_samples": self.maxima.samples,
            "leak_maxima": self.maxima.maxima,
            "leak_warnings": self.maxima.warnings,
            "leak2_samples": self.minima.samples,
            "leak2_warnings": self.minima.warnings,
        }
