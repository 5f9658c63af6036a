"""Physical memory as Python sees it: one object over the structs and the compiled functions."""

import zlib
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import fields
from operator import add
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from vmmodel.kernel import entries
from vmmodel.kernel.cstruct import StructArray
from vmmodel.kernel.domain import RequestClass, Thresholds
from vmmodel.kernel.pages import (
    DMA32_NPAGES_THRESHOLD,
    LOWMEM_END,
    NFREEORDER,
    NO_PAGE,
    NPOOL,
    REGION_ORDER,
    Domain,
    FreeList,
    Machine,
    Mark,
    Page,
    Pool,
    Segment,
    Word,
)
from vmmodel.kernel.segments import PhysSegment, assign_free_lists
from vmmodel.kernel.survey import NMARK

Words = npt.NDArray[np.int64]
V = TypeVar("V", bound="Vm")

HIGHEST_PFN = (1 << 31) - 1
"""Links are 32 bits wide: 8 TB of addresses."""


class Work(NamedTuple):
    """What was done since the last reading, to be priced by the clock."""

    list_ops: int
    """Insertions into and removals from free lists and the NOFREE queue."""
    page_structs: int
    """Page structures touched."""
    steals: int
    """Blocks taken over from another pool."""
    stolen_pages: int
    """Pages in them, whose structures FreeBSD 13.0 writes one by one."""
    atomics: int
    """Atomic operations on counters that all processors share."""
    percpu: int = 0
    """Updates of per-CPU counters."""
    branches: int = 0
    """Branches that only some designs have."""


class Survey(NamedTuple):
    """What every 2 MB region holds, in pages; arrays are of shape (regions,)."""

    free: Words
    """On the buddy lists."""
    marks: Words
    """By `Mark`, shape (regions, 5)."""
    kernel: Words
    """Of the ordinary ones: from pool DIRECT, which nobody can move."""
    unused: Words
    """Of the ordinary ones: in a reservation and not allocated, so free."""
    largest_extent: int
    """Most pages on the lists that follow one another."""
    cached: int
    """Of the ordinary ones in all regions: in page caches."""

    @property
    def nofree(self) -> Words:
        """Pages that the NOFREE allocator has or gave to somebody."""
        total: Words = self.marks[:, 1:].sum(axis=1)
        return total

    @property
    def user(self) -> Words:
        """Allocated pages of pool DEFAULT, which belong to objects and can be moved."""
        return self.marks[:, 0] - self.kernel - self.unused


class Steals(NamedTuple):
    """Blocks taken over from another pool since the start.  Linux: mm_page_alloc_extfrag."""

    blocks: int
    small: int
    """Of them smaller than a superpage: both pools then have pages in one region."""
    unmovable: int
    """Of them taken from DEFAULT for DIRECT."""
    mixing: int
    """Of them both."""


class Vm:
    """Physical memory: page structures, free lists, domains.

    *segments* are (first page frame, end) pairs, ascending, END exclusive, each in *domain* 0 or
    the one given as third element.  Memory is free and in pool DEFAULT at the start.

    >>> vm = Vm([(4096, 8192)])
    >>> vm.alloc_pages(order=0), vm.free_blocks()[:3].tolist()
    (4096, [1, 1, 1])
    """

    def __init__(
        self,
        segments: Iterable[Sequence[int]],
        *,
        dma32_threshold: int = DMA32_NPAGES_THRESHOLD,
    ) -> None:
        self.node = 0
        """Domain that is meant where none is named."""
        parts, self.nfreelists = assign_free_lists(segments, dma32_threshold)
        self.segments: list[PhysSegment] = parts
        self.npages = sum(part.end - part.start for part in parts)
        self.ndomains = 1 + max(part.domain for part in parts)
        self.nregions = 1 + max(((p.end - 1) >> REGION_ORDER) - p.region_shift for p in parts)
        first, end = parts[0].start, parts[-1].end
        if end > HIGHEST_PFN:
            raise ValueError(f"page frame {end - 1} is beyond {HIGHEST_PFN - 1}")
        self._pages = StructArray(Page, end - first, first)
        self._queues = StructArray(FreeList, self.ndomains * self.nfreelists * NPOOL * NFREEORDER)
        self._segments = StructArray(Segment, len(parts))
        self._domains = StructArray(Domain, self.ndomains)
        self._machine = StructArray(Machine, 1)
        self._scratch = StructArray(Word, 4096)
        self._queues.column("head")[:] = NO_PAGE
        self._queues.column("tail")[:] = NO_PAGE
        self._fill_structs()
        self._first = first
        self._mark, self._pool = self._pages.column("mark"), self._pages.column("pool")
        self._free_counts = self._domains.column("free_count").data  # reads faster
        self._at = self._machine.address
        counters = self._machine.struct.offset("list_ops") // 8
        self._work = self._machine.records.view(np.int64)[counters : counters + 5]
        """Work that compiled code did, in the order of `Work`."""
        self._done = [0] * len(Work._fields)
        """Work that Python did, in the order of `Work`."""
        self._boot()

    def on_node(self: V, domain: int) -> V:
        """Give the same memory as seen from *domain*: where none is named, it is meant."""
        seen = copy(self)
        seen.node = domain
        seen._done = [0] * len(Work._fields)
        return seen

    def _node(self, domain: int | None) -> int:
        return self.node if domain is None else domain

    @property
    def address(self) -> int:
        """Where the machine lies, for others that know its layout."""
        return self._at

    @classmethod
    def of_size(cls, npages: int) -> "Vm":
        """Make one segment of *npages* above 16 MB: one free list, one domain."""
        return cls([(LOWMEM_END, LOWMEM_END + npages)])

    def _fill_structs(self) -> None:
        for index, part in enumerate(self.segments):
            for name in ("start", "end", "freelist", "domain", "region_shift"):
                self._segments.column(name)[index] = getattr(part, name)
            first = part.start - self._pages.first
            own = slice(first, first + part.end - part.start)  # holes stay untouched memory
            self._pages.column("segment")[own] = index
            self._pages.column("order")[own] = NFREEORDER
        machine = self._machine.records[0]
        machine["page"], machine["queue"] = self._pages.address, self._queues.address
        machine["segment"], machine["domain"] = self._segments.address, self._domains.address
        machine["nsegments"], machine["nfreelists"] = len(self.segments), self.nfreelists
        machine["ndomains"] = self.ndomains

    def _boot(self) -> None:
        for part in self.segments:
            entries.enqueue_contig(self._at, part.start, part.end - part.start, 0)
        for d in range(self.ndomains):
            npages = sum(p.end - p.start for p in self.segments if p.domain == d)
            self._domains.column("free_count")[d] = npages
            limits = Thresholds.of(npages)
            for field in fields(limits):
                self._domains.column(field.name)[d] = getattr(limits, field.name)
        self.take_work()

    def arrays(self) -> list[StructArray]:
        """All the structs that the memory consists of."""
        return [self._pages, self._queues, self._segments, self._domains, self._machine]

    def close(self) -> None:
        """Forget the memory; nothing of it may be used afterwards."""
        for array in (*self.arrays(), self._scratch):
            array.close()

    # The buddy lists alone: no accounting.  FreeBSD: vm_phys_*().

    def alloc_pages(self, order: int, pool: int = Pool.DEFAULT, domain: int | None = None) -> int:
        """Allocate 2**order contiguous, aligned pages: the first one, or NO_PAGE."""
        return entries.alloc_pages(self._at, self._node(domain), int(pool), order)

    def free_pages(self, m: int, order: int, pool: int = Pool.DEFAULT) -> int:
        """Free 2**order pages; give the head of the free block that now holds them."""
        return entries.free_pages(self._at, m, order, int(pool))

    def alloc_npages(
        self, npages: int, pool: int = Pool.DEFAULT, domain: int | None = None
    ) -> list[int]:
        """Allocate up to *npages* (<= 4096) single pages, in the order the lists give them."""
        self._check_room(npages)
        got = entries.alloc_npages(
            self._at, self._node(domain), int(pool), npages, self._scratch.address
        )
        return self._words(got)

    def alloc_contig(
        self,
        npages: int,
        *,
        low: int = 0,
        high: int = HIGHEST_PFN,
        alignment: int = 1,
        boundary: int = 0,
        domain: int | None = None,
    ) -> int:
        """Allocate a run in page frames [low, high): its first page, or NO_PAGE.

        *alignment* and *boundary* are powers of two, in pages; boundary 0 is none.
        """
        return entries.alloc_contig(
            self._at, self._node(domain), npages, low, high, alignment, boundary
        )

    def free_contig(self, m: int, npages: int, pool: int = Pool.DEFAULT) -> None:
        """Free a physically contiguous run within one segment."""
        entries.free_contig(self._at, m, npages, int(pool))

    def order(self, m: int) -> int:
        """Order of the free block that *m* heads, 13 if none."""
        return int(self._pages.column("order")[m - self._pages.first])

    # With the domain's accounting.  FreeBSD: vm_page_alloc_noobj_domain() and below.

    def domain_allocate(
        self, request_class: RequestClass, npages: int, domain: int | None = None
    ) -> bool:
        """Admit *npages* and take them from the free count; False leaves it as it was."""
        return bool(
            entries.domain_allocate(self._at, self._node(domain), int(request_class), npages)
        )

    def allows(self, request_class: RequestClass, npages: int) -> bool:
        """Tell whether *npages* would be admitted now; takes nothing."""
        limits = self.thresholds()
        floor = {
            RequestClass.NORMAL: limits.free_reserved,
            RequestClass.SYSTEM: limits.interrupt_free_min,
            RequestClass.INTERRUPT: 0,
        }
        return self.free_count() >= floor[request_class] + npages

    def freecnt_inc(self, npages: int, domain: int | None = None) -> None:
        """Give *npages* back to the free count."""
        self._free_counts[self._node(domain)] += npages

    def page_alloc(self, request_class: RequestClass, pool: int, domain: int | None = None) -> int:
        """Admit and allocate one page; NO_PAGE if it is refused or the lists are empty."""
        return entries.page_alloc(self._at, self._node(domain), int(request_class), int(pool))

    def cached_page(self, pool: int) -> int:
        """Take a page from a page cache, without the free lock: NO_PAGE, there are none here."""
        return NO_PAGE

    def in_reservation(self, m: int) -> bool:
        """Tell whether *m* lies in a reservation: no, there are none here."""
        return False

    def page_free(self, m: int) -> int:
        """Give one page back to its pool's lists and to the free count; give the merged block."""
        return entries.page_free(self._at, m)

    def pages_alloc(
        self,
        request_class: RequestClass,
        npages: int,
        pool: int = Pool.DEFAULT,
        domain: int | None = None,
    ) -> list[int]:
        """Admit *npages* (<= 4096) at once and allocate what the lists hold; [] if refused."""
        self._check_room(npages)
        got = entries.pages_alloc(
            self._at,
            self._node(domain),
            int(request_class),
            int(pool),
            npages,
            self._scratch.address,
        )
        return self._words(got)

    def pages_free(self, pages: Sequence[int]) -> None:
        """Give up to 4096 single pages back, each to its pool's lists."""
        self._check_room(len(pages))
        self._scratch.column("value")[: len(pages)] = pages
        entries.pages_free(self._at, len(pages), self._scratch.address)

    @property
    def free_counts(self) -> memoryview:
        """Free pages of every domain, as they are at any time."""
        return self._free_counts

    def free_count(self, domain: int | None = None) -> int:
        """Free pages of the domain.  FreeBSD: vmd_free_count."""
        count: int = self._free_counts[self._node(domain)]
        return count

    def set_free_count(self, npages: int, domain: int | None = None) -> None:
        """Set the free count, for callers that use the bare lists."""
        self._free_counts[self._node(domain)] = npages

    def thresholds(self, domain: int | None = None) -> Thresholds:
        """Thresholds in force."""
        values = self._domains.records[self._node(domain)]
        return Thresholds(**{f.name: int(values[f.name]) for f in fields(Thresholds)})

    def set_threshold(self, name: str, pages: int, domain: int | None = None) -> None:
        """Set one threshold, as its sysctl does."""
        assert name in {f.name for f in fields(Thresholds)}
        self._domains.column(name)[self._node(domain)] = pages

    def wakeups(self, domain: int | None = None) -> int:
        """How often the free count fell below the page daemon's wake-up threshold."""
        return int(self._domains.column("wakeups")[self._node(domain)])

    def set_pool(self, m: int, pool: int, npages: int = 1) -> None:
        """Say which pool *npages* single pages from *m* on go to when `page_free` gets them."""
        first = m - self._first
        self._pool[first : first + npages] = int(pool)

    # Marks for the map of memory.

    def mark(self, m: int, mark: Mark, npages: int = 1) -> None:
        """Say what *npages* from *m* on are to the NOFREE allocator."""
        first = m - self._first
        if npages == 1:
            self._mark[first] = int(mark)
        else:
            self._mark[first : first + npages] = int(mark)

    def marked(self, m: int) -> Mark:
        """What page *m* is to the NOFREE allocator."""
        return Mark(int(self._mark[m - self._first]))

    # Reading.

    def steals(self) -> Steals:
        """Read how often one pool took a block from the other."""
        row = self._machine.records[0]
        names = ("extfrag", "extfrag_small", "extfrag_unmovable", "extfrag_mixing")
        return Steals(*(int(row[name]) for name in names))

    def moved(self) -> int:
        """Pages that left or joined the buddy lists under holds of the free lock."""
        return int(self._machine.records["moved"][0])

    def did_move(self, npages: int) -> None:
        """Count pages that Python took from the bare lists, or gave to them, under a hold."""
        self._machine.records["moved"] += npages

    def take_work(self) -> Work:
        """Read the counters of work done and set them to zero."""
        work = Work(*map(add, (*self._work.tolist(), 0, 0), self._done))
        self._work[:] = 0
        self._done = [0] * len(Work._fields)
        return work

    def did(
        self,
        *,
        list_ops: int = 0,
        page_structs: int = 0,
        atomics: int = 0,
        percpu: int = 0,
        branches: int = 0,
    ) -> None:
        """Count work that Python did on the kernel's behalf."""
        done = self._done
        done[0] += list_ops
        done[1] += page_structs
        done[4] += atomics
        done[5] += percpu
        done[6] += branches

    def free_blocks_by_list(self, domain: int | None = None) -> npt.NDArray[np.int64]:
        """Free blocks by free list, pool and order: shape (nfreelists, 2, 13)."""
        counts = self._queues.column("count").reshape(self.ndomains, -1, NPOOL, NFREEORDER)
        return np.array(counts[self._node(domain)])

    def free_blocks(self, domain: int | None = None) -> npt.NDArray[np.int64]:
        """Free blocks by order over all lists and pools: shape (13,)."""
        total: npt.NDArray[np.int64] = self.free_blocks_by_list(self._node(domain)).sum(axis=(0, 1))
        return total

    def regions(self) -> tuple[Words, Words]:
        """Count free pages (shape (regions,)) and pages by `Mark` (shape (regions, 5))."""
        found = self.survey()
        return found.free, found.marks

    def survey(self) -> Survey:
        """Look at every page, and sum up what there is in every 2 MB region."""
        n = self.nregions
        sizes = {"free": n, "marks": n * NMARK, "kernel": n, "unused": n}
        words = {name: StructArray(Word, size) for name, size in sizes.items()}
        at = {name: array.address for name, array in words.items()}
        extent = entries.count_regions(self._at, at["free"], at["marks"], at["kernel"])
        self._survey_reservations(at["unused"], at["kernel"])
        counts = {name: array.column("value") for name, array in words.items()}
        for array in words.values():
            array.close()
        counts["marks"] = counts["marks"].reshape(-1, NMARK)
        return Survey(**counts, largest_extent=extent, cached=self.cached_pages())

    def _survey_reservations(self, unused: int, kernel_pages: int) -> None:
        """Count unused pages of reservations by region: there are no reservations here."""

    def cached_pages(self) -> int:
        """Pages in page caches, neither in use nor free: there are none here."""
        return 0

    def list_words(self) -> Words:
        """Every free list of domain 0, head to tail, behind its marker, as in golden traces."""
        lists = self.free_blocks_by_list()
        out = StructArray(Word, lists.size + int(lists.sum()))
        entries.list_words(self._at, out.address)
        out.close()
        return out.column("value")

    def checksum(self) -> int:
        """CRC-32 of `list_words` as little-endian 64-bit words: pins all list orders."""
        return zlib.crc32(self.list_words().astype("<i8").tobytes())

    def check(self) -> int:
        """Assert every promise of the free lists; give the pages on them."""
        pages = 0
        for d in range(self.ndomains):
            n = entries.check_lists(self._at, d)
            assert n >= 0, f"the free lists of domain {d} are inconsistent"
            pages += n
        return pages

    def n_unmerged(self) -> int:
        """Pairs of free buddies of one order that were not merged."""
        return entries.count_unmerged(self._at)

    def replay(self, operations: StructArray, blocks: StructArray, start: int, end: int) -> int:
        """Run operations start..end-1 in one call; give the first that Python must do, or *end*."""
        return entries.replay(self._at, operations.address, blocks.address, start, end)

    def _check_room(self, npages: int) -> None:
        room = len(self._scratch.records)
        if not 0 <= npages <= room:
            raise ValueError(f"{npages} pages at once, expected 0 to {room}")

    def _words(self, n: int) -> list[int]:
        words: list[int] = self._scratch.column("value")[:n].tolist()
        return words
