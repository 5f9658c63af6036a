"""On one CPU time decides nothing: pages come and go as where nothing takes time."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pytest
from kernel.whole_reference import NONE, Whole
from sim.whole_scripts import Shape, random_load
from traffic.small import run, traffic_of

from vmmodel.kernel import RequestClass, WholeVm
from vmmodel.kernel.cstruct import CHECKED
from vmmodel.kernel.pages import LOWMEM_END, NO_PAGE
from vmmodel.traffic.machine import Rows, Traffic
from vmmodel.traffic.structs import ALLOC, FREE, Kind, Op

Step = tuple[int, int, int]
"""Time in ns, ALLOC or FREE, page."""


class Machine(Protocol):
    """Physical memory that takes no time."""

    def tell(self, ticks: int) -> None:
        """Tell the kernel's time."""

    def alloc(self, o: int, obj: Rows, pindex: int, near: int) -> int:
        """Allocate a page of an object."""

    def free(self, m: int) -> None:
        """Free a page."""


@dataclass
class Compiled:
    """The kernel's own functions, called one after the other."""

    vm: WholeVm

    def tell(self, ticks: int) -> None:
        self.vm.set_ticks(ticks)

    def alloc(self, o: int, obj: Rows, pindex: int, near: int) -> int:
        if obj["kind"] == Kind.KERNEL:
            return self.vm.alloc_noobj(RequestClass.SYSTEM, 1)
        size = int(obj["size"])
        return self.vm.alloc_object(RequestClass.NORMAL, o, pindex, size=size, pred=near)

    def free(self, m: int) -> None:
        self.vm.free(m)


@dataclass
class Reference:
    """The slow reference that shares nothing with the kernel."""

    whole: Whole

    def tell(self, ticks: int) -> None:
        self.whole.ticks = ticks

    def alloc(self, o: int, obj: Rows, pindex: int, near: int) -> int:
        if obj["kind"] == Kind.KERNEL:
            return self.whole.alloc(RequestClass.SYSTEM, 1, 0, False)
        place = (o, pindex, int(obj["size"]), (near, NONE))
        return self.whole.alloc(RequestClass.NORMAL, 0, 0, False, place)

    def free(self, m: int) -> None:
        self.whole.free(m, 0)


@dataclass
class Population:
    """The pages of an object, by page index, in the order in which they came."""

    pages: dict[int, int] = field(default_factory=dict)
    pindex: int = 0


def play(machine: Machine, objects: Rows, events: Rows) -> list[Step]:
    """Do the events one after the other; what a page takes is the gap of its event."""
    populations = [Population() for _ in objects]
    steps: list[Step] = []
    now = 0
    for event in events:
        now = max(now, int(event["time"]))
        o, gap, count = int(event["object"]), int(event["gap"]), int(event["count"])
        obj, population = objects[o], populations[o]
        if event["op"] == Op.DROP:
            for m in population.pages.values():
                machine.tell(now // 1_000_000)
                machine.free(m)
                steps.append((now, FREE, m))
                now += gap
            populations[o] = Population()
            continue
        missing = count if event["op"] == Op.TOUCH else max(count - len(population.pages), 0)
        for _ in range(missing):
            machine.tell(now // 1_000_000)
            pindex, stride = population.pindex, int(obj["stride"])
            near = population.pages.get(pindex - stride, NO_PAGE)
            if (pindex - stride) // 512 != pindex // 512:
                near = NO_PAGE
            m = machine.alloc(o, obj, pindex, near)
            assert m != NO_PAGE, "the script is to leave enough memory"
            population.pages[pindex] = m
            population.pindex += stride
            steps.append((now, ALLOC, m))
            now += gap
    return steps


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
    timeless = play(Compiled(vm), load.objects, events)
    reference = Reference(Whole(segments, 1, size.bucket, size.full_buckets))

    assert timeless == seen
    assert (vm.reservations(), vm.checksum()) == holds
    assert play(reference, load.objects, events) == seen
    assert reference.whole.reclaimed == vm.reservations().reclaimed
    vm.close()
