"""Per-CPU page caches: single pages without the domain free lock, in buckets with it.

Each domain and pool has one.  A CPU has two buckets: allocation pops from one, and swaps them when
it is empty; a free pushes, and swaps them when it is full.  Full buckets are exchanged with a cache
that all CPUs share.  Only when that is empty, or full, is the free lock taken: once for a bucket.
Pages are reused last in, first out, and buckets too.

The functions below are cut where the lock is taken, so that a clock can come between: `cache_alloc`
and `cache_free` never need it, `import_bucket`, `import_page`, `release_bucket` and `release_page`
are one hold each, and count it in `lock_holds`.

Buckets stay at their largest size: UMA shrinks those of a zone by one at each reclaim.  The cross
buckets that sort frees of CPUs in another domain are not modelled, only counted in the size.

Sources: FreeBSD main of 2025, `vm_page_zone_import()` and `vm_page_zone_release()` of
``vm_page.c``, `cache_alloc()`, `cache_free()` and `uma_zone_set_maxcache()` of ``uma_core.c``.
"""

from dataclasses import dataclass
from typing import Any

from vmmodel.kernel.cstruct import kernel
from vmmodel.kernel.domain import NORMAL, domain_allocate, freecnt_inc
from vmmodel.kernel.pages import NFREEORDER, NO_BUCKET, NO_PAGE, NPOOL, PCPU_CACHE, POOL_MASK
from vmmodel.kernel.phys import alloc_npages, free_pages

BUCKET_MAX = 254
"""Pages in the largest bucket, 2048 bytes with its head.  FreeBSD: BUCKET_MAX."""

KEPT, RELEASE_PAGE = -1, -2
"""What `cache_free` answers; anything else is a full bucket."""


@dataclass(frozen=True)
class CacheSize:
    """How much the page cache of a domain and pool may hold, in pages.

    FreeBSD: vm_page_init_cache_zones() and uma_zone_set_maxcache().

    >>> CacheSize.of(524288, ncpu=2)
    CacheSize(limit=524, bucket=65, full_buckets=264)
    """

    limit: int
    """All of it."""
    bucket: int
    """A bucket; a CPU has two."""
    full_buckets: int
    """The shared cache of full buckets, which stays below this."""

    @classmethod
    def of(cls, npages: int, ncpu: int, ndomains: int = 1, zone_max_pcpu: int = 0) -> "CacheSize":
        """Compute it for a domain of *npages*; *zone_max_pcpu* is vm.pgcache_zone_max_pcpu."""
        limit = zone_max_pcpu * ncpu or npages // 1000
        nbuckets = 2 * ncpu if ndomains == 1 else 3 * ncpu + ndomains
        bucket = min(limit // nbuckets // 2, BUCKET_MAX)
        if bucket == 0 and limit >= nbuckets:
            bucket = 1
        return cls(limit, bucket, limit - nbuckets * bucket)

    def nbuckets(self, ncpu: int) -> int:
        """How many buckets a cache needs: each CPU's, drained ones, full ones, one in passing."""
        return 4 * ncpu + self.full_buckets // self.bucket + 1 if self.bucket else 0


@kernel
def take_empty(vm: Any, zone: Any) -> int:
    """Take a bucket that is not used, or NO_BUCKET."""
    b = zone.empty
    if b != NO_BUCKET:
        zone.empty = vm.bucket[b].next
    return b


@kernel
def bucket_alloc(vm: Any, zone: Any) -> int:
    """Give an empty bucket, or NO_BUCKET while UMA makes none or pages are not cached."""
    if vm.bucketdisable != 0:
        return NO_BUCKET
    return take_empty(vm, zone)


@kernel
def bucket_free(vm: Any, zone: Any, b: int) -> None:
    """Take back an emptied bucket."""
    if b != NO_BUCKET:
        vm.bucket[b].count = 0
        vm.bucket[b].next = zone.empty
        zone.empty = b


@kernel
def fetch_bucket(vm: Any, zone: Any, reclaim: int) -> int:
    """Take a bucket from the shared cache, or NO_BUCKET.  FreeBSD: zone_fetch_bucket()."""
    b = zone.full
    if b == NO_BUCKET:
        return NO_BUCKET
    count = vm.bucket[b].count
    zone.full = vm.bucket[b].next
    zone.nitems -= count
    if reclaim:  # the working set is not what reclaim takes
        moved = min(zone.bimin, count)
        zone.imax -= moved
        zone.bimin -= moved
    elif zone.bimin > zone.nitems:
        zone.bimin = zone.nitems
    return b


@kernel
def put_bucket(vm: Any, zone: Any, b: int, reclaim: int) -> bool:
    """Put a bucket into the shared cache if there is room.  FreeBSD: zone_put_bucket()."""
    bucket = vm.bucket[b]
    nitems = zone.nitems + bucket.count
    if nitems >= zone.bucket_max:
        return False
    zone.nitems = nitems
    bucket.next = zone.full
    zone.full = b
    if reclaim:
        zone.imax += bucket.count
        zone.bimin += bucket.count
    elif zone.imax < nitems:  # a new maximum: the batch that led to it has ended
        zone.wss = max(zone.wss, zone.imax - zone.bimin)
        zone.imax = nitems
        zone.bimin = nitems
    return True


@kernel
def swap_buckets(cache: Any) -> None:
    """Exchange the two buckets of a CPU."""
    b = cache.alloc
    cache.alloc = cache.free
    cache.free = b


@kernel
def bucket_pop(vm: Any, b: int) -> int:
    """Take the page that was put last."""
    bucket = vm.bucket[b]
    count = bucket.count - 1
    bucket.count = count
    return vm.slot[bucket.slot + count].value


@kernel
def cache_alloc(vm: Any, z: int, cpu: int) -> int:
    """Take a page from the CPU's buckets, or from the shared cache; NO_PAGE if both are empty.

    FreeBSD: uma_zalloc_arg() and the first half of cache_alloc(), without the free lock.
    """
    zone = vm.zone[z]
    cache = vm.cpu[zone.first_cpu + cpu]
    if vm.bucket[cache.alloc].count == 0:
        if vm.bucket[cache.free].count != 0:
            swap_buckets(cache)
        else:
            bucket_free(vm, zone, cache.alloc)
            cache.alloc = fetch_bucket(vm, zone, 0)
            if cache.alloc == NO_BUCKET:
                return NO_PAGE
            zone.exchanges += 1
    return bucket_pop(vm, cache.alloc)


@kernel
def import_admitted(vm: Any, z: int, npages: int, pagedaemon: int) -> bool:
    """Ask whether *npages* may be imported, and subtract them from the free count if so.

    The page daemon may not, and nobody may while the domain is in severe shortage.
    """
    zone = vm.zone[z]
    domain = vm.domain[zone.domain]
    if pagedaemon or domain.free_count < domain.free_severe:
        return False
    return domain_allocate(vm, zone.domain, NORMAL, npages)


@kernel
def import_pages(vm: Any, zone: Any, npages: int, slot: int) -> int:
    """Allocate admitted pages under one hold of the free lock; give how many the lists had.

    FreeBSD: vm_page_zone_import().
    """
    out = vm.slot[slot]
    got = alloc_npages(vm, zone.domain, zone.pool, npages, out)
    vm.lock_holds += 1
    vm.moved += got
    zone.imports += 1
    if got < npages:
        freecnt_inc(vm, zone.domain, npages - got)
    for i in range(got):
        vm.page[out[i].value].pool = zone.pool | PCPU_CACHE
    return got


@kernel
def release_bucket(vm: Any, z: int, b: int) -> None:
    """Free the pages of a bucket under one hold.  FreeBSD: vm_page_zone_release()."""
    zone, bucket = vm.zone[z], vm.bucket[b]
    count = bucket.count
    for i in range(count):
        m = vm.slot[bucket.slot + i].value
        vm.page[m].pool = zone.pool
        free_pages(vm, m, 0, zone.pool)
    vm.lock_holds += 1
    vm.moved += count
    zone.releases += 1
    freecnt_inc(vm, zone.domain, count)
    bucket_free(vm, zone, b)


@kernel
def import_bucket(vm: Any, z: int, cpu: int) -> int:
    """Fill a bucket for the CPU with the pages admitted; give one of them, or NO_PAGE.

    `cache_alloc` answered NO_PAGE, so the place of the bucket was free; where another thread of the
    CPU has filled it while this one waited for the lock, the new bucket is shared.
    FreeBSD: zone_alloc_bucket() and the second half of cache_alloc().
    """
    zone = vm.zone[z]
    b = take_empty(vm, zone)
    if b == NO_BUCKET:
        freecnt_inc(vm, zone.domain, zone.bucket_size)
        return NO_PAGE
    bucket = vm.bucket[b]
    bucket.count = import_pages(vm, zone, zone.bucket_size, bucket.slot)
    if bucket.count == 0:
        bucket_free(vm, zone, b)
        return NO_PAGE
    m = bucket_pop(vm, b)
    cache = vm.cpu[zone.first_cpu + cpu]
    if cache.alloc == NO_BUCKET:
        cache.alloc = b
    elif bucket.count == 0:
        bucket_free(vm, zone, b)
    elif not put_bucket(vm, zone, b, 0):
        release_bucket(vm, z, b)
    return m


@kernel
def import_page(vm: Any, z: int) -> int:
    """Allocate the one page admitted: what is tried last.  FreeBSD: zone_alloc_item()."""
    if import_pages(vm, vm.zone[z], 1, 0) == 0:
        return NO_PAGE
    return vm.slot[0].value


@kernel
def may_import_bucket(vm: Any, z: int) -> bool:
    """Tell whether there is a bucket to fill."""
    return vm.bucketdisable == 0 and vm.zone[z].empty != NO_BUCKET


@kernel
def pgcache_alloc(vm: Any, z: int, cpu: int, pagedaemon: int) -> int:
    """Allocate a page through the cache: at most two holds; NO_PAGE if it is refused.

    FreeBSD: uma_zalloc() of a "vm pgcache" zone.
    """
    m = cache_alloc(vm, z, cpu)
    if m != NO_PAGE:
        return m
    if may_import_bucket(vm, z) and import_admitted(vm, z, vm.zone[z].bucket_size, pagedaemon):
        m = import_bucket(vm, z, cpu)
    if m == NO_PAGE and import_admitted(vm, z, 1, pagedaemon):
        m = import_page(vm, z)
    return m


@kernel
def cache_free(vm: Any, z: int, cpu: int, m: int) -> int:
    """Give a page to the CPU's buckets: KEPT, or what must be released first.

    A full bucket that the shared cache does not take is to be given to `release_bucket`, and the
    page to this function once more.  RELEASE_PAGE says that the page cannot be cached.
    FreeBSD: cache_free_reuse() and cache_free(), without the free lock.
    """
    zone = vm.zone[z]
    cache = vm.cpu[zone.first_cpu + cpu]
    if vm.bucket[cache.alloc].count == vm.bucket[cache.alloc].entries:
        if vm.bucket[cache.free].count == vm.bucket[cache.free].entries:
            full = cache.free
            cache.free = bucket_alloc(vm, zone)
            if full != NO_BUCKET:
                if not put_bucket(vm, zone, full, 0):
                    return full
                zone.exchanges += 1
            if cache.free == NO_BUCKET:
                return RELEASE_PAGE
        swap_buckets(cache)
    bucket = vm.bucket[cache.alloc]
    vm.slot[bucket.slot + bucket.count].value = m
    bucket.count += 1
    return KEPT


@kernel
def release_page(vm: Any, z: int, m: int) -> None:
    """Free a page that cannot be cached, under a hold of its own.  FreeBSD: zone_free_item()."""
    zone = vm.zone[z]
    vm.page[m].pool = zone.pool
    free_pages(vm, m, 0, zone.pool)
    vm.lock_holds += 1
    vm.moved += 1
    zone.releases += 1
    freecnt_inc(vm, zone.domain, 1)


@kernel
def pgcache_free(vm: Any, z: int, cpu: int, m: int) -> None:
    """Free a page through the cache: at most two holds.  FreeBSD: uma_zfree()."""
    answer = cache_free(vm, z, cpu, m)
    if answer > NO_BUCKET:
        release_bucket(vm, z, answer)
        answer = cache_free(vm, z, cpu, m)
    if answer == RELEASE_PAGE:
        release_page(vm, z, m)


@kernel
def update_wss(zone: Any) -> None:
    """Estimate how many pages of the shared cache are in use; every 20 s and at each reclaim.

    FreeBSD: zone_domain_update_wss().
    """
    zone.wss = max(zone.wss * 3 // 4, zone.imax - zone.bimin)
    zone.imax -= (zone.imax - zone.nitems + 1) // 2
    zone.bimin = zone.nitems


@kernel
def uma_timeout(vm: Any) -> None:
    """Update the estimates, and make no buckets while a domain is short; every 20 s.

    FreeBSD: bucket_enable() and zone_timeout(), which also trims what was idle for 15 minutes.
    """
    vm.bucketdisable = 0
    for d in range(vm.ndomains):
        if vm.domain[d].free_count < vm.domain[d].free_min:
            vm.bucketdisable = 1
    for z in range(vm.ndomains * NPOOL):
        update_wss(vm.zone[z])


@kernel
def bucket_to_reclaim(vm: Any, z: int, keep: int) -> int:
    """Take the next bucket above *keep* pages from the shared cache, for `release_bucket`."""
    zone = vm.zone[z]
    if zone.full == NO_BUCKET or zone.nitems < keep + vm.bucket[zone.full].count:
        return NO_BUCKET
    return fetch_bucket(vm, zone, 1)


@kernel
def reclaim_bucket(vm: Any, z: int, keep: int) -> bool:
    """Release one bucket above *keep* pages of the shared cache, under one hold."""
    b = bucket_to_reclaim(vm, z, keep)
    if b == NO_BUCKET:
        return False
    release_bucket(vm, z, b)
    return True


@kernel
def cache_reclaim(vm: Any, z: int, drain: int) -> int:
    """Release the shared cache, or what of it is beyond the working set; give the holds.

    FreeBSD: bucket_cache_reclaim_domain() for UMA_RECLAIM_DRAIN and UMA_RECLAIM_TRIM.
    """
    zone = vm.zone[z]
    update_wss(zone)
    keep = 0 if drain else zone.wss
    holds = 0
    while reclaim_bucket(vm, z, keep):
        holds += 1
    return holds


@kernel
def drain_bucket(vm: Any, z: int, b: int) -> None:
    """Move a CPU's bucket to the shared cache, or release it if there is no room."""
    if vm.bucket[b].count == 0:
        bucket_free(vm, vm.zone[z], b)
    elif not put_bucket(vm, vm.zone[z], b, 1):
        release_bucket(vm, z, b)


@kernel
def cache_drain_cpus(vm: Any, z: int) -> None:
    """Release everything, the buckets of all CPUs too.  FreeBSD: UMA_RECLAIM_DRAIN_CPU."""
    cache_reclaim(vm, z, 1)
    zone = vm.zone[z]
    for cpu in range(zone.ncpu):
        cache = vm.cpu[zone.first_cpu + cpu]
        alloc, free = cache.alloc, cache.free
        cache.alloc = NO_BUCKET
        cache.free = NO_BUCKET
        drain_bucket(vm, z, alloc)
        drain_bucket(vm, z, free)
    cache_reclaim(vm, z, 1)


@kernel
def check_bucket(vm: Any, zone: Any, b: int) -> int:
    """Check the pages of a bucket: allocated, of this cache; give how many, or -1."""
    bucket = vm.bucket[b]
    if bucket.count > bucket.entries:
        return -1
    for i in range(bucket.count):
        page = vm.page[vm.slot[bucket.slot + i].value]
        known = page.pool & PCPU_CACHE != 0 and page.pool & POOL_MASK == zone.pool
        if page.order != NFREEORDER or not known:
            return -1
        if vm.segment[page.segment].domain != zone.domain:
            return -1
    return bucket.count


@kernel
def check_cache(vm: Any, z: int) -> int:
    """Check every promise of a page cache; give the pages in it, or -1 if one is broken."""
    zone = vm.zone[z]
    shared = 0
    b = zone.full
    while b != NO_BUCKET:
        n = check_bucket(vm, zone, b)
        if n <= 0:
            return -1
        shared += n
        b = vm.bucket[b].next
    if shared != zone.nitems or (shared > 0 and shared >= zone.bucket_max):
        return -1
    if zone.imax < zone.nitems or zone.bimin > zone.nitems:
        return -1
    pages = shared
    for cpu in range(zone.ncpu):
        cache = vm.cpu[zone.first_cpu + cpu]
        if cache.alloc != NO_BUCKET and cache.alloc == cache.free:
            return -1
        alloc, free = check_bucket(vm, zone, cache.alloc), check_bucket(vm, zone, cache.free)
        if alloc < 0 or free < 0:
            return -1
        pages += alloc + free
    return pages
