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
from nofree.driver import PAGES, SYSTEM, Driver
from strategies import examples, pools

from vmmodel.kernel import NO_PAGE, Mark, Pool, RequestClass
from vmmodel.nofree import BASELINE, DESIGNS

each_design = pytest.mark.parametrize("name", DESIGNS)
batching = [name for name in DESIGNS if Driver(name, 64).design.batches]


@pytest.fixture
def driver(name: str) -> Iterator[Driver]:
    """A design with fresh memory, its books checked at the end."""
    fresh = Driver(name)
    yield fresh
    fresh.check()
    fresh.close()


def test_designs_have_names_and_words() -> None:
    """Every design says what it is and where it comes from, and the baseline is one of them."""
    assert BASELINE in DESIGNS
    for design in DESIGNS.values():
        assert "" not in (design.title, design.summary, design.source)
    titles = [design.title for design in DESIGNS.values()]
    assert len(titles) == len(set(titles))


@each_design
def test_new_design_holds_nothing(driver: Driver) -> None:
    """A design takes no memory before it is asked."""
    assert (0, []) == (driver.design.nofreeq_size(), driver.design.runs())
    assert PAGES == driver.vm.free_count()


@each_design
def test_pages_are_distinct(driver: Driver) -> None:
    """Until memory ends every page is a new one, and a check on the way finds the books right."""
    for number in range(PAGES):
        if driver.alloc_or_fall_back() == NO_PAGE:
            break
        if number % 100 == 0:
            driver.check()

    served = driver.in_use + driver.fallback
    assert len(served) == len(set(served))
    assert 2 == driver.vm.free_count()  # what class SYSTEM may not take
    assert PAGES == len(served) + 2


@each_design
@pytest.mark.parametrize("left", [0, 1, 2])
def test_failed_request_leaves_everything_as_it_was(driver: Driver, left: int) -> None:
    """Without memory a request fails, counts a failed import, and changes nothing else."""
    driver.take(PAGES - left)

    for failures in (1, 2):
        assert NO_PAGE == driver.alloc()
        assert failures == driver.design.books.failed_imports


@each_design
def test_request_class_is_heeded(driver: Driver) -> None:
    """Below the reserve a NORMAL request is refused where a SYSTEM request is served."""
    wanted = 512 if driver.design.falls_back else 1
    driver.vm.set_threshold("free_reserved", PAGES - wanted + 1)
    assert NO_PAGE == driver.alloc(RequestClass.NORMAL)
    driver.vm.set_threshold("free_reserved", PAGES - wanted)
    assert NO_PAGE != driver.alloc(RequestClass.NORMAL)

    driver.vm.set_threshold("free_reserved", PAGES)
    assert NO_PAGE != driver.alloc(SYSTEM)


@each_design
def test_fallback_pages_are_outside_of_chunks(driver: Driver) -> None:
    """With memory in pieces no chunk can be had: pages are fallback, and no import succeeds."""
    driver.fragment()

    pages = [driver.alloc_or_fall_back() for _ in range(5)]

    assert NO_PAGE not in pages
    if driver.design.falls_back:
        assert (0, 5, 5) == (
            driver.design.books.imported,
            driver.design.books.fallback,
            driver.design.books.failed_imports,
        )


@each_design
@pytest.mark.parametrize("own_way", [True, False])
def test_freed_fallback_page_is_accounted_for(driver: Driver, own_way: bool) -> None:
    """A fallback page that is freed is captured, escapes, leaks or stays, and the books say so."""
    driver.fragment()
    m = driver.alloc_or_fall_back()
    before = driver.vm.free_count()

    freed = driver.free(m, own_way=own_way)

    driver.check()
    books = driver.design.books
    if driver.design.falls_back:
        outcomes = (books.captured, books.escaped_fallback, books.leaked_fallback)
        assert int(freed) == sum(outcomes)
        assert before + books.escaped_fallback == driver.vm.free_count()


@each_design
def test_design_lives_on_after_exhaustion(driver: Driver) -> None:
    """When memory comes back, chunks are imported again."""
    taken = driver.take(PAGES)
    assert NO_PAGE == driver.alloc()
    driver.release(taken)

    assert NO_PAGE != driver.alloc()
    assert driver.design.falls_back == driver.design.books.imports


@each_design
def test_tie_of_books_to_memory(driver: Driver) -> None:
    """Check ordinary + free + imported == all memory, at each step of filling it."""
    for _ in range(4):
        for _ in range(150):
            driver.alloc()
        driver.take(100)
        books = driver.design.books
        inside = books.imported - books.escaped - books.returned
        assert PAGES == len(driver.ordinary) + driver.vm.check() + inside


@pytest.mark.parametrize("name", batching)
class TestBatch:
    """Designs that serve several pages at once serve all of them or none."""

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

    def test_refused_batch_keeps_the_tail(self, driver: Driver) -> None:
        """Without another chunk a request beyond the tail is refused, and the tail stays."""
        driver.alloc_batch(510)
        driver.take(PAGES)

        assert [] == driver.alloc_batch(3)
        assert 2 == driver.design.nofreeq_size()
        assert 2 == len(driver.alloc_batch(2))

    def test_more_than_tail_and_chunk_is_refused(self, driver: Driver) -> None:
        """A request that two imports would have to serve is refused, whatever is free."""
        driver.alloc_batch(1)

        assert [] == driver.alloc_batch(511 + 512 + 1)
        assert 511 + 512 == len(driver.alloc_batch(511 + 512))

    def test_batch_of_one_is_a_page(self, driver: Driver) -> None:
        """One page by batch and one page by itself come from the same place."""
        first = driver.alloc_batch(1)[0]

        assert first + 1 == driver.alloc()


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

    @precondition(lambda self: self.driver.design.batches)
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


@each_design
def test_any_sequence_keeps_the_books(name: str) -> None:
    """After any sequence the books, the map, the queue and the free lists agree."""
    machine = type(f"{name}Machine", (DesignMachine,), {"name": name})

    run_state_machine_as_test(machine, settings=examples(25))


@each_design
def test_marks_say_what_pages_are(driver: Driver) -> None:
    """The map of memory knows a page in use, its idle neighbours and ordinary pages apart."""
    m, other = driver.alloc(), driver.take(1, Pool.DIRECT)[0]

    assert (Mark.IN_USE, Mark.ORDINARY) == (driver.vm.marked(m), driver.vm.marked(other))
    for first, length in driver.design.runs():
        assert Mark.IDLE is driver.vm.marked(first + length - 1)
