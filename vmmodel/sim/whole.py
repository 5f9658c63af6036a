"""The whole machine: page traffic, page daemons, and NOFREE zones that ask a design for slabs."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
import simpy

from vmmodel.consumers.layout import SlabLayout
from vmmodel.consumers.memory import Injection, Memory, Tally
from vmmodel.consumers.steps import Steps
from vmmodel.consumers.uma import Zone, zone_import
from vmmodel.kernel import WholeVm
from vmmodel.kernel.pages import LOWMEM_END
from vmmodel.nofree import Nofree, design
from vmmodel.nofree.base import Panic, sum_books
from vmmodel.nofree.watched import Watched
from vmmodel.sim.clock import Clock, Process
from vmmodel.sim.compiled import CompiledClock
from vmmodel.sim.leakwatch import LeakWatch
from vmmodel.sim.paging import LowMemory, Paging, uma_timer
from vmmodel.sim.phases import Phase, run_phase
from vmmodel.sim.plain import PlainClock
from vmmodel.sim.prices import Prices, load_prices
from vmmodel.sim.recorder import Recorder
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

AnyTrafficClock = CompiledClock | PlainClock
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
    """The clock of NOFREE requests in one domain, beside page traffic and under its free lock."""

    def __init__(self, machine: "WholeMachine", memory: Memory, d: int) -> None:
        ncpus, lock = machine.traffic.ncpus, machine.traffic_clock.locks[d]
        super().__init__(machine.env, memory, machine.prices, ncpus, lock, machine.leaks)
        self._machine = machine

    def _act(self, cpu: int, action: Callable[[], Any]) -> Any:
        self._machine.traffic.set_now(int(self.env.now))
        vm = self.memory.vm
        assert isinstance(vm, WholeVm)
        vm.work_on(cpu)
        answer = action()
        self._machine.traffic_clock.settle()
        return answer

    def _settle(self) -> None:
        """Nothing has changed since the action."""

    def _fall_asleep(self) -> None:
        super()._fall_asleep()
        self._machine.sleepers += 1

    def wake(self) -> None:
        self._machine.sleepers -= self.asleep
        super().wake()


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
        script, prices, env = self.script, self.prices, simpy.Environment()
        self.env = env
        self.sleepers = 0
        """NOFREE requests that sleep in `vm_wait()`, in all domains; asked for at every step."""
        self.vm = vm = WholeVm(_segments(script.domains), ncpu=len(script.load.timelines))
        self.traffic = Traffic(vm, script.load, prices.values(), trace=self.trace)
        self.traffic_clock = CLOCKS[self.clock](env, self.traffic, self)
        self.tally = Tally()
        self.leaks = LeakWatch()
        self.nofree = [self._nofree_of(d) for d in range(vm.ndomains)]
        self.designs = self.leaks.designs = [clock.memory.design for clock in self.nofree]
        if self.designs[0].traits.checks_every_free:
            self.traffic.charge_every_free(prices.branch.value)
        self.zones = [
            SharedZone(name, layout, self.traffic, z)
            for z, (name, layout) in enumerate(script.zones)
        ]
        self.lowmem = LowMemory()
        self._turns = [0 for _ in script.zones]
        self.paging_of = [self._paging_of(d) for d in range(vm.ndomains)]
        self.injections = iter(script.injections)
        self.samples: list[Row] = []
        self.maps: list[RegionMap] = []

    def _nofree_of(self, d: int) -> NofreeClock:
        """Give a domain its own NOFREE allocator, as the kernel does."""
        vm = self.vm.on_node(d)
        made: Nofree = design(self.design).make(vm)
        if self.check:
            made = Watched(vm, made)
        memory = Memory(vm, made, self.script.kasan, self.tally)
        return NofreeClock(self, memory, d)

    def _paging_of(self, d: int) -> Paging:
        launder_ns = round(self.prices.launder_page.value)
        perform = partial(self.nofree[d].perform, 0)
        return Paging(
            self.env,
            self.traffic,
            d,
            self.traffic_clock,
            perform,
            self._swap_items,
            launder_ns,
            self.lowmem,
        )

    # What page traffic asks for: see Requests.

    def slab(self, a: int) -> None:
        actor = self.traffic.actor(a)
        cpu, z, items = int(actor["cpu"]), int(actor["object"]), self.traffic.asked_items
        clock = self._next_domain(z)
        steps = self._fill_bucket(clock.memory, z, cpu, items, a)
        self.env.process(clock.perform(cpu, "refill", steps))

    def scan_ended(self, a: int) -> None:
        self.paging_of[a - self.traffic.ncpus].scan_ended()

    def paging(self, d: int) -> None:
        self.paging_of[d].want()

    def plenty(self) -> None:
        for clock in self.nofree:
            if clock.asleep:
                clock.wake()

    # Processes.

    def _next_domain(self, z: int) -> NofreeClock:
        """Choose the domain of a zone's next slabs: in turn, passing over those that are short.

        FreeBSD: a round-robin keg asks every domain before it waits for one.
        """
        n = self.vm.ndomains
        self._turns[z] = (self._turns[z] + 1) % n
        ring = [(self._turns[z] + i) % n for i in range(n)]
        plenty = [d for d in ring if self.vm.free_count(d) >= self.vm.thresholds(d).free_min]
        return self.nofree[(plenty or ring)[0]]

    def _fill_bucket(self, memory: Memory, z: int, cpu: int, items: int, a: int) -> Steps[None]:
        """Fill a bucket as the zone does, then let the actor that needs it go on."""
        yield from self._arrive(memory, z, cpu, items)
        self.traffic_clock.go_on(a)

    def _swap_items(self, n: int) -> Process:
        """Take swap blocks: how the laundry thread itself needs NOFREE pages to free others."""
        z = self.script.load.swap_zone
        while (n := self._take_items(z, n)) > 0:
            arrived = self.env.event()
            clock = self._next_domain(z)
            steps = self._bring_items(clock.memory, z, self.traffic.asked_items, arrived)
            self.env.process(clock.perform(0, "swap-meta", steps))
            yield arrived

    def _bring_items(self, memory: Memory, z: int, items: int, arrived: simpy.Event) -> Steps[None]:
        yield from self._arrive(memory, z, 0, items)
        arrived.succeed()

    def _take_items(self, z: int, n: int) -> int:
        self.traffic.set_now(int(self.env.now))
        return self.traffic.items_alloc(z, 0, n)

    def _arrive(self, memory: Memory, z: int, cpu: int, items: int) -> Steps[None]:
        got = yield from zone_import(self.zones[z], memory, items, self.injections)
        self.traffic.set_now(int(self.env.now))
        self.traffic.items_arrive(z, cpu, got)

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
            self.env.process(run_phase(self.env, phase, self.nofree[0].recorder, end))

    def _sample(self, with_map: bool = False) -> None:
        recorders = [clock.recorder for clock in self.nofree]
        row, region_map = sample(int(self.env.now), self.vm, self.designs, recorders)
        self.samples.append(row)
        if with_map:
            self.maps.append(region_map)
        if self.check:
            self.assert_promises()

    def assert_promises(self) -> None:
        """Assert conservation to the page, and every promise of lists, caches, reservations."""
        for each in self.designs:
            if isinstance(each, Watched):
                each.check()
        books = sum_books(each.books for each in self.designs)
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
            self.nofree[0].recorder.event(int(self.env.now), -1, "panic", 1)
            self._sample()
        return self._result(outcome)

    def _result(self, outcome: str) -> RunResult:
        locks = [clock.lock for clock in self.nofree]
        memories = [clock.memory for clock in self.nofree]
        row = run_row(self.vm, memories, locks, self.samples[-1])
        end_ns = min(int(self.env.now), self.script.horizon_ns)
        self.leaks.advance(end_ns)
        row |= {"outcome": outcome, "end_ns": end_ns, **self.leaks.row()}
        recorder = Recorder()
        for clock in self.nofree:
            recorder.add(clock.recorder)
        latencies = latency_rows(sorted(recorder.latencies() + self.traffic.latencies()))
        events = event_rows(sorted(recorder.events))
        return RunResult(row, self.samples, self.maps, latencies, events, self.sleepers)

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
