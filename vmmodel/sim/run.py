"""One run: a script, a design, a clock; out come the rows of every table."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import simpy

from vmmodel.consumers.memory import Memory
from vmmodel.consumers.misuse import wrong_free
from vmmodel.consumers.page import alloc_object_page
from vmmodel.consumers.steps import Steps, run_now
from vmmodel.consumers.traffic import Traffic
from vmmodel.consumers.uma import Zone, zone_import
from vmmodel.kernel import Vm, WholeVm
from vmmodel.kernel.vm import Words
from vmmodel.nofree import Nofree, design
from vmmodel.nofree.base import Panic, sum_books
from vmmodel.nofree.watched import Watched
from vmmodel.sim.clock import Clock, Process
from vmmodel.sim.landscape import landscape
from vmmodel.sim.lock import Lock
from vmmodel.sim.prices import Prices, load_prices
from vmmodel.sim.recorder import Recorder
from vmmodel.sim.script import (
    Action,
    Give,
    ObjectPage,
    Refill,
    Release,
    Script,
    Squeeze,
    Take,
    Timeline,
    WrongFree,
)

Row = dict[str, Any]
RegionMap = tuple[int, Words, Words]
"""Time in ns, free pages by region, pages by region and `Mark`."""


@dataclass
class RunResult:
    """Rows of the tables, without the columns that name the run."""

    run: Row
    samples: list[Row]
    maps: list[RegionMap]
    latencies: list[Row]
    events: list[Row]
    sleeping: int = 0
    """Threads that still slept at the end."""


@dataclass
class Machine:
    """A machine that runs a script under one design."""

    script: Script
    design: str
    prices: Prices = field(default_factory=load_prices)
    check: bool = False
    """Whether every promise is asserted at every sample."""

    def __post_init__(self) -> None:
        self.env = simpy.Environment()
        self.vm = Vm.of_size(self.script.npages)
        made: Nofree = design(self.design).make(self.vm)
        if self.check:
            made = Watched(self.vm, made)
        self.memory = Memory(self.vm, made, self.script.kasan)
        self.zones = [Zone(name, layout) for name, layout in self.script.zones]
        self.traffic = Traffic(self.memory, self.script.bucket)
        self.clock = Clock(self.env, self.memory, self.prices, len(self.script.cpus))
        self.samples: list[Row] = []
        self.maps: list[RegionMap] = []

    def run(self, nsamples: int = 40, nmaps: int = 0) -> RunResult:
        """Run to the horizon, or to the panic; sample *nsamples* times, map memory *nmaps* times.

        Samples are spread evenly from the start to the horizon, both included.
        """
        outcome = "completed"
        try:
            for action in self.script.boot:
                run_now(self._steps(action)[1])
            self.vm.take_work()
            for cpu, timeline in enumerate(self.script.cpus):
                self.env.process(self._processor(cpu, timeline))
            self.env.process(self._processor(-1, self.script.pressure))
            self.env.process(self._sampler(nsamples, nmaps))
            self.env.run(until=self.script.horizon_ns + 1)
        except Panic:
            outcome = "panic"
            self.clock.recorder.event(int(self.env.now), -1, "panic", 1)
            self._sample(False)
        return self._result(outcome)

    def _processor(self, cpu: int, timeline: Timeline) -> Process:
        """Do what the timeline says when it says so, or as soon as the CPU is free."""
        for time_ns, action in timeline:
            if time_ns > self.env.now:
                yield self.env.timeout(time_ns - int(self.env.now))
            name, steps = self._steps(action)
            yield from self.clock.perform(cpu, name, steps)

    def _steps(self, action: Action) -> tuple[str, Steps[Any]]:
        """Name an action and give the kernel code that does it."""
        match action:
            case Refill(zone, items, injections):
                zone_steps = zone_import(self.zones[zone], self.memory, items, iter(injections))
                return "refill", zone_steps
            case ObjectPage(injection):
                return "object-page", alloc_object_page(self.memory, injection)
            case Take(burst, npages, pool, parts):
                return "traffic-alloc", self.traffic.take(burst, npages, pool, parts)
            case Give(burst, part):
                return "traffic-free", self.traffic.give(burst, part)
            case Squeeze(leave):
                return "squeeze", self.traffic.squeeze(leave)
            case Release():
                return "release", self.traffic.release()
            case WrongFree(victim):
                return "wrong-free", wrong_free(self.memory, victim)

    def _sampler(self, nsamples: int, nmaps: int) -> Process:
        """Write down the state of memory at evenly spaced instants."""
        for i, time_ns in enumerate(instants(nsamples, self.script.horizon_ns)):
            if time_ns > self.env.now:
                yield self.env.timeout(time_ns - int(self.env.now))
            self._sample(i * nmaps // nsamples != (i - 1) * nmaps // nsamples)

    def _sample(self, with_map: bool) -> None:
        recorders = [self.clock.recorder]
        row, region_map = sample(int(self.env.now), self.vm, [self.memory.design], recorders)
        self.samples.append(row)
        if with_map:
            self.maps.append(region_map)
        if self.check:
            self._assert_promises()

    def _assert_promises(self) -> None:
        """Assert that lists are sound and that no page is missing."""
        if isinstance(self.memory.design, Watched):
            self.memory.design.check()
        books, pages = self.memory.design.books, self.vm.check()
        held = books.in_use + books.idle + books.leaked + books.fallback + books.leaked_fallback
        assert pages + held + self.traffic.held() == self.vm.npages, "pages are missing"

    def _result(self, outcome: str) -> RunResult:
        row = run_row(self.vm, [self.memory], [self.clock.lock], self.samples[-1])
        recorder, end_ns = self.clock.recorder, min(int(self.env.now), self.script.horizon_ns)
        self.clock.leaks.advance(end_ns)
        row |= {"outcome": outcome, "end_ns": end_ns, **self.clock.leaks.row()}
        events, latencies = event_rows(recorder.events), latency_rows(recorder.latencies())
        sleeping = self.clock.asleep
        self.vm.close()
        return RunResult(row, self.samples, self.maps, latencies, events, sleeping)


def sample(
    time_ns: int, vm: Vm, designs: Sequence[Nofree], recorders: Sequence[Recorder]
) -> tuple[Row, RegionMap]:
    """Write down the state of memory: a row of samples, and the map of its regions.

    There is one of *designs* and *recorders* for each domain.
    """
    survey = vm.survey()
    blocks = np.sum([vm.free_blocks(d) for d in range(vm.ndomains)], axis=0).tolist()
    row = {
        "time_ns": time_ns,
        "free_count": sum(vm.free_count(d) for d in range(vm.ndomains)),
        **{f"n{order}": n for order, n in enumerate(blocks)},
        **book_row(designs),
        "pinned_regions": int((survey.nofree > 0).sum()),
        "free_regions": int((survey.free == 512).sum()),
        **landscape(survey),
        "superpages": vm.reservations().fullpop if isinstance(vm, WholeVm) else 0,
        "chunk_pages": sum(d.books.imported - d.books.returned for d in designs),
        "idle_runs": sum(len(design.runs()) for design in designs),
        "answered": sum(recorder.answered for recorder in recorders),
        "answered_wait_ns": sum(recorder.answered_wait_ns for recorder in recorders),
        "answered_total_ns": sum(recorder.answered_total_ns for recorder in recorders),
    }
    return row, (time_ns, survey.free, survey.marks)


def book_row(designs: Sequence[Nofree]) -> Row:
    """Give the state of NOFREE pages: the true books, and the kernel's own counters."""
    books = sum_books(design.books for design in designs)
    books.check()
    return {
        "in_use": books.in_use,
        "idle": books.idle,
        "leaked": books.leaked + books.leaked_fallback,
        "escaped": books.escaped + books.escaped_fallback,
        "fallback": books.fallback,
        "nofreeq_size": sum(design.nofreeq_size() for design in designs),
        "v_nofree_count": books.v_nofree_count,
    }


def run_row(vm: Vm, memories: Sequence[Memory], locks: Sequence[Lock], last: Row) -> Row:
    """Sum up a run whose *last* sample was just taken; outcome and end are still to come.

    There is one of *memories* and *locks* for each domain; consumers have one tally.
    """
    designs = [memory.design for memory in memories]
    books = sum_books(design.books for design in designs)
    return {
        "pages": vm.npages,
        **asdict(memories[0].tally),
        "exposed": sum(len(memory.exposed) for memory in memories),
        "imports": books.imports,
        "imported": books.imported,
        "returned": books.returned,
        "failed_imports": books.failed_imports,
        "fallbacks": books.fallbacks,
        "captured": books.captured,
        "leaked_fallback": books.leaked_fallback,
        "escaped_fallback": books.escaped_fallback,
        **book_row(designs),
        "pinned_regions": last["pinned_regions"],
        "regions": vm.nregions,
        "free_count": last["free_count"],
        "lock_holds": sum(lock.holds for lock in locks),
        "lock_wait_ns": sum(lock.wait_ns for lock in locks),
        "lock_hold_ns": sum(lock.hold_ns for lock in locks),
        "lock_contended": sum(lock.contended for lock in locks),
        "lock_pages": vm.moved(),
        "refused_imports": books.refused_imports,
        "most_chunk_pages": books.most_imported,
        "list_insertions": books.insertions,
        "list_passed": books.passed,
        "list_most_passed": books.most_passed,
        **superpage_row(vm),
    }


def superpage_row(vm: Vm) -> Row:
    """Give what became of superpages: reservations that got one, and pools that lost one."""
    had, not_had = vm.superpages() if isinstance(vm, WholeVm) else (0, 0)
    steals = vm.steals()
    return {
        "reservations": had,
        "superpage_failures": not_had,
        "steals": steals.blocks,
        "steals_small": steals.small,
        "steals_unmovable": steals.unmovable,
        "steals_mixing": steals.mixing,
    }


def event_rows(events: list[tuple[int, int, str, int]]) -> list[Row]:
    """Name what a recorder's events hold."""
    return [dict(zip(("time_ns", "cpu", "kind", "pages"), event, strict=True)) for event in events]


def latency_rows(latencies: list[tuple[str, str, int, int, int]]) -> list[Row]:
    """Name what a recorder's latencies hold."""
    names = ("operation", "part", "low_ns", "high_ns", "count")
    return [dict(zip(names, row, strict=True)) for row in latencies]


def instants(n: int, horizon_ns: int) -> Iterator[int]:
    """Spread *n* instants evenly from the start to the horizon, both included."""
    return (i * horizon_ns // max(n - 1, 1) for i in range(n))
