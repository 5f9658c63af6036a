"""Random scripts for the whole machine, and everything that a run of one leaves behind."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from vmmodel.consumers.layout import keg_layout, uma_bucket_size
from vmmodel.consumers.memory import Injection
from vmmodel.nofree import DESIGNS
from vmmodel.sim.prices import Prices, load_prices
from vmmodel.sim.run import RunResult
from vmmodel.sim.whole import WholeMachine, WholeScript
from vmmodel.traffic.machine import Load, Rows, event_rows, object_rows
from vmmodel.traffic.structs import Kind, Op, Policy
from vmmodel.workloads.injections import draw_injections

Generator = np.random.Generator

ITEM_SIZES = {"VM OBJECT": 264, "Mountpoints": 2752, "swblk": 136}
"""One page to a slab, five pages to a slab, and the zone that swapping out takes from."""
ZONES = tuple((name, keg_layout(size, 8)) for name, size in ITEM_SIZES.items())
BUCKETS = tuple(uma_bucket_size(size) for size in ITEM_SIZES.values())
SPAN_NS = 200_000_000
HORIZON_NS = 700_000_000


@dataclass
class Case:
    """A run that is to be done: what, under which design, at which prices."""

    script: WholeScript
    design: str
    prices: Prices = field(default_factory=load_prices)


@dataclass(frozen=True)
class Shape:
    """How large a random script is; tight memory makes pages move, ample memory makes objects."""

    ncpus: int
    ndomains: int
    npages: int
    """Of all domains."""
    touched: int
    """Pages that are to be touched, about."""

    @classmethod
    def draw(cls, rng: Generator) -> "Shape":
        ndomains = int(rng.integers(1, 3))
        npages = int(rng.choice([4096, 6000, 12288, 131072]))
        touched = int(min(npages * rng.uniform(0.5, 3.0), 20000))
        return cls(int(rng.integers(1, 7)), ndomains, npages, touched)


def random_case(seed: int, shape: Shape | None = None) -> Case:
    """Draw a case, of *shape* if it is given; each design comes with each seventh seed."""
    rng = np.random.default_rng(seed)
    shape = shape or Shape.draw(rng)
    prices = load_prices()
    if rng.random() < 0.5:  # a lock that everybody queues for
        prices = prices.at("high")
        slow = prices.free_lock.model_copy(update={"value": 900.0, "high": 900.0})
        prices = prices.model_copy(update={"free_lock": slow, "lock": slow})
    script = WholeScript(
        (shape.npages // shape.ndomains,) * shape.ndomains,
        random_load(shape, rng),
        ZONES,
        HORIZON_NS,
        kasan=bool(rng.random() < 0.3),
        injections=random_injections(rng),
    )
    return Case(script, list(DESIGNS)[seed % len(DESIGNS)], prices)


def random_injections(rng: Generator) -> tuple[Injection, ...]:
    """Draw failures of all three routes for the first slabs, or none at all."""
    if rng.random() < 0.4:
        return ()
    return draw_injections(200, 5, rng, page=0.01, second=0.004, init=0.02)


def random_load(shape: Shape, rng: Generator) -> Load:
    """Draw objects and what CPUs do with them."""
    objects = random_objects(shape, rng)
    sizes = rng.lognormal(np.log(60), 1.3, len(objects)).astype(int) + 1
    sizes = np.minimum(sizes * shape.touched // max(sizes.sum(), 1) + 1, 3000)
    owner = rng.integers(0, shape.ncpus, len(objects))
    timelines = tuple(
        random_timeline(np.flatnonzero(owner == cpu), sizes, rng) for cpu in range(shape.ncpus)
    )
    home = tuple(cpu % shape.ndomains for cpu in range(shape.ncpus))
    swap_zone = 2 if rng.random() < 0.8 else -1
    return Load(timelines, objects, BUCKETS, swap_zone, home)


def random_objects(shape: Shape, rng: Generator) -> Rows:
    """Draw objects of all kinds, sizes, strides and policies."""
    n = int(rng.integers(20, 120))
    mostly_kernel = rng.random() < 0.2  # of class SYSTEM, which leaves nothing for NOFREE requests
    shares = [0.1, 0.1, 0.8] if mostly_kernel else [0.45, 0.4, 0.15]
    kinds = rng.choice([Kind.ANON, Kind.FILE, Kind.KERNEL], n, p=shares)
    files = rng.choice([100, 512, 1300, 1 << 62], n)
    return object_rows(
        kinds,
        size=np.where(kinds == Kind.FILE, files, 1 << 62),
        stride=rng.choice([1, 1, 1, 2, 7, 512], n),
        policy=rng.choice(list(Policy), n),
        preferred=rng.integers(0, shape.ndomains, n),
        dirty=(kinds == Kind.ANON) | (rng.random(n) < 0.3),
    )


def random_timeline(owned: Any, sizes: Any, rng: Generator) -> Rows:
    """Let a CPU touch, use and drop its objects, some of them twice, and take and give items."""
    rows: list[tuple[int, int, int, int, int]] = []
    for o in owned.tolist():
        start, size = int(rng.integers(0, SPAN_NS)), int(sizes[o])
        gap = int(rng.choice([0, 50, 200, 2000]))
        rows.append((start, Op.TOUCH, o, size, gap))
        rows += [
            (start + int(after), Op.USE, o, int(rng.integers(1, size + 1)), gap)
            for after in rng.exponential(SPAN_NS / 3, int(rng.integers(0, 4)))
        ]
        if rng.random() < 0.7:
            end = start + int(rng.exponential(SPAN_NS))
            rows.append((end, Op.DROP, o, 0, gap))
            if rng.random() < 0.3:
                rows.append((end + 1000, Op.TOUCH, o, size // 2 + 1, gap))
    rows += random_items(rng)
    timeline = event_rows(len(rows))
    for i, (time_ns, op, o, count, gap) in enumerate(sorted(rows)):
        timeline[i] = (time_ns, gap, o, count, op)
    return timeline


def random_items(rng: Generator) -> list[tuple[int, int, int, int, int]]:
    """Take items of both zones and give some of them back, never more than were taken."""
    rows, held = [], [0, 0]
    for time_ns in np.sort(rng.integers(0, SPAN_NS, int(rng.integers(0, 60)))).tolist():
        zone, n = int(rng.integers(0, 2)), int(rng.integers(1, 40))
        if rng.random() < 0.6 or held[zone] == 0:
            held[zone] += n
            rows.append((time_ns, int(Op.ITEMS), zone, n, 100))
        else:
            n = min(n, held[zone])
            held[zone] -= n
            rows.append((time_ns, int(Op.UNITEMS), zone, n, 100))
    return rows


@dataclass
class Outcome:
    """All that a run leaves: tables, trace, and the state of everything at its end."""

    result: RunResult
    trace: bytes
    state: dict[str, Any]

    def differences(self, other: "Outcome") -> list[str]:
        """Name what differs; the first different operation in full."""
        found = [
            f"{name}: {mine!r} {theirs!r}"
            for name, mine, theirs in [
                *self._pairs(self.result.run, other.result.run),
                *self._pairs(self.state, other.state),
                ("samples", self.result.samples, other.result.samples),
                ("latencies", self.result.latencies, other.result.latencies),
                ("events", self.result.events, other.result.events),
                ("sleeping", self.result.sleeping, other.result.sleeping),
                ("maps", self._maps(), other._maps()),
            ]
            if mine != theirs
        ]
        return found + ["trace"] * (self.trace != other.trace)

    @staticmethod
    def _pairs(mine: dict[str, Any], theirs: dict[str, Any]) -> list[tuple[str, Any, Any]]:
        return [(name, mine.get(name), theirs.get(name)) for name in mine | theirs]

    def _maps(self) -> list[tuple[int, bytes, bytes]]:
        return [(t, free.tobytes(), marks.tobytes()) for t, free, marks in self.result.maps]


def run_case(case: Case, clock: Literal["compiled", "plain"], trace: int = 1 << 17) -> Outcome:
    """Run a case under a clock with every promise checked at every sample."""
    machine = WholeMachine(
        case.script, case.design, case.prices, clock=clock, check=True, trace=trace
    )
    result = machine.run(12, 2)
    outcome = Outcome(result, machine.traffic.records().tobytes(), state_of(machine))
    machine.close()
    return outcome


def state_of(machine: WholeMachine) -> dict[str, Any]:
    """Read what is to be equal at the end beside the tables."""
    traffic, vm = machine.traffic, machine.vm
    state: dict[str, Any] = {
        name: int(traffic.state[name])
        for name in ("operations", "digest", "refused", "swapped_in", "breaks")
    }
    state["reservations"] = vm.reservations()
    state["checksum"] = vm.checksum()
    for z in range(len(machine.zones)):
        state[f"zone {z}"] = traffic.zone(z), machine.zones[z].slabs
    for d in range(vm.ndomains):
        paging, lock = machine.paging_of[d], machine.traffic_clock.locks[d]
        state[f"paging {d}"] = paging.shortfalls, paging.laundered
        state[f"queues {d}"] = [traffic.queue_pages(d, kind) for kind in range(3)]
        state[f"lock {d}"] = (lock.holds, lock.contended, lock.wait_ns, lock.hold_ns)
        state[f"area {d}"] = lock.waiting_area
        for pool in range(2):
            state[f"cache {d} {pool}"] = vm.cache_counts(pool, d)
    return state
