"""Ordinary pages around the NOFREE ones: bursts that come and go, and memory pressure.

A burst is what a per-CPU page cache moves at once: one hold of the lock for all its pages.
FreeBSD: vm_page_zone_import(), vm_page_zone_release().  The caches themselves are not modelled.
"""

from functools import partial

from vmmodel.consumers.memory import Memory
from vmmodel.consumers.steps import Locked, Steps
from vmmodel.kernel import Pool, RequestClass


class Traffic:
    """The bursts that are alive, by number, and what pressure holds.

    *bucket* is what one hold of the lock moves, in pages.
    """

    def __init__(self, memory: Memory, bucket: int) -> None:
        self.memory = memory
        self.bucket = bucket
        self.alive: dict[tuple[int, int], list[int]] = {}
        """Pages by burst and part."""
        self.squeezed: list[int] = []
        self._moving = 0
        """Pages of bursts that are on their way, to or from the lists."""
        self.refused = 0
        """Holds in which the domain's accounting admitted nothing."""

    def take(self, burst: int, npages: int, pool: Pool, parts: int = 1) -> Steps[None]:
        """Allocate a burst of *npages* at class NORMAL, or what of it is admitted.

        Its pages are dealt out to *parts*, each of which is freed at its own time.
        """
        pages = yield from self._alloc(npages, RequestClass.NORMAL, pool)
        self._moving -= len(pages)
        for part in range(parts):
            self.alive[burst, part] = pages[part::parts]

    def give(self, burst: int, part: int = 0) -> Steps[None]:
        """Free one part of a burst."""
        yield from self._free(self.alive.pop((burst, part)))

    def squeeze(self, leave: int) -> Steps[None]:
        """Take or give back pages until *leave* are free above the floor of class SYSTEM.

        A kernel consumer that does not stop, as a fuzzer finds them.
        """
        vm = self.memory.vm
        floor = vm.thresholds().interrupt_free_min
        excess = vm.free_count() - floor - leave
        if excess > 0:
            taken = yield from self._alloc(excess, RequestClass.SYSTEM, Pool.DEFAULT)
            self._moving -= len(taken)
            self.squeezed += taken
        elif excess < 0:
            surplus = self.squeezed[excess:]
            del self.squeezed[excess:]
            yield from self._free(surplus)

    def release(self) -> Steps[None]:
        """Free all that pressure holds, in the order it was taken."""
        squeezed, self.squeezed = self.squeezed, []
        yield from self._free(squeezed)

    def held(self) -> int:
        """Pages that bursts and pressure have."""
        return len(self.squeezed) + self._moving + sum(map(len, self.alive.values()))

    def _alloc(self, npages: int, request_class: RequestClass, pool: Pool) -> Steps[list[int]]:
        vm = self.memory.vm
        pages: list[int] = []
        while len(pages) < npages:
            n = min(self.bucket, npages - len(pages))
            got = yield Locked(partial(vm.pages_alloc, request_class, n, pool))
            if not got:
                self.refused += 1
                break
            self._moving += len(got)
            pages += got
        return pages

    def _free(self, pages: list[int]) -> Steps[None]:
        self._moving += len(pages)
        for start in range(0, len(pages), self.bucket):
            yield Locked(partial(self._release, pages[start : start + self.bucket]))

    def _release(self, pages: list[int]) -> None:
        self.memory.vm.pages_free(pages)
        self._moving -= len(pages)
        if self.memory.design.traits.checks_every_free:
            self.memory.vm.did(branches=len(pages))
