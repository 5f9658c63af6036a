"""What a run writes down: plain rows, turned into tables later."""

from collections import Counter

SUB_BUCKET_BITS = 7
"""128 buckets an octave: a latency is kept to within 0.8 %."""


def latency_bucket(ns: int) -> tuple[int, int]:
    """Give the fixed bucket [low, high) that *ns* falls into; exact below 256 ns.

    >>> latency_bucket(200), latency_bucket(1000)
    ((200, 201), (1000, 1004))
    """
    shift = max(ns.bit_length() - 1 - SUB_BUCKET_BITS, 0)
    low = ns >> shift << shift
    return low, low + (1 << shift)


REQUESTS = frozenset({"slab", "object-page"})
"""Operations that are requests for NOFREE memory; no request is part of another."""


class Recorder:
    """Latencies by operation and part, and events, in the order they happen."""

    def __init__(self) -> None:
        self._operations: Counter[tuple[str, int, int]] = Counter()
        self.events: list[tuple[int, int, str, int]] = []
        """(time in ns, cpu, kind, pages)"""
        self.answered = self.answered_wait_ns = self.answered_total_ns = 0
        """Requests for NOFREE memory so far, and the sums of their waiting and of their latency."""

    def operation(self, name: str, wait_ns: int, work_ns: int) -> None:
        """Count one operation: its waiting for the free lock, and its work."""
        self._operations[name, wait_ns, work_ns] += 1
        if name in REQUESTS:
            self.answered += 1
            self.answered_wait_ns += wait_ns
            self.answered_total_ns += wait_ns + work_ns

    def latencies(self) -> list[tuple[str, str, int, int, int]]:
        """Give (operation, part, low, high, count) in that order; part is wait, work or total."""
        buckets: Counter[tuple[str, str, int, int]] = Counter()
        for (name, wait, work), count in self._operations.items():
            for part, ns in (("wait", wait), ("work", work), ("total", wait + work)):
                buckets[(name, part, *latency_bucket(ns))] += count
        return [(*key, buckets[key]) for key in sorted(buckets)]

    def add(self, other: "Recorder") -> None:
        """Add what another recorder counted and noted."""
        self._operations += other._operations
        self.events += other.events

    def event(self, time_ns: int, cpu: int, kind: str, pages: int) -> None:
        """Note that something worth telling happened."""
        self.events.append((time_ns, cpu, kind, pages))
