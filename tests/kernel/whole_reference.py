"""Page caches and reservations once more, written to be obvious and not to be fast.

Buckets are lists, population maps are sets, the queue of reservations is a list; the buddy lists
are those of `oracle.reference`.  It was written from the same description of FreeBSD as the
kernel, and shares nothing with it but the numbers of thresholds.
"""

from dataclasses import dataclass, field

from oracle.reference import DEFAULT, Memory, Options

from vmmodel.kernel import RequestClass, Thresholds

NONE = -1


@dataclass
class Cache:
    """A page cache: two buckets a CPU, None where there is no bucket, and a stack of full ones."""

    pool: int
    size: int
    most_shared: int
    alloc: list[list[int] | None]
    free: list[list[int] | None]
    shared: list[list[int]] = field(default_factory=list)
    most: int = 0  # pages in the shared cache, at most of late
    before: int = 0  # pages there before the batch of allocations that goes on
    working_set: int = 0

    def n_shared(self) -> int:
        return sum(map(len, self.shared))

    def pages(self) -> list[int]:
        buckets = [*self.shared, *self.alloc, *self.free]
        return [page for bucket in buckets if bucket for page in bucket]


@dataclass
class Reservation:
    """A block of 512 pages and who uses which of them."""

    object: int
    pindex: int
    changed: int
    used: set[int] = field(default_factory=set)


class Whole:
    """The whole machine: one domain, one reservation to a 2 MB block, a page cache to a pool."""

    def __init__(
        self, segments: list[tuple[int, int]], ncpu: int, size: int, most_shared: int
    ) -> None:
        self.memory = Memory(Options(ranges=segments))
        self.free_count = self.memory.free_count()
        self.limits = Thresholds.of(self.free_count)
        self.caches = [
            Cache(pool, size, most_shared, [None] * ncpu, [None] * ncpu) for pool in (0, 1)
        ]
        self.cached: dict[int, int] = {}  # page from a page cache -> pool
        self.reservations: dict[int, Reservation] = {}
        self.queue: list[int] = []
        self.ticks = self.holds = self.broken = self.freed = self.reclaimed = self.filled = 0
        self.buckets_disabled = False

    # The free count.

    def admit(self, request_class: RequestClass, npages: int) -> bool:
        floor = {
            RequestClass.INTERRUPT: 0,
            RequestClass.SYSTEM: 2,
            RequestClass.NORMAL: self.limits.free_reserved,
        }[request_class]
        if self.free_count - npages < floor:
            return False
        self.free_count -= npages
        return True

    # Page caches.

    def import_pages(self, cache: Cache, npages: int, pagedaemon: bool) -> list[int]:
        severe = self.free_count < self.limits.free_severe
        if npages == 0 or pagedaemon or severe or not self.admit(RequestClass.NORMAL, npages):
            return []
        self.holds += 1
        pages = self.memory.alloc_npages(cache.pool, npages)
        self.free_count += npages - len(pages)
        for page in pages:
            self.cached[page] = cache.pool
        return pages

    def release(self, cache: Cache, pages: list[int]) -> None:
        self.holds += 1
        for page in pages:
            del self.cached[page]
            self.memory.free_pages(page, 0)
        self.free_count += len(pages)

    def cache_alloc(self, cache: Cache, cpu: int, pagedaemon: bool) -> int:
        if not cache.alloc[cpu]:
            if cache.free[cpu]:
                cache.alloc[cpu], cache.free[cpu] = cache.free[cpu], cache.alloc[cpu]
            elif cache.shared:
                cache.alloc[cpu] = cache.shared.pop()
                cache.before = min(cache.before, cache.n_shared())
            else:
                size = 0 if self.buckets_disabled else cache.size
                cache.alloc[cpu] = self.import_pages(cache, size, pagedaemon) or None
        bucket = cache.alloc[cpu] or self.import_pages(cache, 1, pagedaemon)
        return bucket.pop() if bucket else NONE

    def cache_free(self, cache: Cache, cpu: int, page: int) -> None:
        def has_room(bucket: list[int] | None) -> bool:
            return bucket is not None and len(bucket) < cache.size

        if not has_room(cache.alloc[cpu]):
            if not has_room(cache.free[cpu]):
                full = cache.free[cpu]
                disabled = self.buckets_disabled or cache.size == 0
                cache.free[cpu] = None if disabled else []
                if full is not None:
                    self.put(cache, full)
            if cache.free[cpu] is None:
                self.release(cache, [page])
                return
            cache.alloc[cpu], cache.free[cpu] = cache.free[cpu], cache.alloc[cpu]
        bucket = cache.alloc[cpu]
        assert bucket is not None
        bucket.append(page)

    def put(self, cache: Cache, bucket: list[int]) -> None:
        if cache.n_shared() + len(bucket) >= cache.most_shared:
            self.release(cache, bucket)
            return
        cache.shared.append(bucket)
        if cache.n_shared() > cache.most:
            cache.working_set = max(cache.working_set, cache.most - cache.before)
            cache.most = cache.before = cache.n_shared()

    def estimate(self, cache: Cache) -> None:
        cache.working_set = max(cache.working_set * 3 // 4, cache.most - cache.before)
        cache.most -= (cache.most - cache.n_shared() + 1) // 2
        cache.before = cache.n_shared()

    def reclaim(self, cache: Cache, drain: bool) -> None:
        self.estimate(cache)
        keep = 0 if drain else cache.working_set
        while cache.shared and cache.n_shared() - len(cache.shared[-1]) >= keep:
            bucket = cache.shared.pop()
            moved = min(cache.before, len(bucket))
            cache.most -= moved
            cache.before -= moved
            self.release(cache, bucket)

    def drain_cpus(self, cache: Cache) -> None:
        self.reclaim(cache, True)
        for cpu in range(len(cache.alloc)):
            for bucket in (cache.alloc[cpu], cache.free[cpu]):
                if bucket and cache.n_shared() + len(bucket) < cache.most_shared:
                    cache.shared.append(bucket)
                    cache.most += len(bucket)
                    cache.before += len(bucket)
                elif bucket:
                    self.release(cache, bucket)
            cache.alloc[cpu] = cache.free[cpu] = None
        self.reclaim(cache, True)

    def timeout(self) -> None:
        self.buckets_disabled = self.free_count < self.limits.free_min
        for cache in self.caches:
            self.estimate(cache)

    # Reservations.

    def change(self, region: int) -> None:
        """Move a reservation to the end of the queue, or off it."""
        reservation = self.reservations[region]
        reservation.changed = self.ticks
        if region in self.queue:
            self.queue.remove(region)
        if 0 < len(reservation.used) < 512:
            self.queue.append(region)

    def populate(self, region: int, page: int) -> None:
        reservation = self.reservations[region]
        reservation.used.add(page)
        full = len(reservation.used) == 512
        self.filled += full
        if full or region not in self.queue or self.ticks > reservation.changed:
            self.change(region)

    def reserved_page(
        self,
        request_class: RequestClass,
        owner: int,
        pindex: int,
        size: int,
        neighbours: tuple[int, int],
    ) -> int:
        index = pindex % 512
        if pindex >= size:
            return NONE
        for near in neighbours:
            known = self.reservations.get(near // 512)
            if known and (known.object, known.pindex) == (owner, pindex - index):
                page = near // 512 * 512 + index
                if page in known.used or not self.admit(request_class, 1):
                    return NONE
                self.populate(near // 512, page)
                return page
        if neighbours != (NONE, NONE) or pindex - index + 512 > size:
            return NONE
        if not self.admit(request_class, 1):
            return NONE
        self.holds += 1
        first = self.memory.alloc_pages(DEFAULT, 9)
        if first == NONE:
            self.free_count += 1
            return NONE
        self.reservations[first // 512] = Reservation(owner, pindex - index, self.ticks)
        self.populate(first // 512, first + index)
        return first + index

    def give_back(self, page: int) -> None:
        region = page // 512
        reservation = self.reservations[region]
        reservation.used.remove(page)
        if self.ticks > reservation.changed or not reservation.used:
            self.change(region)
        if not reservation.used:
            del self.reservations[region]
            self.holds += 1
            self.memory.free_pages(region * 512, 9)
            self.freed += 1
        self.free_count += 1

    def break_(self, region: int) -> None:
        reservation = self.reservations.pop(region)
        if region in self.queue:
            self.queue.remove(region)
        runs: list[list[int]] = []
        for page in range(region * 512, region * 512 + 512):
            if page in reservation.used:
                continue
            if runs and runs[-1][1] == page:
                runs[-1][1] = page + 1
            else:
                runs.append([page, page + 1])
        for first, end in runs:
            self.memory.append_range(first, end, DEFAULT)
            self.holds += 1
        self.broken += 1

    def reclaim_inactive(self) -> bool:
        if not self.queue:
            return False
        self.break_(self.queue[0])
        self.reclaimed += 1
        return True

    def unused(self) -> int:
        return sum(512 - len(each.used) for each in self.reservations.values())

    # Pages.

    def alloc(
        self,
        request_class: RequestClass,
        pool: int,
        cpu: int,
        pagedaemon: bool,
        place: tuple[int, int, int, tuple[int, int]] | None = None,
    ) -> int:
        """*place* is object, index, size and neighbours of a page that has an object."""
        while True:
            page = self.reserved_page(request_class, *place) if place else NONE
            if page == NONE:
                page = self.cache_alloc(self.caches[pool], cpu, pagedaemon)
            if page != NONE or not self.admit(request_class, 1):
                return page
            self.holds += 1
            page = self.memory.alloc_pages(pool, 0)
            if page != NONE:
                return page
            self.free_count += 1
            if not self.reclaim_inactive():
                return NONE

    def free(self, page: int, cpu: int) -> None:
        if page in self.cached:
            self.cache_free(self.caches[self.cached[page]], cpu, page)
        elif page // 512 in self.reservations:
            self.give_back(page)
        else:
            self.holds += 1
            self.memory.free_pages(page, 0)
            self.free_count += 1
