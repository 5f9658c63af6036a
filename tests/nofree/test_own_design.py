"""A design of a reader's own: a stack of single pages, in the lines that it takes."""

import pytest
from nofree.driver import Driver
from sim.tiny import small_script

from vmmodel.kernel import NO_PAGE
from vmmodel.nofree import DESIGNS, Design, Traits
from vmmodel.nofree.base import Books, Mark, Pool, RequestClass, Vm, hand_out, import_chunk
from vmmodel.nofree.base import taken_back as taken
from vmmodel.sim.run import Machine


class Stack:
    """Idle pages on a stack that is no list of pages: a free is one store, 8 bytes a page."""

    traits = Traits(checks_every_free=True)

    def __init__(self, vm: Vm) -> None:
        self.vm, self.books = vm, Books()
        self.pages: list[int] = []

    def alloc(self, request_class: RequestClass) -> int:
        if not self.pages:
            first = import_chunk(self.vm, self.books, request_class, 9, Pool.DEFAULT)
            if first == NO_PAGE:
                return NO_PAGE
            self.pages += range(first + 511, first - 1, -1)
        self.vm.did(page_structs=1, percpu=1)
        return hand_out(self.vm, self.books, self.pages.pop())

    def alloc_batch(self, npages: int, request_class: RequestClass) -> list[int]:
        raise NotImplementedError

    def free(self, m: int) -> None:
        self.books.captured += taken(self.vm, self.books, m)
        self.books.idle += 1
        self.books.v_nofree_count -= 1
        self.vm.mark(m, Mark.IDLE)
        self.vm.did(page_structs=1, percpu=1, branches=1)
        self.pages.append(m)

    def free_nofree(self, m: int) -> None:
        self.free(m)

    def nofreeq_size(self) -> int:
        return len(self.pages)

    def runs(self) -> list[tuple[int, int]]:
        return [(m, 1) for m in reversed(self.pages)]


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of the own design, known as long as the test lasts."""
    own = Design(Stack, "a stack", "single pages on a stack", "a reader's own")
    monkeypatch.setitem(DESIGNS, "stack", own)
    return "stack"


def test_own_design_keeps_the_books(stack: str) -> None:
    """The driver of the contract takes it as any other."""
    driver = Driver(stack)
    pages = [driver.alloc_or_fall_back() for _ in range(600)]
    for m in pages[::3]:
        driver.free(m, own_way=True)
    driver.check()

    assert pages[0:600:3][::-1] == [driver.alloc() for _ in pages[::3]]
    driver.close()


@pytest.mark.parametrize("scenario", ["syzkaller", "init-failure", "misuse"])
def test_own_design_places_pages_as_a_queue_does(stack: str, scenario: str) -> None:
    """Under a clock it differs from the landed design in cost alone: it has no list to keep."""
    script = small_script(scenario)
    own, landed = Machine(script, stack).run(5).run, Machine(script, "freeable").run(5).run

    for column in ("in_use", "idle", "imports", "captured", "rollbacks", "init_failures"):
        assert landed[column] == own[column]
    assert own["lock_hold_ns"] < landed["lock_hold_ns"]


def test_choices_of_an_own_class_cannot_be_varied(stack: str) -> None:
    """A design that is not made of parts has no choice to change."""
    from vmmodel.errors import InputError
    from vmmodel.nofree import design

    with pytest.raises(InputError, match="'stack' is not made of parts, expected its name alone"):
        design(f"{stack},import=4")
