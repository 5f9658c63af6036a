"""Per-CPU page caches: sizes, holds of the free lock, order of reuse, draining."""

import csv

import pytest

from vmmodel.kernel import NO_PAGE, CacheSize, Pool, RequestClass, WholeVm
from vmmodel.paths import DATA

NORMAL, SYSTEM, INTERRUPT = RequestClass.NORMAL, RequestClass.SYSTEM, RequestClass.INTERRUPT

with (DATA / "kernel" / "pgcache.csv").open(encoding="utf-8") as table:
    MACHINES = list(csv.DictReader(table))


@pytest.fixture
def small():
    """16 MB and 2 CPUs; caches of 40 pages, buckets of 5: at most 3 full ones are shared."""
    vm = WholeVm([(4096, 8192)], ncpu=2, zone_max_pcpu=20)
    assert [CacheSize(limit=40, bucket=5, full_buckets=20)] == vm.cache_sizes
    yield vm
    vm.check_whole()
    vm.close()


@pytest.mark.parametrize("row", MACHINES, ids=lambda row: row["ram"])
def test_sizes_of_known_machines(row: dict[str, str]) -> None:
    """Limit, bucket and shared cache equal the table for machines from 1 GB to 256 GB."""
    size = CacheSize.of(int(row["pages"]), int(row["ncpu"]), int(row["ndomains"]))

    assert size == CacheSize(
        limit=int(row["limit"]),
        bucket=int(row["bucket"]),
        full_buckets=int(row["full_bucket_cache"]),
    )


@pytest.mark.parametrize(
    ("npages", "ncpu", "ndomains", "expected"),
    [
        (524288, 8, 2, (524, 10, 264)),  # 3 * 8 + 2 buckets
        (16000, 4, 1, (16, 1, 8)),
        (8000, 4, 1, (8, 1, 0)),  # a bucket each of one page, nothing to share
        (7999, 4, 1, (7, 0, 7)),  # fewer pages than buckets: no cache
    ],
)
def test_sizes_at_the_edges(
    npages: int, ncpu: int, ndomains: int, expected: tuple[int, ...]
) -> None:
    """Several domains add buckets; a small domain has tiny ones, or none."""
    assert CacheSize(*expected) == CacheSize.of(npages, ncpu, ndomains)


def test_one_hold_serves_a_bucket(small: WholeVm) -> None:
    """The first request takes five pages at once and gives the last; four more need no lock."""
    first = small.alloc_noobj(NORMAL)
    assert (1, 4091) == (small.take_lock_holds(), small.free_count())

    rest = [small.alloc_noobj(NORMAL) for _ in range(4)]
    assert [4100, 4099, 4098, 4097, 4096] == [first, *rest]
    assert (0, 4091) == (small.take_lock_holds(), small.free_count())

    assert 4105 == small.alloc_noobj(NORMAL)
    assert (1, 4086) == (small.take_lock_holds(), small.free_count())


def test_last_page_in_is_the_first_out(small: WholeVm) -> None:
    """A freed page is the next one allocated, on its CPU."""
    a, b = small.alloc_noobj(NORMAL), small.alloc_noobj(NORMAL)
    small.free(b)
    small.free(a)

    assert (a, b) == (small.alloc_noobj(NORMAL), small.alloc_noobj(NORMAL))
    assert 1 == small.take_lock_holds()


def test_pools_and_cpus_have_their_own(small: WholeVm) -> None:
    """Another CPU, or another pool, fills a bucket of its own."""
    for pool, cpu in ((Pool.DEFAULT, 0), (Pool.DEFAULT, 1), (Pool.DIRECT, 0)):
        small.alloc_noobj(NORMAL, pool, cpu=cpu)

    assert 3 == small.take_lock_holds()
    assert (8, 4) == (small.cache_counts().pages, small.cache_counts(Pool.DIRECT).pages)
    assert 4096 - 15 == small.free_count()


def test_two_buckets_absorb_a_burst(small: WholeVm) -> None:
    """Ten frees fill both buckets of a CPU; ten requests swap and empty them: no lock."""
    pages = [small.alloc_noobj(NORMAL, cpu=0) for _ in range(10)]
    small.take_lock_holds()

    for m in pages:
        small.free(m, cpu=1)
    again = [small.alloc_noobj(NORMAL, cpu=1) for _ in range(10)]

    assert (0, 0) == (small.take_lock_holds(), small.cache_counts().exchanges)
    assert sorted(pages) == sorted(again)


def test_full_buckets_are_shared_before_the_lists_are_asked(small: WholeVm) -> None:
    """What one CPU frees beyond its buckets another takes, a bucket at a time."""
    pages = [small.alloc_noobj(NORMAL, cpu=0) for _ in range(20)]
    for m in pages:
        small.free(m, cpu=0)
    assert (4, 2) == (small.take_lock_holds(), small.cache_counts().exchanges)

    taken = [small.alloc_noobj(NORMAL, cpu=1) for _ in range(10)]

    assert (0, 4) == (small.take_lock_holds(), small.cache_counts().exchanges)
    assert set(taken) <= set(pages)


def test_a_bucket_too_many_goes_to_the_buddy_lists(small: WholeVm) -> None:
    """The shared cache stays below 20 pages: the sixth full bucket is released in one hold."""
    pages = [small.alloc_noobj(NORMAL) for _ in range(30)]
    small.take_lock_holds()
    for m in pages[:25]:
        small.free(m)
    assert (0, 25) == (small.take_lock_holds(), small.cache_counts().pages)
    before = small.free_count()

    for m in pages[25:]:
        small.free(m)

    assert (1, 1) == (small.take_lock_holds(), small.cache_counts().releases)
    assert (before + 5, 25) == (small.free_count(), small.cache_counts().pages)


@pytest.mark.parametrize("pagedaemon", [False, True])
def test_refill_is_refused_in_severe_shortage(small: WholeVm, pagedaemon: bool) -> None:
    """At the severe threshold a bucket is filled; below it, or by the page daemon, one page comes.

    That page is the buddy lists' and goes back to them.
    """
    severe = small.thresholds().free_severe
    short = 0 if pagedaemon else 1
    small.pages_alloc(INTERRUPT, small.free_count() - severe + short)

    m = small.alloc_noobj(SYSTEM, pagedaemon=pagedaemon)
    assert (severe - short - 1, 0) == (small.free_count(), small.cache_counts().pages)
    small.free(m)
    assert severe - short == small.free_count()
    assert 2 == small.take_lock_holds()

    if pagedaemon:
        small.alloc_noobj(SYSTEM)
        assert (severe - 5, 4) == (small.free_count(), small.cache_counts().pages)


def test_page_daemon_may_take_what_is_cached(small: WholeVm) -> None:
    """Only the refill is refused to the page daemon."""
    small.alloc_noobj(NORMAL)

    small.alloc_noobj(SYSTEM, pagedaemon=True)
    assert 3 == small.cache_counts().pages


def test_one_page_is_imported_when_a_bucket_is_refused(small: WholeVm) -> None:
    """Where NORMAL may have a page and not five, one comes through the cache, in one hold."""
    small.set_threshold("free_severe", 0)
    reserved = small.thresholds().free_reserved
    small.pages_alloc(INTERRUPT, small.free_count() - reserved - 4)

    m = small.alloc_noobj(NORMAL)
    assert (1, reserved + 3) == (small.take_lock_holds(), small.free_count())
    small.free(m)

    assert (0, 1) == (small.take_lock_holds(), small.cache_counts().pages)
    assert NO_PAGE != small.alloc_noobj(NORMAL)


def test_lists_may_hold_less_than_a_bucket(small: WholeVm) -> None:
    """A bucket is loaded with what there is, and the rest is counted back."""
    small.set_threshold("free_severe", 0)
    small.set_threshold("free_reserved", 0)
    kept = small.alloc_npages(4093)  # off the lists, not off the count

    small.alloc_noobj(NORMAL)
    assert (4093, 2) == (small.free_count(), small.cache_counts().pages)

    for m in kept:
        small.free_pages(m, 0)


def test_without_a_cache_each_page_takes_the_lock() -> None:
    """A domain too small for buckets imports and releases single pages."""
    vm = WholeVm.of_size(3000, ncpu=2)
    assert 0 == vm.cache_sizes[0].bucket

    vm.free(vm.alloc_noobj(NORMAL))

    assert (2, 3000) == (vm.take_lock_holds(), vm.free_count())
    assert 0 == vm.check_whole()
    vm.close()


def test_no_buckets_are_made_while_memory_is_short(small: WholeVm) -> None:
    """After a look at the free pages in shortage, pages come and go one at a time."""
    small.pages_alloc(INTERRUPT, small.free_count() - small.thresholds().free_min + 1)
    small.uma_timeout()
    before = small.free_count()

    small.free(small.alloc_noobj(NORMAL))

    assert (2, before) == (small.take_lock_holds(), small.free_count())
    assert (1, 1) == small.cache_counts()[:2]


def fill_shared_cache(vm: WholeVm) -> None:
    """Leave three full buckets in the shared cache, and ten pages with CPU 0."""
    pages = [vm.alloc_noobj(NORMAL) for _ in range(25)]
    for m in pages:
        vm.free(m)
    vm.take_lock_holds()
    assert 25 == vm.cache_counts().pages


def test_drain_releases_what_is_shared(small: WholeVm) -> None:
    """A drain takes one hold for each full bucket and leaves the CPUs theirs."""
    fill_shared_cache(small)

    small.uma_reclaim(drain=True)

    assert (3, 10) == (small.take_lock_holds(), small.cache_counts().pages)
    assert 4086 == small.free_count()


def test_drain_of_cpus_releases_everything(small: WholeVm) -> None:
    """After it no page is cached, and memory is one block again."""
    fill_shared_cache(small)

    small.uma_reclaim(drain_cpus=True)

    assert (5, 0) == (small.take_lock_holds(), small.cache_counts().pages)
    assert (4096, 1) == (small.free_count(), small.free_blocks()[12])


def test_trim_keeps_the_working_set(small: WholeVm) -> None:
    """Buckets that were taken since the last look stay; in quiet times the cache empties."""
    fill_shared_cache(small)
    taken = [small.alloc_noobj(NORMAL, cpu=1) for _ in range(10)]  # two of three buckets
    for m in taken:
        small.free(m, cpu=0)  # and back
    assert 25 == small.cache_counts().pages

    small.uma_reclaim()
    assert 20 == small.cache_counts().pages  # a batch of ten is remembered

    for _ in range(8):
        small.uma_reclaim()
    assert 10 == small.cache_counts().pages
    assert 3 == small.take_lock_holds()


def test_batches_before_a_new_maximum_count_as_working_set(small: WholeVm) -> None:
    """When the shared cache grows beyond what it was, the batch taken before is remembered."""
    pages = [small.alloc_noobj(NORMAL, cpu=0) for _ in range(25)]
    for m in pages[:20]:
        small.free(m, cpu=0)
    taken = [small.alloc_noobj(NORMAL, cpu=1) for _ in range(5)]  # one of two buckets
    for m in pages[20:] + taken:
        small.free(m, cpu=0)
    assert 25 == small.cache_counts().pages  # three buckets, one more than before

    small.uma_reclaim()
    assert 15 == small.cache_counts().pages


def test_working_set_is_forgotten_in_five_looks(small: WholeVm) -> None:
    """A batch of five counts as 5, 3, 2, 1 and 0 pages, and then no bucket is kept for it."""
    fill_shared_cache(small)
    taken = [small.alloc_noobj(NORMAL, cpu=1) for _ in range(5)]
    for _ in range(4):
        small.uma_timeout()

    small.uma_reclaim()

    assert 10 == small.cache_counts().pages
    for m in taken:
        small.free(m, cpu=1)
