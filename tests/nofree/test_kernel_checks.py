"""Checks V1 to V9 of the landed design, each by its name, and what is special to one design.

V1 to V6 and V8, V9 are promises of the queue of runs (D49480 as landed), and of every design that
takes pages back, with the chunks that it returned; V7 is one of the bump pointer.
"""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nofree.driver import PAGES, SYSTEM, Driver
from strategies import examples

from vmmodel.kernel import NO_PAGE, Mark, Pool, Vm
from vmmodel.nofree import Composition, IllegalFree, compose
from vmmodel.nofree.axes import FreePath, Structure
from vmmodel.nofree.base import Panic, serve_fallback

CHUNK = 512
STEPS = ["alloc", "alloc many", "free", "free many", "take", "fragment", "exhaust", "release"]
scripts = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 10**6)), max_size=40)


@pytest.fixture
def landed() -> Iterator[Driver]:
    """The landed design with fresh memory."""
    driver = Driver("freeable")
    yield driver
    driver.check()
    driver.close()


LIFO = ["freeable", "separate", "batch+separate", "freeable,structure=bump"]
"""Designs whose page freed last is used first."""
KEEPING = [
    *LIFO,
    "reclaim",
    "freeable,reuse=address",
    "freeable,structure=bitmap,reuse=address",
    "reclaim,structure=bump",
]
"""Designs that keep what is freed, as far as chunks do not return."""
keeping = pytest.mark.parametrize("name", KEEPING)


def act(driver: Driver, step: str, number: int) -> None:
    """Do one step of a script."""
    nofree = driver.in_use + driver.fallback
    if step.startswith("alloc"):
        for _ in range(1 if step == "alloc" else number % 700):
            driver.alloc_or_fall_back()
    elif step.startswith("free"):
        for _ in range(min(len(nofree), 1 if step == "free" else number % 50)):
            nofree = driver.in_use + driver.fallback
            driver.free(nofree[number % len(nofree)], own_way=True)
    elif step == "take":
        driver.take(1 + number % 900)
    elif step == "fragment":
        driver.fragment(2 + number % 600)
    elif step == "exhaust":
        driver.take(max(driver.vm.free_count() - number % 5, 0))
    else:
        driver.release(driver.ordinary[number % 3 :: 1 + number % 4])


def played(name: str, script: list[tuple[str, int]]) -> Iterator[Driver]:
    """Play a script on a design; give it after each step."""
    driver = Driver(name)
    for step, number in script:
        act(driver, step, number)
        yield driver
    driver.close()


@keeping
@examples(12)
@given(scripts)
def test_v1_run_lengths_sum_to_nofreeq_size(name: str, script: list[tuple[str, int]]) -> None:
    """V1: the lengths of the runs in the queue sum to `nofreeq_size`, after every step."""
    for driver in played(name, script):
        assert driver.design.nofreeq_size() == sum(n for _, n in driver.design.runs())


@keeping
@examples(12)
@given(scripts)
def test_v2_queue_and_users_have_all_imports(name: str, script: list[tuple[str, int]]) -> None:
    """V2: queued pages and pages in use are 512 an import and the captured fallback pages.

    Less what returned to the buddy lists, where chunks do.
    """
    for driver in played(name, script):
        books = driver.design.books
        assert driver.design.nofreeq_size() + len(driver.in_use) == (
            CHUNK * books.imports + books.captured - books.returned
        )


@keeping
@examples(12)
@given(st.lists(st.sampled_from(["alloc", "free", "free fallback", "fragment"]), max_size=60))
def test_v3_free_count_changes_by_imports_and_fallbacks_only(name: str, steps: list[str]) -> None:
    """V3: an import takes 512 from the free count, a fallback page 1; a free changes nothing.

    But for a chunk that returns with it.

    The other two parts of the check are about fallback pages from reservations and from the
    per-CPU page cache, neither of which is modelled yet.
    """
    driver = Driver(name, 1600)
    for step in steps:
        before, books = driver.vm.free_count(), driver.design.books
        imports, fallbacks, returned = books.imports, books.fallbacks, books.returned
        if step == "alloc":
            for _ in range(100):
                driver.alloc_or_fall_back()
        elif step == "free" and driver.in_use:
            driver.free(driver.in_use[0], own_way=True)
        elif step == "free fallback" and driver.fallback:
            driver.free(driver.fallback[0], own_way=True)
        elif step == "fragment":
            driver.fragment()
            continue
        taken = CHUNK * (books.imports - imports) + books.fallbacks - fallbacks
        taken -= books.returned - returned
        assert before - taken == driver.vm.free_count()
    driver.close()


@keeping
@examples(12)
@given(scripts)
def test_v4_import_only_with_an_empty_queue(name: str, script: list[tuple[str, int]]) -> None:
    """V4: while a page waits, nothing is imported."""
    for driver in played(name, script):
        waiting, imports = driver.design.runs(), driver.design.books.imports
        driver.alloc()
        if waiting:
            assert imports == driver.design.books.imports
            assert driver.in_use[-1] == waiting[0][0]


@pytest.mark.parametrize("name", LIFO)
@examples(20)
@given(script=scripts, count=st.integers(1, 60), data=st.data())
def test_v5_freed_pages_return_in_reverse(
    name: str, script: list[tuple[str, int]], count: int, data: st.DataObject
) -> None:
    """V5: after k frees the next k requests get those pages, the last one first."""
    driver = Driver(name)
    for step, number in script[:10]:
        act(driver, step, number)
    for _ in range(count):
        driver.alloc_or_fall_back()
    nofree = driver.in_use + driver.fallback
    freed = data.draw(st.permutations(nofree[:count]))
    for m in freed:
        driver.free(m, own_way=True)

    assert freed[::-1] == [driver.alloc() for _ in freed]
    driver.close()


@keeping
@examples(12)
@given(scripts)
def test_v6_counter_drifts_by_captured_pages(name: str, script: list[tuple[str, int]]) -> None:
    """V6: `v_nofree_count` is the queue's pages in use less the fallback pages captured so far."""
    for driver in played(name, script):
        books = driver.design.books
        assert len(driver.in_use) - books.captured == books.v_nofree_count


def test_v6_counter_can_be_negative(landed: Driver) -> None:
    """V6: one fallback page, freed, takes the counter below zero."""
    landed.fragment()
    landed.free(landed.alloc_or_fall_back(), own_way=True)

    assert -1 == landed.design.books.v_nofree_count


@examples(40)
@given(scripts)
def test_v7_bump_never_reuses_a_page(script: list[tuple[str, int]]) -> None:
    """V7: the bump pointer hands out no page twice, whatever callers give up."""
    for driver in played("bump:leak", script):
        assert len(driver.served) == len(set(driver.served))
        books = driver.design.books
        assert len(driver.served) == books.in_use + books.leaked == books.imported - books.idle


@examples(40)
@given(scripts)
def test_v8_buddies_are_merged(script: list[tuple[str, int]]) -> None:
    """V8: no two free buddies of one order: no step here frees without merging."""
    for driver in played("freeable", script):
        assert 0 == driver.vm.n_unmerged()


@keeping
@examples(12)
@given(scripts)
def test_v9_free_count_is_what_the_lists_hold(name: str, script: list[tuple[str, int]]) -> None:
    """V9: the free count is the pages on the buddy lists.

    It would be those and the unused pages inside reservations; reservations are not modelled yet.
    """
    for driver in played(name, script):
        assert driver.vm.free_count() == driver.vm.check()


def test_v9_admitted_import_can_still_fail(landed: Driver) -> None:
    """V9: 512 pages are admitted, no order-9 block is there, and the count is put right again."""
    landed.fragment()
    free = landed.vm.free_count()
    assert free >= CHUNK + 2
    assert not landed.vm.free_blocks()[9:].any()

    assert NO_PAGE == landed.alloc()
    assert (free, 1) == (landed.vm.free_count(), landed.design.books.failed_imports)


def test_landed_queue_by_hand(landed: Driver) -> None:
    """One import, three pages, two of them back: three runs, the last freed at the head."""
    a, b, c = (landed.alloc() for _ in range(3))
    landed.free(a, own_way=False)
    landed.free(c, own_way=False)

    assert [(c, 1), (a, 1), (c + 1, 509)] == landed.design.runs()
    assert (a + 1, a + 2) == (b, c)
    assert (1, 511, 1) == (
        landed.design.books.in_use,
        landed.design.books.idle,
        landed.design.books.v_nofree_count,
    )


def test_chunk_is_the_lowest_part_of_the_oldest_block() -> None:
    """The first chunk is the start of memory: an order-9 block of pool DEFAULT."""
    driver = Driver("freeable", 4096)

    assert [4096, 4097] == [driver.alloc(), driver.alloc()]
    assert 4096 - CHUNK == driver.vm.free_count()
    driver.close()


@pytest.mark.parametrize("order", [0, 4, 6, 8, 9, 10, 12])
@pytest.mark.parametrize("structure", [Structure.QUEUE, Structure.BUMP])
def test_import_order_is_a_choice(order: int, structure: Structure) -> None:
    """A design imports aligned blocks of the order it was given, no sooner than it needs them."""
    vm = Vm.of_size(3 << 12)
    design = compose(vm, Composition(structure, import_order=order))

    pages = [design.alloc(SYSTEM) for _ in range(1 << order)]
    assert list(range(pages[0], pages[0] + (1 << order))) == pages
    assert (0, 1, 1 << order) == (
        pages[0] % (1 << order),
        design.books.imports,
        design.books.imported,
    )
    design.alloc(SYSTEM)
    assert (2, 2 << order) == (design.books.imports, design.books.imported)
    vm.close()


@pytest.mark.parametrize("count", [513, 514])
def test_import_needs_two_pages_more_than_a_chunk(count: int) -> None:
    """513 free pages refuse a chunk at class SYSTEM although its block is there; 514 give it."""
    driver = Driver("freeable", count)

    assert (count == 514) == (driver.alloc() != NO_PAGE)
    driver.check()
    driver.close()


@examples(60)
@given(scripts)
def test_separate_equals_freeable_for_callers_who_say_so(script: list[tuple[str, int]]) -> None:
    """When every caller uses `free_nofree`, both queues give the same pages, books and lists."""
    for one, other in zip(played("freeable", script), played("separate", script), strict=True):
        assert (one.in_use, one.fallback) == (other.in_use, other.fallback)
        assert one.state() == other.state()
        assert one.design.books == other.design.books


def test_separate_keeps_the_assertion() -> None:
    """`vm_page_free()` of a NOFREE page panics, and of a fallback page too."""
    driver = Driver("separate")
    assert not driver.free(driver.alloc(), own_way=False)
    driver.fragment()
    driver.take(4096)
    driver.release(driver.ordinary[::2])
    while not driver.fallback:
        driver.alloc_or_fall_back()
    assert not driver.free(driver.fallback[0], own_way=False)
    assert driver.free(driver.fallback[0], own_way=True)
    driver.check()
    driver.close()


def test_bump_free_panics_on_a_debug_kernel() -> None:
    """A kernel with INVARIANTS stops, names the page, and has changed nothing."""
    driver = Driver("bump:panic")
    m = driver.alloc()

    with pytest.raises(Panic, match=rf"attempting to free a PG_NOFREE page \({m}\)"):
        driver.design.free(m)
    driver.check()
    driver.close()


def test_bump_free_escapes_on_a_release_kernel() -> None:
    """The page joins the general pool, one hole in its chunk, and anyone may get it next."""
    driver = Driver("bump:escape")
    m, after = driver.alloc(), driver.alloc()
    before = driver.vm.free_count()
    driver.free(m, own_way=False)

    assert (before + 1, 1) == (driver.vm.free_count(), driver.design.books.escaped)
    assert Mark.ORDINARY is driver.vm.marked(m)
    assert [m] == driver.take(1)
    assert after + 1 == driver.alloc()
    driver.check()
    driver.close()


def test_escaped_page_joins_the_pool_of_its_chunk() -> None:
    """A page that escapes goes to pool DEFAULT, where its chunk came from, not to another's."""
    driver = Driver("bump:escape", 2048)
    driver.take(300, Pool.DIRECT)
    driver.release(driver.ordinary[:])
    m = driver.alloc()
    driver.free(m, own_way=False)

    assert [[1], [0]] == driver.vm.free_blocks_by_list()[0, :, :1].tolist()
    driver.check()
    driver.close()


def test_bump_free_leaks_when_the_caller_knows() -> None:
    """The caller keeps the page for ever: in nobody's use, and in nobody's reach."""
    driver = Driver("bump:leak")
    m = driver.alloc()
    driver.free(m, own_way=True)

    assert (0, 1) == (driver.design.books.in_use, driver.design.books.leaked)
    assert Mark.LEAKED is driver.vm.marked(m)
    assert PAGES - CHUNK == driver.vm.free_count()
    driver.check()
    driver.close()


def test_bump_retries_a_failed_import() -> None:
    """A failed import is tried again at the next request, and then succeeds if it can."""
    driver = Driver("bump:leak")
    driver.fragment()
    for _ in range(3):
        assert NO_PAGE == driver.alloc()
    driver.release(driver.ordinary[:])

    assert NO_PAGE != driver.alloc()
    assert (1, 3) == (driver.design.books.imports, driver.design.books.failed_imports)
    driver.check()
    driver.close()


def test_ordinary_pages_come_back() -> None:
    """Without a NOFREE allocator a freed page is free for anyone, and nothing is left over."""
    driver = Driver("ordinary")
    pages = [driver.alloc() for _ in range(40)]
    for m in pages:
        driver.free(m, own_way=True)

    assert PAGES == driver.vm.free_count()
    assert (40, 40) == (driver.design.books.imported, driver.design.books.returned)
    driver.check()
    driver.close()


def test_refusal_needs_an_outcome_only_where_it_can_happen() -> None:
    """The separate design's panic is a choice too: its wrong frees can escape or leak."""
    vm = Vm.of_size(4096)
    design = compose(vm, Composition(free=FreePath.OWN, illegal=IllegalFree.LEAK))
    m = serve_fallback(vm, design.books, vm.page_alloc(SYSTEM, Pool.DIRECT))
    design.free(m)

    assert (1, 0) == (design.books.leaked_fallback, design.books.fallback)
    design.books.check()
    vm.close()
