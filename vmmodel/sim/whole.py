"""The whole machine: page traffic, page daemons, and NOFREE zones that ask a design for slabs."""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import simpy

from vmmodel.consumers.layout import SlabLayout
from vmmodel.consumers.memory import Injection, Memory
from vmmodel.consumers.steps import Locked, Steps
from vmmodel.consumers.uma import Zone, zone_import
from vmmodel.kernel import WholeVm
from vmmodel.kernel.pages import LOWMEM_END
from vmmodel.nofree import DESIGNS
from vmmodel.nofree.base import Panic
from vmmodel.sim.clock import Clock, Process
from vmmodel.sim.compiled import CompiledClock
from vmmodel.sim.paging import Paging, uma_timer
from vmmodel.sim.phases import Phase, run_phase
from vmmodel.sim.plain import PlainClock
from vmmodel.sim.prices import Prices, load_prices
from vmmodel.sim.run import (
    RegionMap,
    Row,
    RunResult,
    event_rows,
    instants,
    latency_rows,
    run_row,
    sample,
)
from vmmodel.traffic import Traffic
from vmmodel.traffic.machine import Load, Rows

CLOCKS: dict[str, type[CompiledClock] | type[PlainClock]] = {
    "compiled": CompiledClock,
    "plain": PlainClock,
}


@dataclass(frozen=True)
class WholeScript:
    """A whole run: the machine, its page traffic, and the zones whose items it takes."""

    domains: tuple[int, ...]
    """Pages of each NUMA domain."""
    load: Load
    zones: tuple[tuple[str, SlabLayout], ...]
    """NOFREE zones, in the order of the load's."""
    horizon_ns: int
    kasan: bool = False
    injections: tuple[Injection, ...] = ()
    """What fails, slab by slab in the order in which they are asked for; nothing after the last."""
    phases: tuple[Phase, ...] = ()
    """Names for stretches of time; what they do to the load is in the load."""
    digest: str = field(init=False)
    """Of everything drawn: equal for every design that meets the same."""

    def __post_init__(self) -> None:
        digest = hashlib.sha256(
            repr((self.domains, self.zones, self.horizon_ns, self.kasan, self.injections)).encode()
        )
        load = self.load
        digest.update(repr((load.zones, load.swap_zone, load.home)).encode())
        for rows in (load.objects, *load.timelines):
            digest.update(_without_padding(rows))
        object.__setattr__(self, "digest", digest.hexdigest()[:16])


def _without_padding(rows: Rows) -> bytes:
    """Give the bytes of rows, with zeros between fields: numpy leaves there what was in memory."""
    clean = np.zeros(len(rows), rows.dtype)
    for name in rows.dtype.names or ():
        clean[name] = rows[name]
    return clean.tobytes()


class SharedZone(Zone):
    """A zone whose free items are those of page traffic."""

    def __init__(self, name: str, layout: SlabLayout, traffic: Traffic, number: int) -> None:
        self._traffic, self._number = traffic, number
        super().__init__(name, layout)

    @property
    def free_items(self) -> int:
        """Items in slabs that no bucket has taken."""
        return self._traffic.keg_free(self._number)

    @free_items.setter
    def free_items(self, n: int) -> None:
        self._traffic.set_keg_free(self._number, n)


class NofreeClock(Clock):
    """The clock of NOFREE requests, beside page traffic and under the same free lock."""

    traffic: Traffic
    other: Any

    def _act(self, cpu: int, step: Locked) -> Any:
        self.traffic.set_now(int(self.env.now))
        self.traffic.vm.work_on(max(cpu, 0))
        answer = step.action()
        self.other.settle()
        return answer

    def _settle(self) -> None:
        """Nothing has changed since the action."""


@dataclass
class WholeMachine:
    """A machine that runs a script under one design.

    With *check* every promise is asserted at every sample.  *trace* keeps so many page operations.
    """

    script: WholeScript
    design: str
    prices: Prices = field(default_factory=load_prices)
    clock: Literal["compiled", "plain"] = "compiled"
    check: bool = False
    trace: int = 0

    def __post_init__(self) -> None:
        script = self.script
        self.env = simpy.Environment()
        self.vm = WholeVm(_segments(script.domains), ncpu=len(script.load.timelines))
        self.memory = Memory(self.vm, DESIGNS[self.design].make(self.vm), script.kasan)
        self.traffic = Traffic(self.vm, script.load, self.prices.values(), trace=self.trace)
        if self.memory.design.checks_every_free:
            self.traffic.charge_every_free(self.prices.branch.value)
        self.traffic_clock = CLOCKS[self.clock](self.env, self.traffic, self)
        ncpus = self.traffic.ncpus
        self.nofree = NofreeClock(
            self.env, self.memory, self.prices, ncpus, self.traffic_clock.locks[0]
        )
        self.nofree.traffic, self.nofree.other = self.traffic, self.traffic_clock
        self.zones = [
            SharedZone(name, layout, self.traffic, z)
            for z, (name, layout) in enumerate(script.zones)
        ]
        launder_ns = round(self.prices.launder_page.value)
        self.paging_of = [
            Paging(
                self.env,
                self.traffic,
                d,
                self.traffic_clock,
                self._perform,
                self._swap_items,
                launder_ns,
            )
            for d in range(self.vm.ndomains)
        ]
        self.injections = iter(script.injections)
        self.samples: list[Row] = []
        self.maps: list[RegionMap] = []

    # What page traffic asks for: see Requests.

    @property
    def sleepers(self) -> int:
        """NOFREE requests that sleep in `vm_wait()`."""
        return self.nofree.asleep

    def slab(self, a: int) -> None:
        actor = self.traffic.actor(a)
        cpu, z, items = int(actor["cpu"]), int(actor["object"]), self.traffic.asked_items
        steps = self._fill_bucket(z, cpu, items, a)
        self.env.process(self.nofree.perform(cpu, "refill", steps))

    def scan_ended(self, a: int) -> None:
        self.paging_of[a - self.traffic.ncpus].scan_ended()

    def paging(self, d: int) -> None:
        self.paging_of[d].want()

    def plenty(self) -> None:
        if self.nofree.asleep:
            self.nofree.wake()

    # Processes.

    def _fill_bucket(self, z: int, cpu: int, items: int, a: int) -> Steps[None]:
        """Fill a bucket as the zone does, then let the actor that needs it go on."""
        got = yield from zone_import(self.zones[z], self.memory, items, self.injections)
        self.traffic.items_arrive(z, cpu, got)
        self.traffic_clock.go_on(a)

    def _swap_items(self, n: int) -> Process:
        """Take swap blocks: how the laundry thread itself needs NOFREE pages to free others."""
        z = self.script.load.swap_zone
        while (n := self.traffic.items_alloc(z, 0, n)) > 0:
            arrived = self.env.event()
            steps = self._bring_items(z, self.traffic.asked_items, arrived)
            self.env.process(self.nofree.perform(0, "swap-meta", steps))
            yield arrived

    def _bring_items(self, z: int, items: int, arrived: simpy.Event) -> Steps[None]:
        got = yield from zone_import(self.zones[z], self.memory, items, self.injections)
        self.traffic.items_arrive(z, 0, got)
        arrived.succeed()

    def _perform(self, name: str, steps: Steps[Any]) -> Process:
        return self.nofree.perform(0, name, steps)

    def _sampler(self, nsamples: int, nmaps: int) -> Process:
        for i, time_ns in enumerate(instants(nsamples, self.script.horizon_ns)):
            if time_ns > self.env.now:
                yield self.env.timeout(time_ns - int(self.env.now))
            self._sample(i * nmaps // nsamples != (i - 1) * nmaps // nsamples)

    def _start_phases(self, nsamples: int) -> None:
        """Let each phase write down its start and, unless somebody does anyway, its end."""
        taken = set(instants(nsamples, self.script.horizon_ns))
        for phase in self.script.phases:
            sampled = phase.end_ns in taken or phase.end_ns > self.script.horizon_ns
            taken.add(phase.end_ns)
            end = None if sampled else self._sample
            self.env.process(run_phase(self.env, phase, self.nofree.recorder, end))

    def _sample(self, with_map: bool = False) -> None:
        row, region_map = sample(int(self.env.now), self.vm, self.memory.design)
        self.samples.append(row)
        if with_map:
            self.maps.append(region_map)
        if self.check:
            self.assert_promises()

    def assert_promises(self) -> None:
        """Assert conservation to the page, and every promise of lists, caches, reservations."""
        books = self.memory.design.books
        books.check()
        self.traffic.check(
            books.in_use + books.idle + books.leaked + books.fallback + books.leaked_fallback
        )

    def run(self, nsamples: int = 40, nmaps: int = 0) -> RunResult:
        """Run to the horizon, or to the panic; see `vmmodel.sim.run.Machine.run`."""
        outcome, horizon = "completed", self.script.horizon_ns
        self.vm.take_work()
        self.env.process(self._sampler(nsamples, nmaps))
        self._start_phases(nsamples)
        self.env.process(uma_timer(self.env, self.vm))
        for paging in self.paging_of:
            paging.start()
        self.traffic_clock.start(horizon + 1)
        try:
            self.env.run(until=horizon + 1)
        except Panic:
            outcome = "panic"
            self.nofree.recorder.event(int(self.env.now), -1, "panic", 1)
            self._sample()
        return self._result(outcome)

    def _result(self, outcome: str) -> RunResult:
        row = run_row(self.memory, self.samples[-1], self.nofree.lock)
        row |= {"outcome": outcome, "end_ns": min(int(self.env.now), self.script.horizon_ns)}
        recorder = self.nofree.recorder
        latencies = latency_rows(sorted(recorder.latencies() + self.traffic.latencies()))
        return RunResult(
            row,
            self.samples,
            self.maps,
            latencies,
            event_rows(recorder.events),
            self.nofree.asleep,
        )

    def close(self) -> None:
        """Forget the machine's memory."""
        self.traffic.close()
        self.vm.close()


def _segments(domains: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Lay the domains' memory end to end above 16 MB."""
    segments, start = [], LOWMEM_END
    for d, npages in enumerate(domains):
        segments.append((start, start + npages, d))
        start += npages
    return segments
