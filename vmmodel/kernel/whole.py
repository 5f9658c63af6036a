"""Physical memory with what FreeBSD keeps above the buddy lists: page caches and reservations."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vmmodel.kernel import entries
from vmmodel.kernel.cstruct import StructArray
from vmmodel.kernel.domain import RequestClass
from vmmodel.kernel.pages import (
    DMA32_NPAGES_THRESHOLD,
    LOWMEM_END,
    NO_OBJECT,
    NO_PAGE,
    NPOOL,
    POPMAP_WORDS,
    REGION_ORDER,
    REGION_PAGES,
    Bucket,
    CpuCache,
    FreeList,
    PageCache,
    Pool,
    Popmap,
    Reserv,
    Word,
)
from vmmodel.kernel.pgcache import CacheSize
from vmmodel.kernel.reserv import NO_END, NO_RESERV
from vmmodel.kernel.vm import Vm


class Reservations(NamedTuple):
    """What FreeBSD tells of reservations.  FreeBSD: vm.reserv."""

    broken: int
    """Given up before their last page was freed; `reclaimed` are among them."""
    freed: int
    """Returned whole."""
    reclaimed: int
    """Broken because the buddy lists were empty."""
    fullpop: int
    """Fully populated now."""
    filled: int
    """How often one became full, so that its mapping could be promoted.  Not in FreeBSD."""
    partpopq: int
    """Waiting in the queues of partly populated ones."""
    unused: int
    """Pages of reservations that are not allocated."""


class Superpages(NamedTuple):
    """What became of blocks of order 9 that reservations asked for.  Not counted by FreeBSD."""

    had: int
    """Became a reservation."""
    not_had: int
    """There was none on the lists, though the page was admitted."""


class CacheCounts(NamedTuple):
    """What was done for the page cache of a domain and pool, and what it holds."""

    imports: int
    """Holds of the free lock to fill buckets, or to get one page."""
    releases: int
    """Holds to empty buckets, or to free one page."""
    exchanges: int
    """Full buckets exchanged with the shared cache: the lock of the zone, not of the domain."""
    pages: int
    """Pages in the cache: neither in use nor free."""


class WholeVm(Vm):
    """Physical memory of *ncpu* processors, with page caches and reservations.

    What `Vm` does with the buddy lists alone can be done here too, by a NOFREE design.

    >>> vm = WholeVm.of_size(524288, ncpu=2)
    >>> m = vm.alloc_noobj(RequestClass.NORMAL)
    >>> vm.free_count(), vm.cache_counts().pages, vm.take_lock_holds()
    (524223, 64, 1)
    """

    def __init__(
        self,
        segments: Iterable[Sequence[int]],
        *,
        ncpu: int = 1,
        zone_max_pcpu: int = 0,
        dma32_threshold: int = DMA32_NPAGES_THRESHOLD,
    ) -> None:
        super().__init__(segments, dma32_threshold=dma32_threshold)
        self.ncpu = ncpu
        self.cpu_at_work = 0
        domain_pages = [0] * self.ndomains
        for part in self.segments:
            domain_pages[part.domain] += part.end - part.start
        self.cache_sizes = [
            CacheSize.of(npages, ncpu, self.ndomains, zone_max_pcpu) for npages in domain_pages
        ]
        self._make_caches()
        self._make_reservations()

    @classmethod
    def of_size(cls, npages: int, ncpu: int = 1) -> "WholeVm":
        """Make one segment of *npages* above 16 MB: one free list, one domain."""
        return cls([(LOWMEM_END, LOWMEM_END + npages)], ncpu=ncpu)

    def _make_caches(self) -> None:
        sizes = [size for size in self.cache_sizes for _ in range(NPOOL)]
        nbuckets = 1 + sum(size.nbuckets(self.ncpu) for size in sizes)
        self._zones = StructArray(PageCache, len(sizes))
        self._cpus = StructArray(CpuCache, len(sizes) * self.ncpu)
        self._buckets = StructArray(Bucket, nbuckets)
        # Slot 0 is for a page that is imported alone.
        nslots = 1 + sum(size.nbuckets(self.ncpu) * size.bucket for size in sizes)
        self._slots = StructArray(Word, nslots)
        bucket = slot = 1
        for z, size in enumerate(sizes):
            zone = self._zones.records[z]
            zone["domain"], zone["pool"] = divmod(z, NPOOL)
            zone["first_cpu"], zone["ncpu"] = z * self.ncpu, self.ncpu
            zone["bucket_size"], zone["bucket_max"] = size.bucket, size.full_buckets
            for _ in range(size.nbuckets(self.ncpu)):
                empty = self._buckets.records[bucket]
                empty["slot"], empty["entries"], empty["next"] = slot, size.bucket, zone["empty"]
                zone["empty"] = bucket
                bucket, slot = bucket + 1, slot + size.bucket
        machine = self._machine.records[0]
        machine["zone"], machine["cpu"] = self._zones.address, self._cpus.address
        machine["bucket"], machine["slot"] = self._buckets.address, self._slots.address

    def _make_reservations(self) -> None:
        first = self.segments[0].start >> REGION_ORDER
        n = ((self.segments[-1].end - 1) >> REGION_ORDER) + 1 - first
        self._reservs = StructArray(Reserv, n, first)
        self._popmaps = StructArray(Popmap, n * POPMAP_WORDS, first * POPMAP_WORDS)
        self._partpopqs = StructArray(FreeList, self.ndomains)
        self._reservs.column("object")[:] = NO_OBJECT
        self._partpopqs.column("head")[:] = NO_RESERV
        self._partpopqs.column("tail")[:] = NO_RESERV
        machine = self._machine.records[0]
        machine["reserv"], machine["popmap"] = self._reservs.address, self._popmaps.address
        machine["partpopq"] = self._partpopqs.address

    def arrays(self) -> list[StructArray]:
        caches = [self._zones, self._cpus, self._buckets, self._slots]
        return [*super().arrays(), *caches, self._reservs, self._popmaps, self._partpopqs]

    # Pages.

    def alloc_noobj(
        self,
        request_class: RequestClass,
        pool: int = Pool.DEFAULT,
        *,
        cpu: int = 0,
        domain: int | None = None,
        pagedaemon: bool = False,
    ) -> int:
        """Allocate a page that belongs to no object, or NO_PAGE."""
        return entries.alloc_noobj(
            self._at, self._node(domain), int(request_class), int(pool), cpu, int(pagedaemon)
        )

    def alloc_object(
        self,
        request_class: RequestClass,
        object_: int,
        pindex: int,
        *,
        size: int = NO_END,
        pred: int = NO_PAGE,
        succ: int = NO_PAGE,
        cpu: int = 0,
        domain: int | None = None,
        pagedaemon: bool = False,
    ) -> int:
        """Allocate the page *pindex* of an object of *size* pages, or NO_PAGE.

        *pred* and *succ* are the pages that the object holds next below and next above in the same
        aligned range of 512, or NO_PAGE.
        """
        return entries.alloc_object(
            self._at,
            self._node(domain),
            int(request_class),
            object_,
            pindex,
            size,
            pred,
            succ,
            cpu,
            int(pagedaemon),
        )

    def alloc_object_unlocked(
        self,
        request_class: RequestClass,
        object_: int,
        pindex: int,
        *,
        pred: int,
        succ: int,
        cpu: int = 0,
        domain: int | None = None,
    ) -> int:
        """Do of `alloc_object` what needs no free lock; NO_PAGE where it is needed."""
        return entries.alloc_object_unlocked(
            self._at, self._node(domain), int(request_class), object_, pindex, pred, succ, cpu
        )

    def alloc_reserved(
        self, request_class: RequestClass, object_: int, pindex: int, *, pred: int, succ: int
    ) -> int:
        """Do of `alloc_object` what an old or new reservation can do; NO_PAGE where none can."""
        return entries.reserv_alloc_page(
            self._at, self.node, int(request_class), object_, pindex, pred, succ
        )

    def free(self, m: int, cpu: int = 0) -> None:
        """Free a page to where it came from."""
        entries.free(self._at, m, cpu)

    def page_alloc(self, request_class: RequestClass, pool: int, domain: int | None = None) -> int:
        """Allocate a page through the cache of the CPU at work, see `work_on`; or NO_PAGE."""
        return entries.alloc_noobj(
            self._at, self._node(domain), int(request_class), int(pool), self.cpu_at_work, 0
        )

    def page_free(self, m: int) -> int:
        """Free a page to where it came from, on the CPU at work; give the page."""
        entries.free(self._at, m, self.cpu_at_work)
        return m

    def cached_page(self, pool: int) -> int:
        """Take a page from the page cache of the CPU at work, without the free lock, or NO_PAGE."""
        return entries.cache_alloc(self._at, self.node * NPOOL + int(pool), self.cpu_at_work)

    def work_on(self, cpu: int) -> None:
        """Say which CPU `page_alloc` and `page_free` run on."""
        self.cpu_at_work = cpu

    def alloc_in_turns(self, places: StructArray, turns: StructArray, *, cached: bool) -> int:
        """Let the processors fill `Place`s in *turns*; give how many turns were served."""
        n = len(turns.records)
        return entries.alloc_in_turns(
            self._at, places.address, turns.address, n, self.ncpu, int(cached)
        )

    def free_in_turns(self, places: StructArray, turns: StructArray) -> int:
        """Let the processors free the pages of `Place`s in *turns*; give how many."""
        n = len(turns.records)
        return entries.free_in_turns(self._at, places.address, turns.address, n, self.ncpu)

    def take_lock_holds(self) -> int:
        """Read how often the functions above held a free lock, and set it to zero."""
        holds = int(self._machine.records["lock_holds"][0])
        self._machine.records["lock_holds"][0] = 0
        return holds

    # Page caches.

    def cache_counts(self, pool: int = Pool.DEFAULT, domain: int | None = None) -> CacheCounts:
        """Read the counters of a page cache."""
        zone = self._zones.records[self._node(domain) * NPOOL + int(pool)]
        cpus = self._cpus.records[int(zone["first_cpu"]) :][: self.ncpu]
        counts = self._buckets.column("count")
        pages = zone["nitems"] + counts[cpus["alloc"]].sum() + counts[cpus["free"]].sum()
        return CacheCounts(
            int(zone["imports"]), int(zone["releases"]), int(zone["exchanges"]), int(pages)
        )

    def uma_reclaim(self, *, drain: bool = False, drain_cpus: bool = False) -> None:
        """Release what page caches have beyond their working set, all they share, or all.

        FreeBSD: uma_reclaim() of UMA_RECLAIM_TRIM, _DRAIN and _DRAIN_CPU.
        """
        for z in range(len(self._zones.records)):
            if drain_cpus:
                entries.cache_drain_cpus(self._at, z)
            else:
                entries.cache_reclaim(self._at, z, int(drain))

    def working_set(self, z: int) -> int:
        """Estimate and give the pages in use of the shared cache number *z*: domain * 2 + pool."""
        return entries.working_set(self._at, z)

    def reclaim_bucket(self, z: int, keep: int) -> bool:
        """Release one bucket of a shared cache that has more than *keep* pages: one hold."""
        return bool(entries.reclaim_bucket(self._at, z, keep))

    def uma_timeout(self) -> None:
        """Do what UMA does every 20 s: estimate working sets, allow or refuse new buckets."""
        entries.uma_timeout(self._at)

    # Reservations.

    def set_ticks(self, ticks: int) -> None:
        """Tell the kernel's time, by which changes of reservations are ordered."""
        self._machine.records["ticks"][0] = ticks

    def reclaim_inactive(self, domain: int | None = None) -> bool:
        """Break the least recently changed reservation; False if there is none."""
        return bool(entries.reclaim_inactive(self._at, self._node(domain)))

    def in_reservation(self, m: int) -> bool:
        """Tell whether *m* lies in a reservation that was not broken."""
        owner = self._reservs.column("object")[(m >> REGION_ORDER) - self._reservs.first]
        return bool(owner != NO_OBJECT)

    def break_reservation(self, m: int) -> None:
        """Break the reservation that holds *m*, if there is one."""
        if self.in_reservation(m):
            entries.reserv_break(self._at, m >> REGION_ORDER)

    def partpopq(self, domain: int | None = None) -> list[int]:
        """First pages of the partly populated reservations, least recently changed first."""
        regions = []
        region = int(self._partpopqs.column("head")[self._node(domain)])
        while region != NO_RESERV:
            regions.append(region << REGION_ORDER)
            region = int(self._reservs.column("next")[region - self._reservs.first])
        return regions

    def reserved_unused(self) -> npt.NDArray[np.int64]:
        """Unused pages of the reservation of every ``pfn >> 9``, from the first segment on."""
        reserved = self._reservs.column("object") != NO_OBJECT
        unused = REGION_PAGES - self._reservs.column("popcnt").astype(np.int64)
        return np.where(reserved, unused, 0)

    def reservations(self) -> Reservations:
        """Read the counters of reservations."""
        machine = self._machine.records[0]
        return Reservations(
            broken=int(machine["broken"]),
            freed=int(machine["freed"]),
            reclaimed=int(machine["reclaimed"]),
            fullpop=int(machine["fullpop"]),
            filled=int(machine["filled"]),
            partpopq=int(self._partpopqs.column("count").sum()),
            unused=int(self.reserved_unused().sum()),
        )

    def superpages(self) -> Superpages:
        """Read how often a reservation was to be made."""
        machine = self._machine.records[0]
        return Superpages(int(machine["started"]), int(machine["no_block"]))

    def _survey_reservations(self, unused: int, kernel_pages: int) -> None:
        entries.count_reserved(self._at, unused, kernel_pages)

    def cached_pages(self) -> int:
        """Pages in the page caches of all domains and pools, neither in use nor free."""
        zones = [(pool, d) for d in range(self.ndomains) for pool in range(NPOOL)]
        return sum(self.cache_counts(pool, d).pages for pool, d in zones)

    # Promises.

    def check_whole(self) -> int:
        """Assert every promise of lists, caches and reservations; give the pages in caches.

        Among them that the free count of each domain is the pages on its buddy lists and the unused
        pages of its reservations, no more and no less.
        """
        return sum(self.check_domain(d) - self.free_count(d) for d in range(self.ndomains))

    def check_domain(self, d: int, admitted: int = 0) -> int:
        """Assert the promises of one domain; give its pages that are free or in caches.

        *admitted* pages were taken from its free count, and are still on its lists.
        """
        on_lists, unused = entries.check_lists(self._at, d), entries.check_reservs(self._at, d)
        assert on_lists >= 0, f"the free lists of domain {d} are inconsistent"
        assert unused >= 0, f"the reservations of domain {d} are inconsistent"
        free = self.free_count(d) + admitted
        assert on_lists + unused == free, (
            f"domain {d} counts {free} free pages, has {on_lists} on lists and {unused} in "
            "reservations"
        )
        pages = free
        for z in range(d * NPOOL, (d + 1) * NPOOL):
            cached = entries.check_cache(self._at, z)
            assert cached >= 0, f"page cache {z} is inconsistent"
            pages += cached
        return pages
