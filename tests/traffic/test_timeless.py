"""On one CPU time decides nothing: pages come and go as where nothing takes time."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pytest
from kernel.whole_reference import Whole
from sim.whole_scripts import Shape, random_load
from traffic.small import MS, run, scan, timeline, traffic_of

from vmmodel.kernel import RequestClass, WholeVm
from vmmodel.kernel.cstruct import CHECKED
from vmmodel.kernel.pages import LOWMEM_END, NO_PAGE
from vmmodel.traffic.machine import Rows, Traffic, object_rows
from vmmodel.traffic.structs import ALLOC, FREE, RECLAIM, Kind, Op

Step = tuple[int, int, int]
"""Time in ns, ALLOC or FREE, page."""


class Machine(Protocol):
    """Physical memory that takes no time."""

    def tell(self, ticks: int) -> None:
        """Tell the kernel's time."""

    def alloc(self, o: int, obj: Rows, pindex: int, pred: int, succ: int) -> int:
        """Allocate a page of an object."""

    def free(self, m: int) -> None:
        """Free a page."""


@dataclass
class Compiled:
    """The kernel's own functions, called one after the other."""

    vm: WholeVm

    def tell(self, ticks: int) -> None:
        self.vm.set_ticks(ticks)

    def alloc(self, o: int, obj: Rows, pindex: int, pred: int, succ: int) -> int:
        if obj["kind"] == Kind.KERNEL:
            return self.vm.alloc_noobj(RequestClass.SYSTEM, 1)
        near = {"size": int(obj["size"]), "pred": pred, "succ": succ}
        return self.vm.alloc_object(RequestClass.NORMAL, o, pindex, **near)

    def free(self, m: int) -> None:
        self.vm.free(m)


@dataclass
class Reference:
    """The slow reference that shares nothing with the kernel."""

    whole: Whole

    def tell(self, ticks: int) -> None:
        self.whole.ticks = ticks

    def alloc(self, o: int, obj: Rows, pindex: int, pred: int, succ: int) -> int:
        if obj["kind"] == Kind.KERNEL:
            return self.whole.alloc(RequestClass.SYSTEM, 1, 0, False)
        place = (o, pindex, int(obj["size"]), (pred, succ))
        return self.whole.alloc(RequestClass.NORMAL, 0, 0, False, place)

    def free(self, m: int) -> None:
        self.whole.free(m, 0)


@dataclass
class Population:
    """The pages of an object, by page index, in the order in which they came."""

    pages: dict[int, int] = field(default_factory=dict)
    pindex: int = 0

    def near(self, pindex: int) -> tuple[int, int]:
        """Give the pages next below and above in the same 2 MB range."""
        pages, first = self.pages, pindex - pindex % 512
        below = (pages[i] for i in range(pindex - 1, first - 1, -1) if i in pages)
        above = (pages[i] for i in range(pindex + 1, first + 512) if i in pages)
        return next(below, NO_PAGE), next(above, NO_PAGE)


class Player:
    """Does events one after the other; what a page takes is the gap of its event."""

    def __init__(self, machine: Machine, objects: Rows) -> None:
        self.machine, self.objects = machine, objects
        self.populations = [Population() for _ in objects]
        self.steps: list[Step] = []
        self.now = 0

    def play(self, events: Rows) -> list[Step]:
        """Do *events*; give all that was done so far."""
        for event in events:
            self.now = max(self.now, int(event["time"]))
            o, gap = int(event["object"]), int(event["gap"])
            if event["op"] == Op.DROP:
                for m in self.populations[o].pages.values():
                    self._free(m)
                    self.now += gap
                self.populations[o] = Population()
                continue
            for pindex in self._missing(o, event):
                self._alloc(o, pindex)
                self.now += gap
        return self.steps

    def reclaim(self, pages: list[int]) -> None:
        """Free pages that the page daemon has chosen."""
        places = {m: (each.pages, i) for each in self.populations for i, m in each.pages.items()}
        for m in pages:
            population, pindex = places[m]
            del population[pindex]
            self.machine.free(m)

    def _missing(self, o: int, event: Rows) -> list[int]:
        """Page indexes that an event wants to have and that are not there."""
        population, stride = self.populations[o], int(self.objects[o]["stride"])
        first = population.pindex if event["op"] == Op.TOUCH else 0
        wanted = range(first, first + int(event["count"]) * stride, stride)
        return [i for i in wanted if i not in population.pages]

    def _alloc(self, o: int, pindex: int) -> None:
        self.machine.tell(self.now // 1_000_000)
        population, obj = self.populations[o], self.objects[o]
        m = self.machine.alloc(o, obj, pindex, *population.near(pindex))
        assert m != NO_PAGE, "the script is to leave enough memory"
        population.pages[pindex] = m
        population.pindex = max(population.pindex, pindex + int(obj["stride"]))
        self.steps.append((self.now, ALLOC, m))

    def _free(self, m: int) -> None:
        self.machine.tell(self.now // 1_000_000)
        self.machine.free(m)
        self.steps.append((self.now, FREE, m))


def trace(traffic: Traffic) -> list[Step]:
    """Read the trace."""
    records = traffic.records()
    return list(zip(*(records[column].tolist() for column in ("time", "op", "page")), strict=True))


@pytest.mark.parametrize("seed", range(1 if CHECKED else 8))
def test_pages_are_those_of_the_timeless_kernel(seed: int) -> None:
    """Traffic, the kernel called in that order, and the slow reference agree to the page.

    Memory is small enough that reservations fill the lists and have to be broken.
    """
    npages, touched = [(6000, 3500), (12288, 6000), (9000, 5500), (65536, 3000)][seed % 4]
    touched = 300 if CHECKED else touched
    shape = Shape(ncpus=1, ndomains=1, npages=npages, touched=touched)
    load = random_load(shape, np.random.default_rng(seed))
    events = load.timelines[0]
    events = events[events["op"] <= Op.DROP]
    with traffic_of(load.objects, events, domains=(npages,)) as traffic:
        run(traffic, 10_000_000_000)
        seen = trace(traffic)
        size = traffic.vm.cache_sizes[0]
        holds = traffic.vm.reservations(), traffic.vm.checksum()

    segments = [(LOWMEM_END, LOWMEM_END + npages)]
    vm = WholeVm(segments)
    timeless = Player(Compiled(vm), load.objects).play(events)
    reference = Reference(Whole(segments, 1, size.bucket, size.full_buckets))

    assert timeless == seen
    assert (vm.reservations(), vm.checksum()) == holds
    assert Player(reference, load.objects).play(events) == seen
    assert reference.whole.reclaimed == vm.reservations().reclaimed
    vm.close()


OBJECTS = object_rows(
    [Kind.ANON] * 4 + [Kind.FILE] * 4,
    size=[1 << 62] * 4 + [1 << 62, 1300, 1024, 100],
    stride=[1, 1, 3, 512, 1, 1, 7, 1],
    dirty=0,
)


def random_event(time_ns: int, rng: np.random.Generator) -> Rows:
    """Touch, use or drop one of the objects."""
    o, op = int(rng.integers(8)), Op(rng.choice([Op.TOUCH, Op.USE, Op.USE, Op.USE, Op.DROP]))
    return timeline((time_ns, op, o, int(rng.integers(1, 1400))))


@pytest.mark.parametrize("seed", range(1 if CHECKED else 3))
def test_pages_that_come_back_do_so_as_in_the_timeless_kernel(seed: int) -> None:
    """Between two events the page daemon takes pages; they come back with their page indexes.

    The kernel is told each page's neighbours, which are looked for in a dictionary.  Memory is so
    small that reservations are broken.
    """
    rng = np.random.default_rng(seed)
    npages, nevents = 6000, 10 if CHECKED else 40
    events = np.concatenate([random_event(10 * MS * i, rng) for i in range(nevents)])
    with traffic_of(OBJECTS, events, domains=(npages,)) as traffic:
        vm = WholeVm([(LOWMEM_END, LOWMEM_END + npages)])
        size = vm.cache_sizes[0]
        whole = Whole([(LOWMEM_END, LOWMEM_END + npages)], 1, size.bucket, size.full_buckets)
        players = Player(Compiled(vm), OBJECTS), Player(Reference(whole), OBJECTS)
        for i in range(nevents):
            run(traffic, 10 * MS * i + 1)
            done = [step for step in trace(traffic) if step[1] != RECLAIM]
            assert [done, done] == [player.play(events[i : i + 1]) for player in players]
            wanted = max(2000 - traffic.vm.free_count(), int(rng.integers(0, 900)))
            traffic.deactivate(0, wanted)
            gone = scan(traffic, wanted)
            for player in players:
                player.machine.tell(traffic.now // MS)
                player.reclaim(gone)
        assert (vm.reservations(), vm.checksum()) == (
            traffic.vm.reservations(),
            traffic.vm.checksum(),
        )
        assert CHECKED or vm.reservations().broken > 0
        assert int(traffic.state["swapped_in"]) > 100
        vm.close()
