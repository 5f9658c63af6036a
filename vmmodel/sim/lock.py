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
    def contended(self) -> int:
        """How often that had to wait."""

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

    A hold lasts *handoff_ns* longer when another CPU held the lock before: its cache line, and
    those of what it protects, must come from there.
    """

    def __init__(self, env: simpy.Environment, handoff_ns: int = 0) -> None:
        self.env = env
        self.handoff_ns = handoff_ns
        self.handoffs = 0
        """Grants to another CPU than the one before."""
        self.holds = 0
        self.contended = 0
        """Holds that had to wait."""
        self.wait_ns = 0
        self.hold_ns = 0
        self.waiting_area = 0
        self._held = False
        self._cpu: int | None = None
        self._transfer_ns = 0
        self._queue: deque[tuple[simpy.Event, int, int]] = deque()
        self._changed = 0

    def acquire(self, cpu: int = 0) -> simpy.Event | None:
        """Take the lock for *cpu*: None if it is ours at once, else the event to wait for."""
        self.holds += 1
        if not self._held:
            self._held = True
            self._hand_to(cpu)
            return None
        self.contended += 1
        self._count_waiting()
        granted = self.env.event()
        self._queue.append((granted, int(self.env.now), cpu))
        return granted

    def hold(self, ns: int) -> simpy.Event:
        """Keep the lock for *ns*, after its hand-off: the event to yield."""
        self.hold_ns += ns
        transfer, self._transfer_ns = self._transfer_ns, 0
        return self.env.timeout(transfer + ns)

    def release(self) -> None:
        """Hand the lock to who has waited longest."""
        if not self._queue:
            self._held = False
            return
        self._count_waiting()
        granted, asked, cpu = self._queue.popleft()
        self.wait_ns += int(self.env.now) - asked
        self._hand_to(cpu)
        self.grant(granted)

    def grant(self, granted: simpy.Event) -> None:
        """Let the next holder go on."""
        granted.succeed()

    def _hand_to(self, cpu: int) -> None:
        """Note who holds the lock now; the first holder of all gets it from nobody."""
        moved = self._cpu is not None and self._cpu != cpu
        self._cpu = cpu
        self.handoffs += moved
        self._transfer_ns = self.handoff_ns if moved else 0

    def _count_waiting(self) -> None:
        """Add the time since the last change, for each that waited through it."""
        now = int(self.env.now)
        self.waiting_area += len(self._queue) * (now - self._changed)
        self._changed = now
