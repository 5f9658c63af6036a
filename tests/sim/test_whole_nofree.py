"""What the landed design promises, V1 to V9 of the kernel's facts, while page traffic goes on."""

from typing import Any

import pytest
from sim.whole_scripts import Case, random_case
from sim.whole_tiny import CLOCKS, VM_OBJECT, machine_of
from traffic.small import MS, timeline

from vmmodel.consumers.memory import Injection
from vmmodel.kernel import NO_PAGE, Mark
from vmmodel.kernel.cstruct import CHECKED
from vmmodel.nofree import Nofree
from vmmodel.nofree.base import sum_books
from vmmodel.sim.whole import WholeMachine
from vmmodel.traffic import Kind, Op
from vmmodel.traffic.machine import object_rows

pytestmark = pytest.mark.skipif(CHECKED, reason="minutes where nothing is compiled")
SEEDS = range(100, 108)
ACCOUNT = ("fallbacks", "fallback", "init_failures", "second_failures", "captured")


class Watch:
    """A NOFREE design with an eye on everything it does."""

    def __init__(self, machine: WholeMachine) -> None:
        self.vm, self.design = machine.vm, machine.designs[0]
        self.freed: list[int] = []
        """Pages freed since the last page that was not one of these was handed out."""
        self.handed_out: list[int] = []
        self.imports_checked = self.frees_checked = 0
        self._alloc, self._free = self.design.alloc, self.design.free_nofree
        self.design.alloc, self.design.free_nofree = self.alloc, self.free  # type: ignore

    @property
    def queue_of_runs(self) -> bool:
        """Whether the design takes pages back."""
        return self.design.traits.illegal_free is None

    def alloc(self, request_class: Any) -> int:
        """Hand out a page: V3, V4, V5, V7."""
        books, before, idle = self.design.books, self.vm.free_count(), self.design.nofreeq_size()
        imports = books.imports
        m = self._alloc(request_class)
        imported = books.imports - imports
        assert before - 512 * imported == self.vm.free_count(), "V3"
        assert not imported or idle == 0, "V4"
        self.imports_checked += imported
        if m != NO_PAGE and self.queue_of_runs:
            assert not self.freed or m == self.freed.pop(), "V5"
        elif m != NO_PAGE:
            assert m not in self.handed_out, "V7"
        self.handed_out.append(m)
        return m

    def free(self, m: int) -> None:
        """Take a page back: V3, V5; a reservation keeps its own page from the queue."""
        before, reserved = self.vm.free_count(), self.vm.in_reservation(m)
        self._free(m)
        if self.queue_of_runs:
            assert before + reserved == self.vm.free_count(), "V3"
            self.freed += [] if reserved else [m]
            self.frees_checked += 1


def assert_counters(design: Nofree) -> None:
    """V1, V2 and V6, of a queue of runs."""
    books = design.books
    queued = sum(length for _, length in design.runs())
    assert queued == design.nofreeq_size(), "V1"
    assert queued + books.in_use == 512 * books.imports + books.captured, "V2"
    assert design.books.v_nofree_count == books.in_use - books.captured, "V6"


def watched_run(case: Case, design: str) -> tuple[WholeMachine, Watch]:
    """Run a case under a design with everything watched; V9 is among what a machine checks."""
    machine = WholeMachine(case.script, design, case.prices, check=True)
    watch = Watch(machine)
    promises = machine.assert_promises

    def assert_promises() -> None:
        promises()
        if watch.queue_of_runs:
            assert_counters(machine.designs[0])

    machine.assert_promises = assert_promises  # type: ignore[method-assign]
    machine.run(30)
    assert 30 == len(machine.samples)
    return machine, watch


def test_landed_design_keeps_its_promises_in_traffic() -> None:
    """V1 to V6 and V9 hold at every call and sample of random runs, with imports and frees."""
    imports = frees = fallbacks = 0
    for seed in SEEDS:
        machine, watch = watched_run(random_case(seed), "freeable")
        imports += watch.imports_checked
        frees += watch.frees_checked
        fallbacks += machine.designs[0].books.fallbacks
        machine.close()

    assert imports > 3
    assert frees > 3
    assert fallbacks > 0


@pytest.mark.parametrize("design", ["bump:leak", "bump:escape"])
def test_bump_pointer_never_hands_out_a_page_twice(design: str) -> None:
    """V7: in random runs with rollbacks no page of a chunk comes again."""
    for seed in SEEDS[:3]:
        machine, watch = watched_run(random_case(seed), design)
        given = [m for m in watch.handed_out if m != NO_PAGE]
        assert len(given) == len(set(given)) > 0
        machine.close()


@pytest.mark.parametrize("clock", CLOCKS)
def test_fallback_pages_go_back_to_their_reservation(clock: str) -> None:
    """Of five mapped slabs of a page two fail, in a machine too short of memory for a chunk.

    Every promise holds, and no page is captured.  The first slab is asked for again; the bucket
    that the second cuts short has 15 items, so another of two slabs follows.
    """
    script = timeline((0, Op.TOUCH, 0, 4096 - 513), (MS, Op.ITEMS, VM_OBJECT, 30))
    injections = (Injection(init=True), Injection(second=0))
    more = {"kasan": True, "injections": injections}
    kernel = object_rows([Kind.KERNEL])
    with machine_of(clock, kernel, script, horizon_ns=9 * MS, script=more) as machine:
        run = machine.run(30).run
        books = machine.designs[0].books

        assert (5, 3, 1, 1, 0) == tuple(run[name] for name in ACCOUNT)
        assert (2, 0, 513 - 3) == (books.returned_fallback, books.v_nofree_count, run["free_count"])
        assert 1 == machine.vm.reservations().partpopq


def test_free_lists_hold_no_two_buddies_of_one_order() -> None:
    """V8: where no reservation was broken and no bucket was cut from a block, all is merged."""
    merged = 0
    for seed in range(30):
        case = random_case(seed)
        if sum(case.script.domains) < 100_000:
            continue
        machine = WholeMachine(case.script, "freeable", case.prices)
        machine.run(2)
        if machine.vm.reservations().broken == 0:
            assert 0 == machine.vm.n_unmerged()
            merged += 1
        machine.close()

    assert merged > 0


def test_marks_and_books_agree_at_the_end() -> None:
    """The map of memory counts the NOFREE pages that the books have."""
    machine, _ = watched_run(random_case(SEEDS[0]), "freeable")
    _, marks = machine.vm.regions()
    books = sum_books(design.books for design in machine.designs)

    expected = {Mark.IN_USE: books.in_use, Mark.IDLE: books.idle, Mark.FALLBACK: books.fallback}
    assert expected == {mark: int(marks[:, mark].sum()) for mark in expected}
    machine.close()
