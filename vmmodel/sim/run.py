"""One run: a script, a design, a clock; out come the rows of every table."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import simpy

from vmmodel.consumers.memory import Memory
from vmmodel.consumers.misuse import wrong_free
from vmmodel.consumers.page import alloc_object_page
from vmmodel.consumers.steps import Steps, run_now
from vmmodel.consumers.traffic import Traffic
from vmmodel.consumers.uma import Zone, zone_import
from vmmodel.kernel import Vm
from vmmodel.kernel.vm import Words
from vmmodel.nofree import design
from vmmodel.nofree.base import Panic
from vmmodel.sim.clock import Clock, Process
from vmmodel.sim.prices import Prices, load_prices
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

    def __post_init__(self) -> None:
        self.env = simpy.Environment()
        self.vm = Vm.of_size(self.script.npages)
        self.memory = Memory(self.vm, design(self.design).make(self.vm), self.script.kasan)
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
        for i, time_ns in enumerate(_evenly(nsamples, self.script.horizon_ns)):
            if time_ns > self.env.now:
                yield self.env.timeout(time_ns - int(self.env.now))
            self._sample(i * nmaps // nsamples != (i - 1) * nmaps // nsamples)

    def _sample(self, with_map: bool) -> None:
        free, marks = self.vm.regions()
        time_ns = int(self.env.now)
        pinned = marks[:, 1:].sum(axis=1)
        books = self.memory.design.books
        books.check()
        blocks = self.vm.free_blocks()
        self.samples.append(
            {
                "time_ns": time_ns,
                "free_count": self.vm.free_count(),
                **{f"n{order}": int(n) for order, n in enumerate(blocks)},
                **self._books(),
                "pinned_regions": int((pinned > 0).sum()),
                "free_regions": int((free == 512).sum()),
            }
        )
        if with_map:
            self.maps.append((time_ns, free, marks))

    def _books(self) -> Row:
        """The state of NOFREE pages: the true books, and the kernel's own counters."""
        books, design = self.memory.design.books, self.memory.design
        return {
            "in_use": books.in_use,
            "idle": books.idle,
            "leaked": books.leaked + books.leaked_fallback,
            "escaped": books.escaped + books.escaped_fallback,
            "fallback": books.fallback,
            "nofreeq_size": design.nofreeq_size(),
            "v_nofree_count": books.v_nofree_count,
        }

    def _result(self, outcome: str) -> RunResult:
        books, lock, recorder = self.memory.design.books, self.clock.lock, self.clock.recorder
        last = self.samples[-1]
        run = {
            "outcome": outcome,
            "end_ns": min(int(self.env.now), self.script.horizon_ns),
            "pages": self.vm.npages,
            **asdict(self.memory.tally),
            "exposed": len(self.memory.exposed),
            "imports": books.imports,
            "imported": books.imported,
            "returned": books.returned,
            "failed_imports": books.failed_imports,
            "fallbacks": books.fallbacks,
            "captured": books.captured,
            "leaked_fallback": books.leaked_fallback,
            "escaped_fallback": books.escaped_fallback,
            **self._books(),
            "pinned_regions": last["pinned_regions"],
            "regions": self.vm.nregions,
            "free_count": self.vm.free_count(),
            "lock_holds": lock.holds,
            "lock_wait_ns": lock.wait_ns,
            "lock_hold_ns": lock.hold_ns,
        }
        events = [
            dict(zip(("time_ns", "cpu", "kind", "pages"), event, strict=True))
            for event in recorder.events
        ]
        names = ("operation", "part", "low_ns", "high_ns", "count")
        latencies = [dict(zip(names, row, strict=True)) for row in recorder.latencies()]
        sleeping = self.clock.asleep
        self.vm.close()
        return RunResult(run, self.samples, self.maps, latencies, events, sleeping)


def _evenly(n: int, horizon_ns: int) -> Iterator[int]:
    return (i * horizon_ns // max(n - 1, 1) for i in range(n))
