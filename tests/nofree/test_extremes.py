"""Extreme values: where designs must be equal to the page, and what may only grow or shrink."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nofree.covering import COVERING
from nofree.driver import SYSTEM, Driver
from nofree.test_kernel_checks import played, scripts
from strategies import examples

from vmmodel.kernel import NO_PAGE, Pool, RequestClass, WholeVm
from vmmodel.nofree import Composition, compose, design
from vmmodel.nofree.axes import Fallback, Structure

Steps = list[tuple[str, int]]
without_frees = st.lists(
    st.tuples(st.sampled_from(["alloc", "alloc many", "take", "release"]), st.integers(0, 10**6)),
    max_size=25,
)
"""Demand and ordinary traffic, nothing goes wrong and nothing comes back."""


def choice_of(name: str) -> Composition:
    """What a design is put together from."""
    choice = design(name).choice
    assert choice is not None
    return choice


def idle_pages(driver: Driver) -> list[int]:
    """All idle pages, in ascending order."""
    return sorted(m for first, n in driver.design.runs() for m in range(first, first + n))


def same_memory(one: Driver, other: Driver) -> None:
    """The same pages are served, and the same are free, list by list."""
    assert (one.in_use, one.fallback) == (other.in_use, other.fallback)
    assert one.vm.checksum() == other.vm.checksum()
    assert one.vm.free_count() == other.vm.free_count()


def played_together(names: list[str], script: Steps) -> Iterator[list[Driver]]:
    """Play a script on several designs; give them after each step."""
    yield from map(list, zip(*(played(name, script) for name in names), strict=True))


PLAIN = [
    name
    for name in COVERING
    if choice_of(name).structure is not Structure.NONE
    and choice_of(name).fallback in (Fallback.SCATTER, Fallback.BREAK)
    and choice_of(name).import_order == 9
    and choice_of(name).import_pool is Pool.DEFAULT
]
"""Designs that import the same chunks, and then scatter."""


@examples(5)
@given(without_frees)
def test_without_failures_all_designs_with_chunks_are_equal(script: Steps) -> None:
    """As long as nothing comes back, structure, free path, batch, order and return are nothing."""
    assert {"bump:panic", "freeable", "separate", "batch", "reclaim"} < set(PLAIN)
    for first, *others in played_together(PLAIN, script):
        for other in others:
            same_memory(first, other)
            assert idle_pages(first) == idle_pages(other)


SAME_ORDER = [
    ["freeable", "freeable,structure=bump"],
    ["reclaim", "reclaim,structure=bump"],
    ["freeable,structure=bitmap,reuse=address", "freeable,reuse=address"],
    ["freeable,structure=bump,reuse=address", "freeable,reuse=address"],
    ["reclaim,structure=bitmap,reuse=address", "reclaim,reuse=address"],
    ["batch+separate", "batch+separate,structure=bump"],
    ["freeable,import=4", "freeable,structure=bump,import=4"],
]


@pytest.mark.parametrize("names", SAME_ORDER, ids=" ".join)
@examples(8)
@given(scripts)
def test_structure_decides_costs_and_nothing_else(names: list[str], script: Steps) -> None:
    """With one order of reuse, two structures serve the same pages whatever happens."""
    for one, other in played_together(names, script):
        same_memory(one, other)
        assert one.design.books == other.design.books
        assert idle_pages(one) == idle_pages(other)


@examples(15)
@given(scripts)
def test_import_order_0_is_the_ordinary_allocator(script: Steps) -> None:
    """Chunks of one page from the same pool, given back at once: `ordinary`, whatever happens."""
    assert choice_of("reclaim,import=0,pool=direct").fallback is Fallback.SCATTER
    for one, other in played_together(["ordinary", "reclaim,import=0,pool=direct"], script):
        same_memory(one, other)
        assert [] == other.design.runs()


@examples(8)
@given(without_frees)
def test_import_order_0_without_frees(script: Steps) -> None:
    """As long as nothing comes back, it does not matter whether a chunk of one page would."""
    names = ["ordinary", "freeable,import=0,pool=direct", "bump:leak,import=0,pool=direct"]
    for ordinary, queue, bump in played_together(names, script):
        same_memory(ordinary, queue)
        same_memory(ordinary, bump)


def test_import_order_0_is_not_ordinary_in_general() -> None:
    """From another pool, or after a free that is kept, chunks of one page are not `ordinary`."""
    first = {}
    for name in ("ordinary", "freeable,import=0", "freeable,import=0,pool=direct"):
        driver = Driver(name, 2048)
        driver.release(driver.take(7, Pool.DIRECT)[1:2])
        first[name] = driver.alloc()
        driver.free(first[name], own_way=True)
        assert (name == "ordinary") == (driver.design.nofreeq_size() == 0)
        driver.close()

    assert first["ordinary"] == first["freeable,import=0,pool=direct"]
    assert first["ordinary"] != first["freeable,import=0"]


@pytest.mark.parametrize("name", COVERING)
def test_without_pressure_nothing_falls_back(name: str) -> None:
    """In plenty of memory every page comes from a chunk of the import order."""
    driver = Driver(name, 5 << 12)
    for _ in range(300):
        assert driver.alloc_or_fall_back() != NO_PAGE

    books = driver.design.books
    assert (0, 0) == (books.fallbacks, books.failed_imports)
    if choice_of(name).structure is not Structure.NONE:
        order = choice_of(name).import_order
        assert -(-300 // (1 << order)) == books.imports == books.imported >> order
    driver.close()


@pytest.mark.parametrize("name", ["bump:leak", "freeable", "reclaim", "freeable,import=12"])
def test_more_memory_never_more_fallback(name: str) -> None:
    """The same demand in more memory, half of it in pieces, needs no more pages outside chunks."""
    outside = []
    for chunks in range(1, 7):
        driver = Driver(name, chunks << choice_of(name).import_order)
        driver.release(driver.take(driver.vm.npages // 2)[::2])
        for _ in range(600):
            driver.alloc_or_fall_back()
        outside.append(600 - driver.design.books.in_use)
        driver.close()

    assert sorted(outside, reverse=True) == outside
    assert outside[-1] < outside[0]


def whole_of_reservations() -> WholeVm:
    """Memory that lies in reservations, each with one page in use but for a few free pages."""
    vm = WholeVm.of_size(8 * 512)
    for object_ in range(8):
        assert vm.alloc_object(RequestClass.SYSTEM, object_ + 1, 0) != NO_PAGE
    assert not vm.free_blocks().any()
    return vm


@pytest.mark.parametrize("structure", [Structure.BUMP, Structure.QUEUE])
@pytest.mark.parametrize(("order", "had"), [(8, True), (4, True), (9, False), (10, False)])
def test_broken_reservation_has_no_room_for_a_superpage(
    structure: Structure, order: int, had: bool
) -> None:
    """One reservation is broken for a request; it has a page in use, so order 8 is the most."""
    vm = whole_of_reservations()
    pages = compose(vm, Composition(structure, fallback=Fallback.BREAK, import_order=order))

    assert had == (pages.alloc(SYSTEM) != NO_PAGE)

    assert 1 == vm.reservations().broken
    assert int(had) == pages.books.imports
    assert 2 - had == pages.books.failed_imports
    vm.close()


def test_nothing_to_break_is_scatter() -> None:
    """Without reservations breaking is as good as not trying."""
    for name in ("freeable", "freeable,fallback=break"):
        driver = Driver(name)
        driver.fragment(2)
        assert NO_PAGE == driver.alloc()
        assert 1 == driver.design.books.failed_imports
        driver.close()
