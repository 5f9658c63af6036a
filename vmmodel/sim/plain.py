"""The definition of page traffic in time: every actor a SimPy process, every lock a SimPy resource.

`vmmodel.sim.compiled` gives the same sequence of (time, actor, operation, page), a hundred times
faster; tests hold the two together.
"""

from collections.abc import Generator
from typing import Any

import simpy

from vmmodel.sim.lock import FreeLock
from vmmodel.sim.order import ACTORS, At, trigger
from vmmodel.sim.requests import Requests
from vmmodel.traffic import Traffic
from vmmodel.traffic.turn import ASLEEP, FINISHED, LOCK, SCANNED, SLAB

Process = Generator[simpy.Event, Any, None]


class OrderedLock(FreeLock):
    """A free lock whose next holder acts before anything else happens."""

    def grant(self, granted: simpy.Event) -> None:
        trigger(granted)


class PlainClock:
    """Runs page traffic as SimPy processes."""

    def __init__(self, env: simpy.Environment, traffic: Traffic, requests: Requests) -> None:
        self.env, self.traffic, self.requests = env, traffic, requests
        domains = range(traffic.vm.ndomains)
        self.locks = [OrderedLock(env) for _ in domains]
        self._asleep: dict[int, simpy.Event] = {}
        self._go_on: dict[int, simpy.Event] = {}
        self._ticks: dict[int, simpy.Event] = {}
        self._wakeable = tuple(domains)
        """Domains whose daemon a shortage wakes."""

    def start(self, end_ns: int) -> None:
        """Begin; *end_ns* is when the run ends."""
        for a in range(self.traffic.nactors):
            self.env.process(self._actor(a))
        for d in range(self.traffic.vm.ndomains):
            self._tick_at(d, self.traffic.daemon_period_ns)

    def _actor(self, a: int) -> Process:
        """Act, wait, act."""
        env, turn, priority = self.env, self.traffic.turn, ACTORS + a
        ends = self.traffic.ends
        if a >= self.traffic.ncpus:
            now = yield self._wait_for(a)
        else:
            now = yield At(env, 0, priority)
        while True:
            due = turn(a, now)
            self.settle()
            if due >= 0:
                if ends[a] > now:  # the work of the operation, then what comes before the next
                    yield At(env, ends[a], priority)
                now = yield At(env, due, priority)
            elif due == -LOCK:
                now = yield from self._locked(a, now)
            elif due == -ASLEEP:
                self._asleep[a] = env.event()
                now = yield self._asleep[a]
                self.traffic.set_now(now)
                self.traffic.wake(a)
            elif due == -SLAB:
                self.requests.slab(a)
                now = yield self._wait_for(a)
            elif due == -SCANNED:
                self.requests.scan_ended(a)
                now = yield self._wait_for(a)
            else:
                assert due == -FINISHED
                return

    def _locked(self, a: int, asked: int) -> Generator[simpy.Event, int, int]:
        """Wait for the free lock, act under it, keep it as long as that takes; give until when."""
        traffic, now = self.traffic, asked
        lock = self.locks[traffic.lock_of(a)]
        if (granted := lock.acquire()) is not None:
            now = yield granted
        hold = traffic.locked(a, now, now - asked)
        self.settle()
        lock.hold_ns += hold
        now = yield At(self.env, now + hold, ACTORS + a)
        lock.release()
        return now

    def _wait_for(self, a: int) -> simpy.Event:
        self._go_on[a] = self.env.event()
        return self._go_on[a]

    def go_on(self, a: int) -> None:
        """Let an actor go on that waited for SimPy."""
        trigger(self._go_on.pop(a), ACTORS + a)

    # Waking.

    def settle(self) -> None:
        """Wake who waits for memory, and daemons, after something was done."""
        if (self._asleep or self.requests.sleepers) and not self.traffic.is_short():
            for a in sorted(self._asleep):
                trigger(self._asleep[a], ACTORS + a)
            self._asleep.clear()
            self.requests.plenty()
        for d in self._wakeable:
            if self.traffic.needs_paging(d):
                self._set_wakeable(d, False)
                self._tick_at(d, int(self.env.now))

    # Page daemons.

    def _tick_at(self, d: int, time_ns: int) -> None:
        """Let the daemon of a domain look at memory at *time_ns*, and not when it would have."""
        event = At(self.env, time_ns, ACTORS + self.traffic.nactors + d)
        self._ticks[d] = event
        event.callbacks.append(lambda event: self._tick(d, event))

    def _tick(self, d: int, event: simpy.Event) -> None:
        if self._ticks.get(d) is not event:
            return
        self._set_wakeable(d, False)
        self.traffic.set_now(int(self.env.now))
        if self.traffic.daemon_tick(d) > 0:
            self.requests.paging(d)
        else:
            self.daemon_sleep(d, target_met=True)

    def daemon_sleep(self, d: int, *, target_met: bool) -> None:
        """Put a page daemon to sleep after its work."""
        self.traffic.set_now(int(self.env.now))
        until = self.traffic.daemon_sleep(d, target_met)
        self._set_wakeable(d, self.traffic.daemon_wakeable(d))
        self._tick_at(d, until)

    def _set_wakeable(self, d: int, wakeable: bool) -> None:
        others = {other for other in self._wakeable if other != d}
        self._wakeable = tuple(sorted(others | {d} if wakeable else others))
