"""The domain's free lock as a SimPy resource, with the sums that queueing laws need."""

from collections.abc import Generator

import simpy


class FreeLock:
    """One holder at a time, first come, first served.  FreeBSD: vmd_free_mtx.

    All times in ns.  *waiting_area* is the integral of the number waiting over time, counted at
    arrivals and grants; by Little's law it equals the sum of all waiting times.
    """

    def __init__(self, env: simpy.Environment) -> None:
        self.env = env
        self.resource = simpy.Resource(env, capacity=1)
        self.holds = 0
        self.contended = 0
        """Holds that had to wait."""
        self.wait_ns = 0
        self.hold_ns = 0
        self.waiting_area = 0
        self._waiting = 0
        self._changed = 0

    def acquire(self) -> Generator[simpy.Event, None, simpy.resources.resource.Request]:
        """Wait for the lock; give the request to `release`."""
        request = self.resource.request()
        self.holds += 1
        if not request.triggered:
            start = self.env.now
            self.contended += 1
            self._count_waiting(+1)
            yield request
            self._count_waiting(-1)
            self.wait_ns += int(self.env.now) - int(start)
        return request

    def hold(self, ns: int) -> simpy.Event:
        """Keep the lock for *ns*: the event to yield."""
        self.hold_ns += ns
        return self.env.timeout(ns)

    def release(self, request: simpy.resources.resource.Request) -> None:
        """Hand the lock to who has waited longest."""
        self.resource.release(request)

    def _count_waiting(self, change: int) -> None:
        now = int(self.env.now)
        self.waiting_area += self._waiting * (now - self._changed)
        self._waiting += change
        self._changed = now
