"""The compiled clock under SimPy's: page traffic runs ahead to the next SimPy event, never past it.

Nobody but traffic touches its state before then, so it may run ahead exactly that far.  Where SimPy
has to act earlier, traffic stops at that instant and goes on when SimPy has done what it has to do
at it.
"""

from collections.abc import Generator
from itertools import count
from typing import Any

import simpy
from simpy.events import URGENT

from vmmodel.sim.order import LAST, At, trigger
from vmmodel.sim.requests import Requests
from vmmodel.traffic import Traffic
from vmmodel.traffic.advance import GRANTED, NEED_SLAB, PAGING, PLENTY, SCAN_ENDED


class SharedLock:
    """The free lock of a domain for SimPy's processes: its queue is that of page traffic."""

    def __init__(self, clock: "CompiledClock", d: int) -> None:
        self._clock, self._d = clock, d
        self._row = clock.traffic.lock(d)

    def acquire(self) -> simpy.Event | None:
        """Take the lock: None if it is ours at once, else the event to wait for."""
        clock = self._clock
        clock.tell_time()
        number = next(clock.numbers)
        if clock.traffic.lock_acquire(self._d, number):
            return None
        granted = clock.env.event()
        clock.waiting[number] = granted, self._d, int(clock.env.now)
        return granted

    def hold(self, ns: int) -> simpy.Event:
        """Keep the lock for *ns*: the event to yield."""
        self._row["hold_ns"] += ns
        return self._clock.env.timeout(ns)

    def release(self) -> None:
        """Hand the lock to who has waited longest; it acts as soon as this process waits."""
        clock = self._clock
        clock.tell_time()
        who = clock.traffic.lock_hand_over(self._d)
        if who >= clock.traffic.nactors:
            clock.granted(who)
        elif who >= 0:
            event = At(clock.env, clock.env.now, URGENT)
            event.callbacks.append(lambda _event: clock.enter(who))

    @property
    def holds(self) -> int:
        """How often it was taken."""
        return int(self._row["holds"])

    @property
    def contended(self) -> int:
        """How often that had to wait."""
        return int(self._row["contended"])

    @property
    def wait_ns(self) -> int:
        """Sum of waiting for it, in ns."""
        return int(self._row["wait_ns"])

    @property
    def hold_ns(self) -> int:
        """Sum of holding it, in ns."""
        return int(self._row["hold_ns"])

    @property
    def waiting_area(self) -> int:
        """Integral of the number waiting over time, in ns."""
        return int(self._row["area"])


class CompiledClock:
    """Runs page traffic in compiled code."""

    def __init__(self, env: simpy.Environment, traffic: Traffic, requests: Requests) -> None:
        self.env, self.traffic, self.requests = env, traffic, requests
        self.numbers = count(traffic.nactors)
        """Numbers of SimPy's requests for a free lock: above those of actors."""
        self.waiting: dict[int, tuple[simpy.Event, int, int]] = {}
        self.locks = [SharedLock(self, d) for d in range(traffic.vm.ndomains)]
        self.interactions = 0
        """How often compiled code and SimPy changed places."""

    def start(self, end_ns: int) -> None:
        """Begin; *end_ns* is when the run ends."""
        self.env.process(self._drive(end_ns))

    def _drive(self, end_ns: int) -> Generator[simpy.Event, Any, None]:
        env, traffic = self.env, self.traffic
        yield At(env, env.now, LAST)
        while True:
            until = int(min(env.peek(), end_ns))
            traffic.set_plenty(bool(self.requests.sleepers))
            reason = traffic.advance(until)
            self.interactions += 1
            if reason == 0:
                if until >= end_ns:
                    return
                yield At(env, until, LAST)
                continue
            yield At(env, traffic.now, LAST)
            self._answer(reason)
            yield At(env, env.now, LAST)

    def _answer(self, reason: int) -> None:
        """Tell SimPy's processes what happened, in the order in which it did."""
        traffic = self.traffic
        asked = int(traffic.state["asked_actor"])
        if reason & GRANTED:
            self.granted(int(traffic.state["granted"]))
        if reason & NEED_SLAB:
            self.requests.slab(asked)
        if reason & SCAN_ENDED:
            self.requests.scan_ended(asked)
        if reason & PAGING:
            self.requests.paging(asked)
        if reason & PLENTY:
            self.requests.plenty()

    def tell_time(self) -> None:
        """Tell traffic the time at which SimPy acts."""
        self.traffic.set_now(int(self.env.now))

    def granted(self, number: int) -> None:
        """Let a SimPy process have the lock that it waited for."""
        event, d, asked = self.waiting.pop(number)
        self.traffic.lock(d)["wait_ns"] += int(self.env.now) - asked
        trigger(event)

    def enter(self, a: int) -> None:
        """Let an actor act under the lock that a SimPy process gave up."""
        self.tell_time()
        self.traffic.begin_hold(a)
        self.settle()

    def go_on(self, a: int) -> None:
        """Let an actor go on that waited for SimPy."""
        self.traffic.set_key(a, int(self.env.now))

    def settle(self) -> None:
        """Wake who waits for memory, and daemons, after SimPy did something."""
        self.traffic.set_plenty(bool(self.requests.sleepers))
        if self.traffic.settle() & PLENTY:
            self.requests.plenty()

    def daemon_sleep(self, d: int, *, target_met: bool) -> None:
        """Put a page daemon to sleep after its work."""
        self.tell_time()
        self.traffic.set_key(self.traffic.nactors + d, self.traffic.daemon_sleep(d, target_met))
