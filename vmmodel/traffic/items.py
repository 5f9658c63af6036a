"""Items of UMA zones in the buckets of each CPU, by their numbers.

A NOFREE zone never gives a slab back, so which item is where decides nothing about pages: only how
many are in buckets, in the cache that CPUs share, and in slabs.  When slabs have too few, SimPy
makes one the way the design under study does.

A bucket is as large as `bucket_select()` makes it; each time two CPUs want the zone's lock at once
it grows by one item, each time UMA reclaims it shrinks by one.

FreeBSD: `cache_alloc()`, `cache_free()`, `zone_import()` and `bucket_cache_reclaim()` of
``sys/vm/uma_core.c``.
"""

from typing import Any

from vmmodel.kernel.cstruct import kernel, outlined, stay_outlined

MOST_FULL = 1 << 15
"""Full buckets that a zone's cache can hold; beyond, items go back to their slabs."""
BUCKET_MIN = 2
"""FreeBSD: BUCKET_MIN."""


@kernel
def lock_zone(tr: Any, zone: Any, cpu: int) -> None:
    """Take the zone's lock for one exchange; a collision of two CPUs lets the bucket size grow.

    FreeBSD: ZONE_LOCK() after a failed ZONE_TRYLOCK() in zone_fetch_bucket() and zone_put_bucket().
    """
    zone.exchanges += 1
    if tr.now < zone.locked_until and zone.locked_by != cpu:
        zone.contended += 1
        zone.bucket_size = min(zone.bucket_size + 1, zone.bucket_max)
    zone.locked_by = cpu
    zone.locked_until = max(tr.now, zone.locked_until) + (tr.price_zone_lock + 500) // 1000


@outlined
def items_alloc(tr: Any, z: int, cpu: int, n: int) -> int:
    """Take *n* items on *cpu*; give how many are still missing when slabs have too few.

    What is then wanted of the slabs is in `asked_items`.
    """
    stay_outlined()
    zone, cache = tr.zone[z], tr.items[z * tr.ncpus + cpu]
    while n > 0:
        if cache.alloc == 0:
            if cache.free > 0:
                cache.alloc = cache.free
                cache.free = 0
            else:
                lock_zone(tr, zone, cpu)
                want = zone.bucket_size
                if tr.machine[0].bucketdisable != 0:
                    want = n
                if zone.nfull > 0:
                    zone.nfull -= 1
                    cache.alloc = tr.fill[z * MOST_FULL + zone.nfull].items
                    zone.nitems -= cache.alloc
                elif zone.keg_free >= want:
                    zone.keg_free -= want
                    cache.alloc = want
                else:
                    tr.asked_items = want
                    return n
        taken = min(n, cache.alloc)
        cache.alloc -= taken
        zone.taken += taken
        n -= taken
    return 0


@kernel
def put_full(tr: Any, z: int, cpu: int, items: int) -> None:
    """Put a bucket into the cache that CPUs share."""
    zone = tr.zone[z]
    lock_zone(tr, zone, cpu)
    if zone.nfull == MOST_FULL:
        zone.keg_free += items
        return
    tr.fill[z * MOST_FULL + zone.nfull].items = items
    zone.nfull += 1
    zone.nitems += items


@kernel
def items_arrive(tr: Any, z: int, cpu: int, n: int) -> None:
    """Give a CPU the bucket of *n* items that was filled for it.

    If it has found another meanwhile, the new one is shared.
    """
    cache = tr.items[z * tr.ncpus + cpu]
    if cache.alloc == 0:
        cache.alloc = n
    elif n > 0:
        put_full(tr, z, cpu, n)


@outlined
def items_free(tr: Any, z: int, cpu: int, n: int) -> None:
    """Give *n* items back on *cpu*."""
    stay_outlined()
    zone, cache = tr.zone[z], tr.items[z * tr.ncpus + cpu]
    zone.given += n
    while n > 0:
        room = zone.bucket_size - cache.alloc
        if room <= 0:
            if cache.free >= zone.bucket_size:
                put_full(tr, z, cpu, cache.free)
                cache.free = 0
            full = cache.alloc
            cache.alloc = cache.free
            cache.free = full
            room = zone.bucket_size - cache.alloc
        put = min(n, max(room, 1))
        cache.alloc += put
        n -= put


@kernel
def items_reclaim(tr: Any, z: int) -> None:
    """Give the items of all full buckets back to their slabs, which stay.

    FreeBSD: bucket_cache_reclaim(); keg_drain() returns at once for a NOFREE keg.
    """
    zone = tr.zone[z]
    zone.keg_free += zone.nitems
    zone.nitems = 0
    zone.nfull = 0
    zone.bucket_size = max(zone.bucket_size - 1, BUCKET_MIN)
