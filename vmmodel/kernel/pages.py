"""The page, the free list, the segment: what the kernel keeps for each, in C structs.

FreeBSD: `struct vm_page`, `struct vm_freelist`, `struct vm_phys_seg`, `struct vm_domain`.
"""

from enum import IntEnum

from vmmodel.kernel.cstruct import Struct

NFREEORDER = 13
"""Orders 0..12; a page whose order is 13 does not head a free block.  FreeBSD: VM_NFREEORDER."""

MAX_ORDER = NFREEORDER - 1
NPOOL = 2
NFREELIST = 3
NO_PAGE = -1
"""No page: what an allocation gives when it fails, and the end of a list."""

LOWMEM_END = 1 << 12
"""First page frame above 16 MB.  FreeBSD: VM_LOWMEM_BOUNDARY."""
DMA32_END = 1 << 20
"""First page frame above 4 GB.  FreeBSD: VM_DMA32_BOUNDARY."""
DMA32_NPAGES_THRESHOLD = 16_777_216
REGION_ORDER = 9
"""A region is a 2 MB superpage: 512 pages."""
REGION_PAGES = 1 << REGION_ORDER

PCPU_CACHE = 1 << 6
"""Set in *pool* of a page that came from a page cache and returns to it.

FreeBSD: PG_PCPU_CACHE.
"""
POOL_MASK = PCPU_CACHE - 1

NO_OBJECT = -1
"""The object of a reservation that is not one."""
NO_BUCKET = 0
"""No bucket: one that is empty and full at once."""
POPMAP_BITS = 32
POPMAP_WORDS = REGION_PAGES // POPMAP_BITS


class Pool(IntEnum):
    """Free pools of FreeBSD 13.  FreeBSD: VM_FREEPOOL_DEFAULT, VM_FREEPOOL_DIRECT."""

    DEFAULT = 0
    DIRECT = 1


class Mark(IntEnum):
    """What a page is to the NOFREE allocator; the map of physical memory is drawn from it."""

    ORDINARY = 0
    IN_USE = 1
    IDLE = 2
    LEAKED = 3
    FALLBACK = 4


Page = Struct(
    __name__, "Page", next="i4", prev="i4", order="i1", pool="i1", segment="u1", mark="u1"
)
"""12 bytes a page.  *pool* is valid in the head of a free block and in single allocated pages,
where it may carry `PCPU_CACHE`."""

FreeList = Struct(__name__, "FreeList", head="i4", tail="i4", count="i8")

Segment = Struct(
    __name__, "Segment", start="i8", end="i8", freelist="i8", domain="i8", region_shift="i8"
)
"""Page frames start..end-1.  A page's region is ``(pfn >> 9) - region_shift``."""

Domain = Struct(
    __name__,
    "Domain",
    free_count="i8",
    interrupt_free_min="i8",
    pageout_free_min="i8",
    free_reserved="i8",
    free_severe="i8",
    free_min="i8",
    free_target="i8",
    wakeup_thresh="i8",
    wakeups="i8",
)
"""Free pages, thresholds, and how often the count fell below *wakeup_thresh*."""

Word = Struct(__name__, "Word", value="i8")
"""One 64-bit integer, for arrays that kernel functions fill."""

Bucket = Struct(__name__, "Bucket", slot="i8", next="i4", count="i2", entries="i2")
"""Up to *entries* cached pages, in slots *slot* and on.  FreeBSD: struct uma_bucket."""

CpuCache = Struct(__name__, "CpuCache", alloc="i4", free="i4")
"""The two buckets of a CPU.  FreeBSD: struct uma_cache."""

PageCache = Struct(
    __name__,
    "PageCache",
    domain="i8",
    pool="i8",
    first_cpu="i8",
    ncpu="i8",
    bucket_size="i8",
    bucket_max="i8",
    nitems="i8",
    full="i8",
    empty="i8",
    imax="i8",
    bimin="i8",
    wss="i8",
    imports="i8",
    releases="i8",
    exchanges="i8",
)
"""The page cache of a domain and pool.

*full* heads the shared cache of *nitems* pages, *empty* the buckets that are not used.  *imax* to
*wss* estimate the working set of the shared cache.  The rest counts holds of the free lock to fill
and to empty buckets, and buckets exchanged with the shared cache.
FreeBSD: struct uma_zone and struct uma_zone_domain of a "vm pgcache" zone.
"""

Reserv = Struct(
    __name__,
    "Reserv",
    object="i8",
    pindex="i8",
    lasttick="i8",
    next="i4",
    prev="i4",
    popcnt="i2",
    domain="u1",
    inpartpopq="u1",
)
"""What a 2 MB region is as a reservation; numbered by ``pfn >> 9``.  FreeBSD: struct vm_reserv."""

Popmap = Struct(__name__, "Popmap", bits="u4")
"""A 32-page piece of a reservation's population map; 16 of them to a region."""

Machine = Struct(
    __name__,
    "Machine",
    page=Page,
    queue=FreeList,
    segment=Segment,
    domain=Domain,
    zone=PageCache,
    cpu=CpuCache,
    bucket=Bucket,
    slot=Word,
    reserv=Reserv,
    popmap=Popmap,
    partpopq=FreeList,
    nsegments="i8",
    nfreelists="i8",
    ndomains="i8",
    list_ops="i8",
    page_structs="i8",
    steals="i8",
    stolen_pages="i8",
    atomics="i8",
    lock_holds="i8",
    bucketdisable="i8",
    ticks="i8",
    broken="i8",
    freed="i8",
    reclaimed="i8",
    fullpop="i8",
    filled="i8",
    started="i8",
    no_block="i8",
    extfrag="i8",
    extfrag_small="i8",
    extfrag_unmovable="i8",
    extfrag_mixing="i8",
    moved="i8",
)
"""All of physical memory, and counters of the work done on it, read by `Vm.take_work`.

*zone* to *partpopq* and what follows *atomics* belong to `WholeVm`: the holds of domain free locks
that the kernel took itself, whether UMA makes buckets, the tick, and counters of reservations, of
which *started* got a block and *no_block* did not.

*extfrag* to *moved* only grow: blocks taken over from another pool (smaller than a superpage; from
movable pages for unmovable ones; both), and pages that left or joined the lists under a hold."""
