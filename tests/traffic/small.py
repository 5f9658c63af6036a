"""Small page traffic without SimPy, driven by hand: events as tuples, work free of charge."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sim.tiny import tiny_prices

from vmmodel.kernel import Pool, WholeVm
from vmmodel.kernel.pages import LOWMEM_END
from vmmodel.traffic.advance import PAGING, SCAN_ENDED
from vmmodel.traffic.machine import Load, Rows, Traffic, event_rows, object_rows
from vmmodel.traffic.structs import ALLOC, FREE, NEVER, RECLAIM, Kind, Op

Event = tuple[int, Op, int, int]
"""Time in ns, operation, object or zone, count."""
MS = 1_000_000
SMALL_FILE = 100
"""Pages of a file too small for a reservation: its pages come from the page cache."""


def timeline(*events: Event, gap: int = 0) -> Rows:
    """Make the rows of one CPU."""
    rows = event_rows(len(events))
    for i, (time_ns, op, o, count) in enumerate(events):
        rows[i] = (time_ns, gap, o, count, op)
    return rows


def files(n: int, **columns: Any) -> Rows:
    """Make *n* files of SMALL_FILE pages."""
    return object_rows([Kind.FILE] * n, **({"size": SMALL_FILE} | columns))


def anonymous(n: int, **columns: Any) -> Rows:
    """Make *n* anonymous objects."""
    return object_rows([Kind.ANON] * n, **columns)


@contextmanager
def traffic_of(
    objects: Rows,
    *cpus: Rows,
    domains: tuple[int, ...] = (4096,),
    zones: tuple[int, ...] = (),
    home: tuple[int, ...] = (),
    **prices: float,
) -> Iterator[Traffic]:
    """Make the traffic of *cpus* on a machine of *domains*; only what *prices* name takes time."""
    segments, start = [], LOWMEM_END
    for d, npages in enumerate(domains):
        segments.append((start, start + npages, d))
        start += npages
    vm = WholeVm(segments, ncpu=len(cpus))
    load = Load(cpus, objects, zones, home=home)
    traffic = Traffic(vm, load, tiny_prices(**prices).values(), trace=100_000)
    yield traffic
    traffic.close()
    vm.close()


def run(traffic: Traffic, until: int, taken: int = 0) -> None:
    """Run everything before *until*, with page daemons that do nothing; *taken* is elsewhere."""
    while reason := traffic.advance(until):
        assert PAGING == reason
    traffic.check(taken)


def leave(traffic: Traffic, npages: int, d: int = 0) -> int:
    """Take pages of a domain until *npages* are free; give how many."""
    vm = traffic.vm
    surplus = vm.free_count(d) - npages
    for first in range(0, surplus, 4096):
        vm.alloc_npages(min(4096, surplus - first), Pool.DEFAULT, d)
    vm.set_free_count(npages, d)
    return surplus


def scan(traffic: Traffic, npages: int) -> list[int]:
    """Let the page daemon of domain 0 free up to *npages* now; give them in order."""
    before = len(traffic.records())
    daemon = traffic.start_scan(0, npages)
    traffic.set_key(daemon, traffic.now)
    traffic.set_key(daemon + 1, NEVER)
    assert SCAN_ENDED == traffic.advance(traffic.now + 1_000_000)
    traffic.check(0)
    done = traffic.records()[before:]
    assert {RECLAIM} >= set(done["op"].tolist())
    return list(done["page"].tolist())


def pages(traffic: Traffic, op: int, cpu: int | None = None) -> list[int]:
    """Pages of all operations of a kind, in order; of one CPU if it is given."""
    records = traffic.records()
    chosen = records[records["op"] == op]
    return list((chosen if cpu is None else chosen[chosen["cpu"] == cpu])["page"].tolist())


def allocated(traffic: Traffic, cpu: int | None = None) -> list[int]:
    """Pages allocated, in order."""
    return pages(traffic, ALLOC, cpu)


def freed(traffic: Traffic) -> list[int]:
    """Pages freed by CPUs, in order."""
    return pages(traffic, FREE)


def holds(traffic: Traffic, d: int = 0) -> int:
    """How often the free lock of a domain was taken."""
    return int(traffic.lock(d)["holds"])
