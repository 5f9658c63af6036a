"""Three routes by which a NOFREE page comes back, and what each design makes of them, by hand.

Memory has 2048 pages from 4096 on, so the first chunk is pages 4096 to 4607.
"""

import pytest
from consumers.watched import check_conservation, new_memory, new_zone
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from vmmodel.consumers.kmem import kmem_malloc
from vmmodel.consumers.memory import Injection, Memory
from vmmodel.consumers.page import alloc_object_page
from vmmodel.consumers.steps import WouldSleep, run_now
from vmmodel.consumers.uma import keg_alloc_slab, zone_import
from vmmodel.kernel import NO_PAGE, Pool, RequestClass
from vmmodel.nofree import DESIGNS
from vmmodel.nofree.base import Books, Panic

Run = list[tuple[int, int]]
PAGES = 2048


def chunk(idle: int, **columns: int) -> Books:
    """Books after one import, with *idle* pages left."""
    return Books(imports=1, imported=512, idle=idle, **columns)


def ordinary(pages: int) -> Books:
    """Books of the design without chunks, after *pages* came and went."""
    return Books(imported=pages, returned=pages)


def rollback(memory: Memory) -> None:
    """R1: the third of four pages cannot be had."""
    failed = kmem_malloc(memory, 4, waitok=False, injection=Injection(page=2))
    assert run_now(failed) is None


def second_resource(memory: Memory) -> None:
    """R2: one page of an object is obtained, its radix node is not."""
    assert NO_PAGE == run_now(alloc_object_page(memory, Injection(second=0)))


def second_resource_in_a_loop(memory: Memory) -> None:
    """R2 inside R1: the radix node of the second of four pages cannot be had."""
    failed = kmem_malloc(memory, 4, waitok=False, injection=Injection(second=1))
    assert run_now(failed) is None


def item_set_up(memory: Memory) -> None:
    """R3: a slab of four pages is there, the set-up of an item in it fails."""
    assert not run_now(keg_alloc_slab(new_zone("THREAD"), memory, Injection(init=True)))


def item_set_up_in_direct_map(memory: Memory) -> None:
    """R3: the same with a slab of one page."""
    assert not run_now(keg_alloc_slab(new_zone("VM OBJECT"), memory, Injection(init=True)))


ONES = [*((m, 1) for m in (4099, 4098, 4097, 4096)), (4100, 508)]
"""Four pages that came back in ascending order, and the rest of their chunk."""
RETURNED = ("reclaim", Books(imports=1, imported=512, returned=512), [], 2048)
"""The last page that comes back takes its chunk with it."""

# design, books, idle runs, free pages
EXPECTED = {
    rollback: [
        ("ordinary", ordinary(2), [], 2048),
        ("bump:escape", chunk(510, escaped=2, v_nofree_count=2), [(4098, 510)], 1536 + 2),
        ("bump:leak", chunk(510, leaked=2, v_nofree_count=2), [(4098, 510)], 1536),
        ("freeable", chunk(512), [(4097, 1), (4096, 1), (4098, 510)], 1536),
        ("separate", chunk(512), [(4097, 1), (4096, 1), (4098, 510)], 1536),
        ("batch", Books(), [], 2048),
        ("batch-partial", chunk(510, leaked=2, v_nofree_count=2), [(4098, 510)], 1536),
        RETURNED,
        ("batch+separate", Books(), [], 2048),
    ],
    second_resource: [
        ("ordinary", ordinary(1), [], 2048),
        ("bump:escape", chunk(511, escaped=1, v_nofree_count=1), [(4097, 511)], 1536 + 1),
        ("bump:leak", chunk(511, leaked=1, v_nofree_count=1), [(4097, 511)], 1536),
        ("freeable", chunk(512), [(4096, 1), (4097, 511)], 1536),
        ("separate", chunk(512), [(4096, 1), (4097, 511)], 1536),
        ("batch", chunk(511, leaked=1, v_nofree_count=1), [(4097, 511)], 1536),
        ("batch-partial", chunk(511, leaked=1, v_nofree_count=1), [(4097, 511)], 1536),
        RETURNED,
        ("batch+separate", chunk(512), [(4096, 1), (4097, 511)], 1536),
    ],
    second_resource_in_a_loop: [
        ("ordinary", ordinary(2), [], 2048),
        ("bump:escape", chunk(510, escaped=2, v_nofree_count=2), [(4098, 510)], 1536 + 2),
        ("bump:leak", chunk(510, leaked=2, v_nofree_count=2), [(4098, 510)], 1536),
        ("freeable", chunk(512), [(4096, 1), (4097, 1), (4098, 510)], 1536),
        ("separate", chunk(512), [(4096, 1), (4097, 1), (4098, 510)], 1536),
        ("batch", chunk(508, leaked=4, v_nofree_count=4), [(4100, 508)], 1536),
        ("batch-partial", chunk(508, leaked=4, v_nofree_count=4), [(4100, 508)], 1536),
        RETURNED,
        ("batch+separate", chunk(512), ONES, 1536),
    ],
    item_set_up: [
        ("ordinary", ordinary(4), [], 2048),
        ("bump:escape", chunk(508, escaped=4, v_nofree_count=4), [(4100, 508)], 1536 + 4),
        ("bump:leak", chunk(508, leaked=4, v_nofree_count=4), [(4100, 508)], 1536),
        ("freeable", chunk(512), ONES, 1536),
        ("separate", chunk(512), ONES, 1536),
        ("batch", chunk(508, leaked=4, v_nofree_count=4), [(4100, 508)], 1536),
        ("batch-partial", chunk(508, leaked=4, v_nofree_count=4), [(4100, 508)], 1536),
        RETURNED,
        ("batch+separate", chunk(512), ONES, 1536),
    ],
    item_set_up_in_direct_map: [
        ("ordinary", ordinary(1), [], 2048),
        ("bump:escape", chunk(511, escaped=1, v_nofree_count=1), [(4097, 511)], 1536 + 1),
        ("bump:leak", chunk(511, leaked=1, v_nofree_count=1), [(4097, 511)], 1536),
        ("freeable", chunk(512), [(4096, 1), (4097, 511)], 1536),
        ("separate", chunk(512), [(4096, 1), (4097, 511)], 1536),
        ("batch", chunk(511, leaked=1, v_nofree_count=1), [(4097, 511)], 1536),
        ("batch-partial", chunk(511, leaked=1, v_nofree_count=1), [(4097, 511)], 1536),
        RETURNED,
        ("batch+separate", chunk(512), [(4096, 1), (4097, 511)], 1536),
    ],
}
CASES = [
    pytest.param(route, *case, id=f"{route.__name__}-{case[0]}")
    for route, cases in EXPECTED.items()
    for case in cases
]


@pytest.mark.parametrize(("route", "design", "books", "runs", "free"), CASES)
def test_books(route, design: str, books: Books, runs: Run, free: int) -> None:  # type: ignore[no-untyped-def]
    """Each route leaves the books, the idle runs and the free count that were worked out."""
    memory = new_memory(design, PAGES)

    route(memory)

    assert books == memory.design.books
    assert runs == memory.design.runs()
    assert free == memory.vm.free_count()
    check_conservation(memory)


def test_every_design_is_worked_out() -> None:
    """The table has every design once for each route; the one that panics has its own tests."""
    for cases in EXPECTED.values():
        assert [name for name in DESIGNS if name != "bump:panic"] == [case[0] for case in cases]


@pytest.mark.parametrize(
    ("route", "in_use"),
    [(rollback, 2), (second_resource, 1), (second_resource_in_a_loop, 2), (item_set_up, 4)],
)
def test_panic(route, in_use: int) -> None:  # type: ignore[no-untyped-def]
    """A kernel with INVARIANTS stops at the first page that comes back, nothing yet freed."""
    memory = new_memory("bump:panic", PAGES)

    with pytest.raises(Panic, match="attempting to free a PG_NOFREE page"):
        route(memory)

    assert chunk(512 - in_use, in_use=in_use, v_nofree_count=in_use) == memory.design.books


@pytest.mark.parametrize(
    ("design", "books"),
    [
        ("bump:escape", Books(fallbacks=2, escaped_fallback=2, failed_imports=2)),
        ("bump:leak", Books(fallbacks=2, leaked_fallback=2, failed_imports=2)),
        ("freeable", Books(fallbacks=2, captured=2, idle=2, v_nofree_count=-2, failed_imports=2)),
        ("separate", Books(fallbacks=2, captured=2, idle=2, v_nofree_count=-2, failed_imports=2)),
        ("batch", Books()),
        ("batch-partial", Books(fallbacks=2, leaked_fallback=2, failed_imports=1)),
        ("reclaim", Books(fallbacks=2, captured=2, idle=2, v_nofree_count=-2, failed_imports=2)),
        ("batch+separate", Books()),
    ],
)
def test_fallback_pages_come_back(design: str, books: Books) -> None:
    """Without a chunk R1 gives back fallback pages: captured, escaped or leaked; counters drift."""
    memory = new_memory(design, npages=300)

    rollback(memory)

    assert books == memory.design.books
    check_conservation(memory)


def test_tally_of_routes() -> None:
    """What failed is counted once, by the route it took."""
    memory = new_memory("freeable", PAGES)
    for route in EXPECTED:
        route(memory)

    tally = memory.tally
    assert (2, 2, 3) == (tally.second_failures, tally.init_failures, tally.rolled_back_pages)
    assert 2 == tally.rollbacks
    assert (3, 1 + 4 + 1, 3) == (tally.requests, tally.requested_pages, tally.failed)


ZONES = ("VM OBJECT", "THREAD", "VMSPACE")
INJECTIONS = st.one_of(
    st.just(Injection()),
    st.builds(Injection, page=st.integers(-1, 4), second=st.integers(-1, 4), init=st.booleans()),
)
REQUESTS = st.lists(st.tuples(st.integers(-1, len(ZONES) - 1), INJECTIONS), max_size=30)


@pytest.mark.parametrize("design", [name for name in DESIGNS if name != "bump:panic"])
@given(requests=REQUESTS, spare=st.integers(0, 700), kasan=st.booleans())
@examples(20)
def test_conservation(
    design: str, requests: list[tuple[int, Injection]], spare: int, kasan: bool
) -> None:
    """Whatever fails in whatever order, near exhaustion or not, no page is lost or made."""
    memory = new_memory(design, npages=1300, kasan=kasan)
    zones = [new_zone(name) for name in ZONES]
    held = memory.vm.pages_alloc(RequestClass.SYSTEM, 1298 - spare, Pool.DEFAULT)
    objects = 0
    for zone, injection in requests:
        try:
            if zone < 0:
                objects += run_now(alloc_object_page(memory, injection)) != NO_PAGE
            else:
                run_now(zone_import(zones[zone], memory, 40, iter([Injection(), injection])))
        except WouldSleep:
            pass
        check_conservation(memory, ordinary=len(held))
        books = memory.design.books
        assert books.in_use + books.fallback == objects + sum(zone.pages for zone in zones)
    memory.vm.close()
