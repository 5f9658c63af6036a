"""The domain's free lock as a SimPy resource, with the sums that queueing laws need."""

from collections import deque
from typing import Protocol

import simpy


class Lock(Protocol):
    """What a process may do with a free lock, and the sums that it keeps."""

    def acquire(self) -> simpy.Event | None:
        """Take the lock: None if it is ours at once, else the event to wait for."""

    def hold(self, ns: int) -> simpy.Event:
        """Keep the lock for *ns*: the event to yield."""

    def release(self) -> None:
        """Hand the lock to who has waited longest."""

    @property
    def holds(self) -> int:
        """How often it was taken."""

    @property
    def wait_ns(self) -> int:
        """Sum of waiting for it."""

    @property
    def hold_ns(self) -> int:
        """Sum of holding it."""


class FreeLock:
    """One holder at a time, first come, first served.  FreeBSD: vmd_free_mtx.

    A `simpy.Resource` of capacity one that schedules no event while nobody waits, which is twice
    as fast; a test holds the two to the same order and times.

    All times in ns.  *waiting_area* is the integral of the number waiting over time, counted at
    arrivals and grants; by Little's law it equals the sum of all waiting times.
    """

    def __init__(self, env: simpy.Environment) -> None:
        self.env = env
        self.holds = 0
        self.contended = 0
        """Holds that had to wait."""
        self.wait_ns = 0
        self.hold_ns = 0
        self.waiting_area = 0
        self._held = False
        self._queue: deque[tuple[simpy.Event, int]] = deque()
        self._changed = 0

    def acquire(self) -> simpy.Event | None:
        """Take the lock: None if it is ours at once, else the event to wait for."""
        self.holds += 1
        if not self._held:
            self._held = True
            return None
        self.contended += 1
        self._count_waiting()
        granted = self.env.event()
        self._queue.append((granted, int(self.env.now)))
        return granted

    def hold(self, ns: int) -> simpy.Event:
        """Keep the lock for *ns*: the event to yield."""
        self.hold_ns += ns
        return self.env.timeout(ns)

    def release(self) -> None:
        """Hand the lock to who has waited longest."""
        if not self._queue:
            self._held = False
            return
        self._count_waiting()
        granted, asked = self._queue.popleft()
        self.wait_ns += int(self.env.now) - asked
        self.grant(granted)

    def grant(self, granted: simpy.Event) -> None:
        """Let the next holder go on."""
        granted.succeed()

    def _count_waiting(self) -> None:
        """Add the time since the last change, for each that waited through it."""
        now = int(self.env.now)
        self.waiting_area += len(self._queue) * (now - self._changed)
        self._changed = now
