"""Page daemons, laundry threads, UMA's timer: SimPy processes that decide what traffic then does.

FreeBSD: `vm_pageout_worker()`, `vm_pageout_laundry_worker()`, `vm_pageout_lowmem()`,
`uma_timeout()`.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from math import isqrt
from typing import Any, Protocol

import simpy

from vmmodel.consumers.steps import Locked, Steps
from vmmodel.kernel import NPOOL, WholeVm
from vmmodel.traffic import Kind, Traffic
from vmmodel.traffic.structs import INACTIVE, LAUNDRY, SWAP_META_PAGES

Process = Generator[simpy.Event, Any, None]

SECOND_NS = 1_000_000_000
LOWMEM_NS = 10 * SECOND_NS
"""Least time between two low-memory events.  FreeBSD: vm.lowmem_period."""
UMA_TIMEOUT_NS = 20 * SECOND_NS
"""FreeBSD: UMA_TIMEOUT."""
LAUNDRY_PERIOD_NS = SECOND_NS // 10
"""FreeBSD: 1 / VM_LAUNDER_RATE seconds."""
BACKGROUND_PAGES = 102
"""Pages that are laundered without need in that time: 4096 KB/s.

FreeBSD: vm.background_launder_rate.
"""


@dataclass
class LowMemory:
    """When the last low-memory event was, for all domains."""

    at_ns: int = -LOWMEM_NS


class TrafficClock(Protocol):
    """What a clock of page traffic lets SimPy's processes do."""

    def start(self, end_ns: int) -> None:
        """Begin; *end_ns* is when the run ends."""

    def go_on(self, a: int) -> None:
        """Let an actor go on that waited for SimPy."""

    def settle(self) -> None:
        """Wake who waits for memory, and daemons, after SimPy did something."""

    def daemon_sleep(self, d: int, *, target_met: bool) -> None:
        """Put a page daemon to sleep after its work."""


class Paging:
    """The daemon and the laundry thread of one domain.

    *perform* runs kernel steps in time; *launder_ns* is what writing one page takes; *get_items* is
    a process that takes items of the swap zone, asleep as long as there are none.
    """

    def __init__(
        self,
        env: simpy.Environment,
        traffic: Traffic,
        d: int,
        clock: TrafficClock,
        perform: Callable[[str, Steps[Any]], Process],
        get_items: Callable[[int], Process],
        launder_ns: int,
        lowmem: LowMemory,
    ) -> None:
        self.env, self.traffic, self.d, self.clock = env, traffic, d, clock
        self.perform, self.get_items, self.launder_ns = perform, get_items, launder_ns
        self.lowmem = lowmem
        limits = traffic.vm.thresholds(d)
        self.limits = limits
        free = traffic.vm.free_count(d)
        self.inactive_target = min(3 * limits.free_target // 2, free // 3)
        self.launder_target = (limits.free_target - limits.free_min) // 10
        """Pages of one background laundering.  FreeBSD: vmd_background_launder_target."""
        self.shortfalls = 0
        self.laundered = 0
        self._wanted, self._scanned, self._requested = env.event(), env.event(), env.event()
        self._shortfall = False
        self._freed = 0
        """Clean pages freed since the last laundering."""

    def start(self) -> None:
        """Begin both processes."""
        self.env.process(self._pagedaemon())
        self.env.process(self._launder())

    def want(self) -> None:
        """Wake the daemon: the controller wants pages freed."""
        self._wanted.succeed()

    def scan_ended(self) -> None:
        """Tell the daemon that its scan has ended."""
        self._scanned.succeed()

    def _pagedaemon(self) -> Process:
        traffic, d = self.traffic, self.d
        while True:
            yield self._wanted
            self._wanted = self.env.event()
            shortage = traffic.shortage(d)
            if self.env.now - self.lowmem.at_ns >= LOWMEM_NS:
                self.lowmem.at_ns = int(self.env.now)
                before = traffic.vm.free_count(d)
                yield from self.perform("low-memory", self._lowmem())
                shortage -= max(min(traffic.vm.free_count(d) - before, shortage), 0)
            traffic.deactivate(d, max(self.inactive_target, shortage))
            yield from self._scan(shortage)
            missing = int(traffic.actor(traffic.ncpus + d)["left"])
            self._freed += shortage - missing
            self._request_laundry(missing)
            self.clock.daemon_sleep(d, target_met=missing == 0)

    def _scan(self, shortage: int) -> Process:
        """Free *shortage* pages of the inactive queue, as far as it has clean ones."""
        self._scanned = self.env.event()
        self.clock.go_on(self.traffic.start_scan(self.d, shortage))
        yield self._scanned

    def _lowmem(self) -> Steps[None]:
        """Trim what UMA caches; all of it where free pages are below severe.

        NOFREE kegs keep their slabs: their items only go back to them.
        """
        vm, d = self.traffic.vm, self.d
        drain = vm.free_count(d) < self.limits.free_severe
        for z in range(len(self.traffic.load.zones)):
            self.traffic.items_reclaim(z)
        for z in range(d * NPOOL, (d + 1) * NPOOL):
            keep = vm.working_set(z)
            while (yield Locked(partial(vm.reclaim_bucket, z, 0 if drain else keep))):
                pass

    def _request_laundry(self, missing: int) -> None:
        """Ask the laundry thread to write dirty pages back, urgently if the scan found too few."""
        if missing:
            self.shortfalls += 1
        self._shortfall = missing > 0
        if not self._requested.triggered:
            self._requested.succeed()

    def _launder(self) -> Process:
        """Write dirty pages back, part by part: as many as are missing, or slowly some ahead."""
        while True:
            yield self._requested
            self._requested = self.env.event()
            target = self._laundry_target()
            while target > 0 and (job := self.traffic.take_laundry(self.d)):
                self._freed = 0
                target -= job[1]
                self.laundered += job[1]
                yield from self._write_back(*job)
                yield from self._pause(job[1])

    def _pause(self, npages: int) -> Process:
        """Keep to the rate of laundering ahead of need, as long as there is none."""
        periods = -(-npages // BACKGROUND_PAGES)
        while periods > 0 and not self._shortfall:
            periods -= 1
            yield self.env.timeout(LAUNDRY_PERIOD_NS)

    def _laundry_target(self) -> int:
        """Pages to write back now: what is missing; else some if few pages are clean.

        The more clean pages were freed since, the sooner.  FreeBSD: vm_pageout_laundry_worker().
        """
        limits, free = self.limits, self.traffic.vm.free_count(self.d)
        dirty = self.traffic.queue_pages(self.d, LAUNDRY)
        if self._shortfall:
            return max(limits.free_target - free, 0)
        clean = free + self.traffic.queue_pages(self.d, INACTIVE)
        pressure = isqrt(-(-(self._freed + 1) // (limits.free_target - limits.free_min)))
        return self.launder_target if dirty * pressure >= clean else 0

    def _write_back(self, part: int, npages: int, kind: Kind) -> Process:
        swblks = 0
        if kind is Kind.ANON and self.traffic.load.swap_zone >= 0:
            swblks = max(-(-npages // SWAP_META_PAGES) - self.traffic.swblks(part), 0)
            if swblks:
                yield from self.get_items(swblks)
        yield self.env.timeout(npages * self.launder_ns)
        self.traffic.set_now(int(self.env.now))
        self.traffic.laundered(part, swblks, 0)


def uma_timer(env: simpy.Environment, vm: WholeVm) -> Process:
    """Every 20 s estimate working sets, and allow or refuse new buckets."""
    while True:
        yield env.timeout(UMA_TIMEOUT_NS)
        vm.uma_timeout()
