"""UMA zones: slabs for a bucket, where they are mapped, which of them may sleep."""

from collections.abc import Iterator

import pytest
from consumers.watched import LAYOUTS, Watch, check_conservation, new_memory, new_zone

from vmmodel.consumers.layout import uma_bucket_size
from vmmodel.consumers.memory import Injection, Memory
from vmmodel.consumers.steps import WouldSleep, run_now
from vmmodel.consumers.uma import zone_import
from vmmodel.kernel import Pool, RequestClass
from vmmodel.nofree import DESIGNS

NOTHING: tuple[Injection, ...] = ()
NO_PAGE_AT_ALL = Injection(page=0)


@pytest.fixture
def memory() -> Iterator[Memory]:
    """Memory under the landed design, conserved at the end."""
    fresh = new_memory("freeable")
    yield fresh
    check_conservation(fresh)
    fresh.vm.close()


@pytest.mark.parametrize(
    ("name", "bucket", "slabs", "left"),
    [("VM OBJECT", 30, 2, 0), ("PROC", 8, 3, 1), ("THREAD", 8, 1, 1), ("TURNSTILE", 62, 3, 1)],
)
def test_bucket_refill(memory: Memory, name: str, bucket: int, slabs: int, left: int) -> None:
    """A bucket of items needs as many slabs as the facts say; what is over stays in the keg."""
    zone = new_zone(name)

    assert bucket == uma_bucket_size(LAYOUTS[name][0])
    assert bucket == run_now(zone_import(zone, memory, bucket, iter(NOTHING)))

    assert (slabs, left) == (zone.slabs, zone.free_items)
    assert zone.pages == memory.design.books.in_use == memory.tally.requested_pages
    assert slabs == memory.tally.requests


def test_items_left_serve_the_next_bucket(memory: Memory) -> None:
    """Items that no bucket took are handed out before a slab is asked for."""
    zone = new_zone("PROC")
    run_now(zone_import(zone, memory, 8, iter(NOTHING)))

    assert 4 == run_now(zone_import(zone, memory, 4, iter(NOTHING)))

    assert (4, 0) == (zone.slabs, zone.free_items)


def test_first_slab_sleeps(memory: Memory) -> None:
    """The first slab of a bucket is M_WAITOK: without a page the thread sleeps."""
    with pytest.raises(WouldSleep):
        run_now(zone_import(new_zone("VM OBJECT"), memory, 30, iter([NO_PAGE_AT_ALL])))


@pytest.mark.parametrize("name", ["PROC", "VMSPACE"])
def test_later_slabs_do_not_sleep(memory: Memory, name: str) -> None:
    """Every slab after the first is M_NOWAIT: without a page the bucket stays short."""
    zone = new_zone(name)

    got = run_now(zone_import(zone, memory, 8, iter([Injection(), NO_PAGE_AT_ALL])))

    assert zone.layout.ipers == got
    assert (1, 0) == (zone.slabs, zone.free_items)
    assert (2, 1) == (memory.tally.requests, memory.tally.failed)


def test_items_at_hand_do_not_make_a_slab_sleep(memory: Memory) -> None:
    """A bucket begun with items at hand does not sleep for the slab that it still needs."""
    zone = new_zone("PROC")
    run_now(zone_import(zone, memory, 8, iter(NOTHING)))

    assert 1 == run_now(zone_import(zone, memory, 4, iter([NO_PAGE_AT_ALL])))


def test_short_bucket_at_exhaustion() -> None:
    """With five pages left above the floor, a zone of two-page slabs gets two of them."""
    memory, zone = new_memory("freeable", npages=300), new_zone("VMSPACE")
    memory.vm.pages_alloc(RequestClass.SYSTEM, 293, Pool.DEFAULT)

    got = run_now(zone_import(zone, memory, 100, iter(NOTHING)))

    assert (6, 2) == (got, zone.slabs)
    assert (1, 1) == (memory.tally.rollbacks, memory.tally.rolled_back_pages)
    assert (4, 1) == (memory.design.books.fallback, memory.design.books.captured)
    assert 2 == memory.vm.free_count()
    check_conservation(memory, ordinary=293)


def test_single_page_slab_is_in_the_direct_map(memory: Memory) -> None:
    """One page: one hold, one page zeroed, the keg's lock; no address, radix or page-table work."""
    watch = Watch()

    watch.run(zone_import(new_zone("VM OBJECT"), memory, 15, iter(NOTHING)))

    assert ["slab", "nofree-page"] == watch.operations
    assert 1 == watch.holds
    assert watch.work == {"zero_page": 1, "lock": 1, "slab_init": 15}


@pytest.mark.parametrize("design", [name for name in DESIGNS if not name.startswith("batch")])
def test_multi_page_slab_goes_through_kmem(design: str) -> None:
    """Four pages: four holds and the work of kmem_malloc(), then the keg's."""
    memory, watch = new_memory(design), Watch()

    watch.run(zone_import(new_zone("THREAD"), memory, 9, iter(NOTHING)))

    assert ["slab"] == watch.operations
    assert 4 == watch.holds
    expected = {"arena_alloc": 1, "radix_insert": 4, "zero_page": 4, "pte": 4, "slab_init": 9}
    assert watch.work == expected | {"lock": 1 + 1 + 4 + 1}


@pytest.mark.parametrize("design", DESIGNS)
def test_kasan_sends_single_pages_through_kmem(design: str) -> None:
    """On a KASAN kernel a slab of one page is mapped as any other."""
    memory, watch = new_memory(design, kasan=True), Watch()

    watch.run(zone_import(new_zone("VM OBJECT"), memory, 15, iter(NOTHING)))

    assert ["slab"] == watch.operations
    expected = {"arena_alloc": 1, "radix_insert": 1, "zero_page": 1, "pte": 1, "slab_init": 15}
    assert watch.work == expected | {"lock": 1 + 1 + 1 + 1}


@pytest.mark.parametrize(("kasan", "shootdowns"), [(False, 0), (True, 1)])
def test_failed_set_up_unmaps_what_was_mapped(kasan: bool, shootdowns: int) -> None:
    """A slab that goes back needs a shootdown only if it had addresses of its own."""
    memory, watch, zone = new_memory("freeable", kasan=kasan), Watch(), new_zone("VM OBJECT")

    injections = iter([Injection(), Injection(init=True)])
    assert 15 == watch.run(zone_import(zone, memory, 30, injections))

    assert shootdowns == watch.work["shootdown"]
    assert [("init-failure", 1)] == watch.events
    assert (1, 511) == (memory.design.books.in_use, memory.design.books.idle)
    assert (1, 0) == (zone.slabs, zone.free_items)
