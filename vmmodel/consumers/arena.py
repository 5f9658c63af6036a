"""Addresses for kernel memory that is mapped, by the page.

FreeBSD: the vmem arena of a domain, which imports addresses by the quantum; best fit.
"""

from vmmodel.kernel.pages import REGION_PAGES

KVA_QUANTUM = REGION_PAGES
"""Pages of address space imported at once: 2 MB.  FreeBSD: KVA_QUANTUM."""
KVA_NUMA_IMPORT_QUANTUM = 128 * KVA_QUANTUM
"""With several domains: 256 MB.  FreeBSD: KVA_NUMA_IMPORT_QUANTUM."""


class Arena:
    """The addresses of one domain; which of several domains a quantum goes to decides nothing.

    Only NOFREE slabs take addresses here.  In FreeBSD other kernel memory lies in between, where
    there is no arena for NOFREE memory.

    >>> arena = Arena()
    >>> arena.alloc(5), arena.alloc(1), arena.free(0, 5), arena.alloc(2)
    (0, 5, None, 0)
    """

    def __init__(self, ndomains: int = 1) -> None:
        self.quantum = KVA_QUANTUM if ndomains == 1 else KVA_NUMA_IMPORT_QUANTUM
        self.end = 0
        """End of what was imported."""
        self.free_runs: list[tuple[int, int]] = []
        """First page and length of each free run, ascending; none reaches over two quanta."""

    def alloc(self, npages: int) -> int:
        """Take *npages* of the smallest free run that has them, the lowest of those; the first."""
        fitting = [(n, start) for start, n in self.free_runs if n >= npages]
        if not fitting:
            self.free_runs.append((self.end, self.quantum))
            self.end += self.quantum
            return self.alloc(npages)
        n, start = min(fitting)
        self.free_runs.remove((start, n))
        if n > npages:
            self.free_runs.append((start + npages, n - npages))
            self.free_runs.sort()
        return start

    def free(self, start: int, npages: int) -> None:
        """Give *npages* back, and merge them with their free neighbours in the quantum."""
        self.free_runs.append((start, npages))
        self.free_runs.sort()
        merged: list[tuple[int, int]] = []
        for first, n in self.free_runs:
            if merged and sum(merged[-1]) == first and first % self.quantum != 0:
                first, n = merged[-1][0], merged.pop()[1] + n
            merged.append((first, n))
        self.free_runs = merged
