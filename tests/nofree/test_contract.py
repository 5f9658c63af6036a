"""What every design promises, run for each of them."""

from collections.abc import Iterator

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from nofree.covering import COVERING, OTHERS, every_composition, pairs_of
from nofree.driver import PAGES, SYSTEM, Driver, pages_for
from strategies import examples, pools

from vmmodel.kernel import NO_PAGE, Mark, Pool, RequestClass
from vmmodel.nofree import BASELINE, DESIGNS, IMPORT_ORDERS, Composition, design
from vmmodel.nofree.axes import ChunkReturn, Fallback, FreePath, MultiPage, Structure

each_design = pytest.mark.parametrize("name", COVERING)


def choice_of(name: str) -> Composition:
    """What a design is put together from."""
    choice = design(name).choice
    assert choice is not None
    return choice


def has_chunks(name: str) -> bool:
    """Whether the design imports anything."""
    return choice_of(name).structure is not Structure.NONE


batching = [name for name in COVERING if choice_of(name).multi_page is not MultiPage.LOOP]


@pytest.fixture
def driver(name: str) -> Iterator[Driver]:
    """A design with fresh memory, its books checked at the end."""
    fresh = Driver(name, pages_for(name))
    yield fresh
    fresh.check()
    fresh.close()


def test_designs_have_names_and_words() -> None:
    """Every design says what it is and where it comes from, and the baseline is one of them."""
    assert BASELINE in DESIGNS
    for named in DESIGNS.values():
        assert "" not in (named.title, named.summary, named.source)
    titles = [named.title for named in DESIGNS.values()]
    assert len(titles) == len(set(titles))


def test_every_pair_of_choices_is_covered() -> None:
    """Whatever two choices can be built together, some design of this suite has both."""
    possible = set().union(*map(pairs_of, every_composition()))
    covered = set().union(*(pairs_of(choice_of(name)) for name in COVERING))

    assert possible == covered


@each_design
def test_new_design_holds_nothing(driver: Driver) -> None:
    """A design takes no memory before it is asked."""
    assert (0, []) == (driver.design.nofreeq_size(), driver.design.runs())
    assert driver.vm.npages == driver.vm.free_count()


@each_design
def test_pages_are_distinct(driver: Driver, name: str) -> None:
    """Until memory ends every page is a new one, and a check on the way finds the books right."""
    pages = driver.vm.npages
    for number in range(pages):
        if driver.alloc_or_fall_back() == NO_PAGE:
            break
        if number % 400 == 0:
            driver.check()

    served = driver.in_use + driver.fallback
    assert len(served) == len(set(served))
    left = driver.vm.free_count()
    assert pages == len(served) + left
    if driver.design.traits.waits:  # for a chunk: less than that, and 2 for class INTERRUPT
        assert left < (1 << choice_of(name).import_order) + 2 or not has_block(driver, name)
    else:
        assert 2 == left


def has_block(driver: Driver, name: str) -> bool:
    """Whether the free lists have room for a chunk."""
    return bool(driver.vm.free_blocks()[choice_of(name).import_order :].any())


@each_design
@pytest.mark.parametrize("left", [0, 1, 2])
def test_failed_request_leaves_everything_as_it_was(driver: Driver, name: str, left: int) -> None:
    """Without memory a request fails, counts its failed imports, and changes nothing else."""
    driver.fill(left)
    choice = choice_of(name)
    tries = 1
    if choice.fallback is Fallback.SMALLER:
        tries = sum(order <= choice.import_order for order in IMPORT_ORDERS)

    for failures in (1, 2):
        assert NO_PAGE == driver.alloc()
        assert failures * tries == driver.design.books.failed_imports


@each_design
def test_request_class_is_heeded(driver: Driver, name: str) -> None:
    """Below the reserve a NORMAL request is refused where a SYSTEM request is served."""
    choice, pages = choice_of(name), driver.vm.npages
    wanted = 1 << choice.import_order
    if not has_chunks(name) or choice.fallback is Fallback.SMALLER:
        wanted = 1
    driver.vm.set_threshold("free_reserved", pages - wanted + 1)
    assert NO_PAGE == driver.alloc(RequestClass.NORMAL)
    driver.vm.set_threshold("free_reserved", pages - wanted)
    assert NO_PAGE != driver.alloc(RequestClass.NORMAL)

    driver.vm.set_threshold("free_reserved", pages)
    assert NO_PAGE != driver.alloc(SYSTEM)


def needs_blocks(name: str) -> bool:
    """Whether the design has nothing to import where no two free pages are neighbours."""
    choice = choice_of(name)
    single = choice.import_order == 0 or choice.fallback is Fallback.SMALLER
    return has_chunks(name) and not single


@pytest.mark.parametrize("name", [*filter(needs_blocks, COVERING)])
def test_fallback_pages_are_outside_of_chunks(driver: Driver) -> None:
    """With memory in pieces no chunk can be had: pages are fallback, and no import succeeds.

    Who waits for a chunk gets none.
    """
    driver.fragment(2)

    pages = [driver.alloc_or_fall_back() for _ in range(5)]

    books = driver.design.books
    served = 5 * driver.design.traits.falls_back
    assert served == len(set(pages) - {NO_PAGE})
    assert (0, served, 5) == (books.imported, books.fallback, books.failed_imports)


@each_design
@pytest.mark.parametrize("own_way", [True, False])
def test_freed_fallback_page_is_accounted_for(driver: Driver, own_way: bool) -> None:
    """A fallback page that is freed is captured, escapes, leaks or stays, and the books say so."""
    driver.fragment(2)
    driver.alloc_or_fall_back()
    if not driver.fallback:
        return
    before = driver.vm.free_count()

    freed = driver.free(driver.fallback[0], own_way=own_way)

    driver.check()
    books = driver.design.books
    outcomes = (books.captured, books.escaped_fallback, books.leaked_fallback)
    assert int(freed) == sum(outcomes)
    assert before + books.escaped_fallback == driver.vm.free_count()


@each_design
def test_design_lives_on_after_exhaustion(driver: Driver, name: str) -> None:
    """When memory comes back, chunks are imported again."""
    driver.fill(0)
    assert NO_PAGE == driver.alloc()
    driver.release(driver.ordinary[:])

    assert NO_PAGE != driver.alloc()
    assert has_chunks(name) == driver.design.books.imports


@each_design
def test_tie_of_books_to_memory(driver: Driver) -> None:
    """Check ordinary + free + imported == all memory, at each step of filling it."""
    for _ in range(4):
        for _ in range(150):
            driver.alloc()
        driver.take(100)
        books = driver.design.books
        inside = books.imported - books.escaped - books.returned
        assert driver.vm.npages == len(driver.ordinary) + driver.vm.check() + inside


def takes_back(name: str) -> bool:
    """Whether freed pages are kept, and used again."""
    return has_chunks(name) and choice_of(name).free is not FreePath.NONE


@pytest.mark.parametrize("name", [*filter(takes_back, COVERING)])
def test_what_came_back_is_used_before_anything_is_imported(driver: Driver, name: str) -> None:
    """V4: while a page waits nothing is imported, so the same pages serve the next requests.

    But for chunks that went back whole when their last page did.
    """
    pages = [driver.alloc() for _ in range(20)]
    imports = driver.design.books.imports
    for m in pages:
        driver.free(m, own_way=True)
    again = [driver.alloc() for _ in range(20)]

    if choice_of(name).chunk_return is ChunkReturn.NONE:
        assert sorted(pages) == sorted(again)
        assert imports == driver.design.books.imports
    else:
        assert driver.design.books.returned > 0


@pytest.mark.parametrize("name", [n for n in COVERING if not takes_back(n) and has_chunks(n)])
def test_v7_without_a_free_path_no_page_serves_twice(driver: Driver) -> None:
    """V7: a design without a free path hands out no page twice unless it escaped in between."""
    pages = [driver.alloc() for _ in range(20)]
    for m in pages:
        driver.free(m, own_way=True)
    escaped = driver.design.books.escaped
    again = [driver.alloc() for _ in range(20)]

    assert escaped or set(pages).isdisjoint(again)


@pytest.mark.parametrize("name", batching)
def test_batch_takes_idle_pages_and_one_import(driver: Driver, name: str) -> None:
    """What idles and the chunk imported for the rest serve one request together."""
    driver.alloc()
    idle = driver.design.nofreeq_size()
    npages = idle + 3

    pages = driver.alloc_batch(npages)

    assert npages == len(pages)
    assert driver.design.books.imports == 2
    assert driver.design.nofreeq_size() == driver.design.books.imported - npages - 1


@pytest.mark.parametrize("name", ["batch", "batch-partial", "batch+separate"])
class TestBatch:
    """Designs with chunks of 2 MB that serve several pages at once."""

    def test_chunk_tail_is_used(self, driver: Driver) -> None:
        """The end of one chunk and the start of the next serve one request together."""
        driver.alloc_batch(510)
        pages = driver.alloc_batch(4)

        assert [510, 511, 0, 1] == [m % 512 for m in pages]
        assert (2, 514, 510) == (
            driver.design.books.imports,
            driver.design.books.in_use,
            driver.design.books.idle,
        )

    def test_whole_chunk_is_served(self, driver: Driver) -> None:
        """A request of exactly one chunk leaves nothing behind."""
        assert 512 == len(driver.alloc_batch(512))
        assert [] == driver.design.runs()

    def test_batch_of_one_is_a_page(self, driver: Driver) -> None:
        """One page by batch and one page by itself come from the same place."""
        first = driver.alloc_batch(1)[0]

        assert first + 1 == driver.alloc()

    def test_batch_beyond_the_tail(self, driver: Driver, name: str) -> None:
        """Without another chunk a request beyond the tail gets nothing, or partial: the tail."""
        driver.alloc_batch(510)
        driver.fill(0)

        got = 2 if driver.design.traits.partial else 0
        assert got == len(driver.alloc_batch(3))
        assert 2 - got == driver.design.nofreeq_size()

    def test_more_than_tail_and_chunk_is_refused(self, driver: Driver) -> None:
        """What two imports would have to serve is refused, or with partial given as far as one."""
        driver.alloc_batch(1)

        got = 511 + 512 if driver.design.traits.partial else 0
        assert got == len(driver.alloc_batch(511 + 512 + 1))


class DesignMachine(RuleBasedStateMachine):
    """Any sequence of requests, frees, ordinary traffic and exhaustion keeps the books."""

    name = ""

    @initialize(npages=st.sampled_from([PAGES, 513, 514, 1024, 5000]))
    def boot(self, npages: int) -> None:
        self.driver = Driver(self.name, npages)

    def teardown(self) -> None:
        if hasattr(self, "driver"):
            self.driver.close()

    @rule(times=st.one_of(st.integers(1, 4), st.integers(1, 520)))
    def alloc(self, times: int) -> None:
        for _ in range(times):
            if self.driver.alloc_or_fall_back() == NO_PAGE:
                return

    @rule(request_class=st.sampled_from(RequestClass))
    def alloc_as(self, request_class: RequestClass) -> None:
        self.driver.alloc(request_class)

    @precondition(lambda self: self.driver.design.traits.batches)
    @rule(npages=st.one_of(st.integers(1, 5), st.integers(1, 1100)))
    def alloc_batch(self, npages: int) -> None:
        self.driver.alloc_batch(npages)

    @precondition(lambda self: self.driver.in_use)
    @rule(data=st.data(), own_way=st.booleans(), times=st.integers(1, 30))
    def free(self, data: st.DataObject, own_way: bool, times: int) -> None:
        at = data.draw(st.integers(0, len(self.driver.in_use) - 1))
        for m in self.driver.in_use[at : at + times]:
            self.driver.free(m, own_way=own_way)

    @precondition(lambda self: self.driver.fallback)
    @rule(data=st.data(), own_way=st.booleans())
    def free_fallback(self, data: st.DataObject, own_way: bool) -> None:
        self.driver.free(data.draw(st.sampled_from(self.driver.fallback)), own_way=own_way)

    @rule(npages=st.one_of(st.integers(1, 5), st.integers(1, 2000)), pool=pools)
    def take(self, npages: int, pool: int) -> None:
        self.driver.take(npages, pool)

    @rule(left=st.integers(0, 4))
    def exhaust(self, left: int) -> None:
        self.driver.take(max(self.driver.vm.free_count() - left, 0))

    @rule(keep=st.sampled_from([2, 64, 511]))
    def fragment(self, keep: int) -> None:
        self.driver.fragment(keep)

    @rule(step=st.integers(1, 5), offset=st.integers(0, 4))
    def release(self, step: int, offset: int) -> None:
        self.driver.release(self.driver.ordinary[offset::step])

    @invariant()
    def account_is_right(self) -> None:
        if hasattr(self, "driver"):
            self.driver.check()


@pytest.mark.parametrize("name", [*DESIGNS, *OTHERS[::3]])
def test_any_sequence_keeps_the_books(name: str) -> None:
    """After any sequence the books, the map, the queue and the free lists agree."""
    machine = type("Machine", (DesignMachine,), {"name": name})

    run_state_machine_as_test(machine, settings=examples(25 if name in DESIGNS else 12))


@each_design
def test_marks_say_what_pages_are(driver: Driver) -> None:
    """The map of memory knows a page in use, its idle neighbours and ordinary pages apart."""
    m, other = driver.alloc(), driver.take(1, Pool.DIRECT)[0]

    assert (Mark.IN_USE, Mark.ORDINARY) == (driver.vm.marked(m), driver.vm.marked(other))
    for first, length in driver.design.runs():
        assert Mark.IDLE is driver.vm.marked(first + length - 1)
