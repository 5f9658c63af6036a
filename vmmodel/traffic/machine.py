"""Page traffic as Python sees it: one object over the structs and the compiled functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from vmmodel.kernel.cstruct import Struct, StructArray
from vmmodel.kernel.pages import NO_PAGE, Popmap, Word
from vmmodel.kernel.pidctrl import BOUND_TARGETS, PidCtrl
from vmmodel.kernel.reserv import NO_END
from vmmodel.kernel.whole import WholeVm
from vmmodel.traffic import entries
from vmmodel.traffic.advance import PERIOD_NS
from vmmodel.traffic.items import MOST_FULL
from vmmodel.traffic.radix import MOST_INDEXES, words_of
from vmmodel.traffic.record import bucket_bounds
from vmmodel.traffic.structs import (
    NBUCKET,
    NEVER,
    NONE,
    NPART,
    NQUEUE,
    NRECORDED,
    RING,
    Actor,
    Count,
    Daemon,
    Event,
    Fill,
    ItemCache,
    ItemZone,
    Kind,
    Lock,
    Object,
    Op,
    PageQueue,
    Part,
    Record,
    TrafficState,
)

Rows = npt.NDArray[np.void]
KINDS = tuple(Kind)
OPERATIONS = ("page-alloc", "page-free", "page-reclaim")
PARTS = ("wait", "work", "total")


@dataclass(frozen=True)
class Load:
    """What page traffic is to do: drawn before any design sees it.

    *timelines* holds one array of `Event` rows for each CPU, ascending in time; *objects* one row
    for each object (see `object_rows`); *zones* the initial bucket size of each zone of items.
    All events of an object are on one CPU: objects have no lock.
    """

    timelines: tuple[Rows, ...]
    objects: Rows
    zones: tuple[int, ...] = ()
    swap_zone: int = NONE
    home: tuple[int, ...] = ()
    """Domain of each CPU; all in domain 0 if empty."""


def object_rows(kinds: Sequence[int] | npt.NDArray[Any], **columns: Any) -> Rows:
    """Make object rows of *kinds*; anonymous memory is expected to grow, and is dirty.

    *columns* sets others of `Object`: size (pages, for files), stride, policy, preferred, dirty.
    """
    rows = np.zeros(len(kinds), Object.dtype)
    rows["kind"] = kinds
    rows["size"] = NO_END
    rows["stride"] = 1
    rows["dirty"] = rows["kind"] == Kind.ANON
    for name, values in columns.items():
        rows[name] = values
    return rows


def event_rows(n: int) -> Rows:
    """Make *n* event rows, all zero."""
    return np.zeros(n, Event.dtype)


@dataclass
class Traffic:
    """The page traffic of a machine *vm* under *load*, not yet begun.

    *prices* maps the events of ``data/costs.toml`` to ns.  With *trace* the first so many
    operations are kept.  Nothing here knows SimPy: see `vmmodel.sim.whole`.
    """

    vm: WholeVm
    load: Load
    prices: Mapping[str, float]
    trace: int = 0
    _arrays: dict[str, StructArray] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        load, nd = self.load, self.vm.ndomains
        self.ncpus = len(load.timelines)
        self.nactors = self.ncpus + nd
        self._state = StructArray(TrafficState, 1)
        self.state = self._state.records[0]
        self.at = self._state.address
        self.ncpus_of_vm = self.vm.ncpu
        assert self.ncpus == self.vm.ncpu, "a timeline for each CPU"
        nobjects = len(load.objects)
        self._assert_owners(nobjects)
        self._add("event", Event, sum(len(t) for t in load.timelines))
        self._add("object", Object, nobjects)[:] = load.objects
        self._add_radix(nobjects)
        parts = self._add("part", Part, nobjects * nd)
        parts["head"] = parts["tail"] = NO_PAGE
        parts["queue"] = parts["next"] = parts["prev"] = NONE
        queues = self._add("queue", PageQueue, nd * NQUEUE)
        queues["head"] = queues["tail"] = NONE
        self._add_zones()
        self._add("daemon", Daemon, nd)["wakeable"] = 1
        self._add_controllers()
        self._add("lock", Lock, nd)
        self._add("ring", Word, nd * RING)
        self._add("histogram", Count, NRECORDED * NPART * NBUCKET)
        self._add("record", Record, max(self.trace, 1))
        home = load.home or (0,) * self.ncpus
        self._add("home", Word, self.ncpus)["value"] = home
        self._add_actors()
        self._fill_state()
        self._free_counts = self.vm.free_counts
        # What SimPy's processes read and write often; a row of a struct takes ten times as long.
        self._plenty = self._state.column("plenty").data
        self._keys = self._arrays["key"].column("value").data
        self._kinds = self._arrays["object"].column("kind").data
        self._swblks = self._arrays["object"].column("swblks").data
        self._part_counts = self._arrays["part"].column("count").data
        self._wakeup = [self.vm.thresholds(d).wakeup_thresh for d in range(nd)]

    def _assert_owners(self, nobjects: int) -> None:
        """Assert that no object is touched, used or dropped by two CPUs."""
        owner = np.full(nobjects, NONE)
        for cpu, timeline in enumerate(self.load.timelines):
            objects = timeline["object"][timeline["op"] <= Op.DROP]
            taken = objects[(owner[objects] != NONE) & (owner[objects] != cpu)]
            assert not len(taken), f"object {taken[0]} is not of one CPU alone"
            owner[objects] = cpu

    def _add_radix(self, nobjects: int) -> None:
        """Make room for every page index that an object can reach, were it never dropped."""
        pages, used = np.zeros(nobjects, np.int64), np.zeros(nobjects, np.int64)
        for timeline in self.load.timelines:
            op, objects, counts = timeline["op"], timeline["object"], timeline["count"]
            touches, uses = op == Op.TOUCH, op == Op.USE
            np.add.at(pages, objects[touches], counts[touches])
            np.maximum.at(used, objects[uses], counts[uses])
        indexes = (pages + used) * self.load.objects["stride"]
        words = words_of(indexes)
        assert indexes.max(initial=0) <= MOST_INDEXES, "an object of more than 8 TB"
        assert words.sum() <= MOST_INDEXES, "page indexes of more than 8 GB of bits"
        self._add("radix", Popmap, int(words.sum()))
        self._arrays["object"].column("radix")[:nobjects] = np.cumsum(words) - words

    def _add(self, name: str, struct: Struct, n: int) -> Rows:
        array = StructArray(struct, max(n, 1))
        self._arrays[name] = array
        self.state[name] = array.address
        return array.records

    def _add_zones(self) -> None:
        sizes = self.load.zones
        zones = self._add("zone", ItemZone, len(sizes))
        for z, size in enumerate(sizes):
            zones[z]["bucket_size"] = size
            zones[z]["bucket_max"] = 254
        self._add("items", ItemCache, len(sizes) * self.ncpus)
        self._add("fill", Fill, len(sizes) * MOST_FULL)

    def _add_controllers(self) -> None:
        pids = self._add("pid", PidCtrl, self.vm.ndomains)
        for d in range(self.vm.ndomains):
            target = self.vm.thresholds(d).free_target
            pids[d]["setpoint"], pids[d]["bound"] = target, BOUND_TARGETS * target

    def _add_actors(self) -> None:
        actors = self._add("actor", Actor, self.nactors)
        keys = self._add("key", Word, self.nactors + self.vm.ndomains)
        actors["lock"] = NONE
        keys["value"] = NEVER
        first = 0
        for cpu, timeline in enumerate(self.load.timelines):
            end = first + len(timeline)
            self._arrays["event"].records[first:end] = timeline
            actors[cpu]["event"], actors[cpu]["end"], actors[cpu]["cpu"] = first, end, cpu
            keys[cpu]["value"] = 0
            first = end
        for d in range(self.vm.ndomains):
            daemon = actors[self.ncpus + d]
            daemon["object"], daemon["op"] = d, Op.SCAN
            keys[self.nactors + d]["value"] = PERIOD_NS

    def _fill_state(self) -> None:
        state, price = self.state, self.prices
        state["machine"] = self.vm.address
        state["ncpus"], state["nactors"] = self.ncpus, self.nactors
        state["ndomains"], state["nrecords"] = self.vm.ndomains, self.trace
        state["swap_zone"] = self.load.swap_zone

        def ps(**counts: int) -> int:
            return round(1000 * sum(n * price[event] for event, n in counts.items()))

        for event in ("list_op", "page_struct", "atomic", "percpu"):
            state[f"price_{event}"] = ps(**{event: 1})
        state["price_lock"], state["price_zone_lock"] = ps(free_lock=1), ps(lock=1)
        state["after_anon"] = ps(zero_page=1, radix_insert=1, pte=1)
        state["after_file"] = ps(radix_insert=1)
        state["after_kernel"] = ps(zero_page=1)

    def charge_every_free(self, ns: float) -> None:
        """Let every free of an ordinary page pay *ns* more: a branch that some designs need."""
        self.state["price_branch"] = round(1000 * ns)

    def arrays(self) -> list[StructArray]:
        """All the structs that the traffic consists of."""
        return [self._state, *self._arrays.values()]

    def close(self) -> None:
        """Forget the traffic; nothing of it may be used afterwards."""
        for array in self.arrays():
            array.close()

    # The clock.

    @property
    def now(self) -> int:
        """Time of the last step, in ns."""
        return int(self.state["now"])

    def set_now(self, now: int) -> None:
        """Tell the time, in ns, before something is done outside of `advance`."""
        entries.set_now(self.at, now)

    def advance(self, until: int) -> int:
        """Run everything before *until*, or up to where SimPy has to act: what, as a sum."""
        return entries.advance(self.at, until)

    def set_key(self, index: int, time_ns: int) -> None:
        """Say when an actor, or behind them a daemon, goes on."""
        self._keys[index] = time_ns

    def set_plenty(self, wanted: bool) -> None:
        """Say whether SimPy's own sleepers want to know when memory is there."""
        self._plenty[0] = wanted

    def settle(self) -> int:
        """Wake sleepers and daemons after something was done outside of `advance`."""
        return entries.settle(self.at)

    # Steps of one actor, for a clock that is not compiled.

    @property
    def ends(self) -> memoryview:
        """When the work of each actor's last operation is done, as it is at any time."""
        return self._arrays["actor"].column("ends").data

    def turn(self, a: int, now: int) -> int:
        """Run actor *a* at *now*: when it goes on, or minus why it stops; see `turn.turn`."""
        return entries.turn(self.at, a, now)

    def locked(self, a: int, now: int, waited: int) -> int:
        """Do what actor *a* wants the free lock for, which it *waited* for; give its hold in ns."""
        return entries.locked(self.at, a, now, waited)

    def lock_of(self, a: int) -> int:
        """Domain whose free lock actor *a* wants."""
        return 0 if self.vm.ndomains == 1 else entries.lock_of(self.at, a)

    def wake(self, a: int) -> None:
        """Let actor *a*, which slept, begin anew."""
        entries.wake(self.at, a)

    def is_short(self) -> bool:
        """Whether who asks for memory would sleep."""
        return bool(entries.is_short(self.at))

    # The free lock, shared between traffic and others.

    def lock_acquire(self, d: int, who: int) -> bool:
        """Take the free lock of a domain, or queue for it under the number *who*."""
        return bool(entries.lock_acquire(self.at, d, who))

    def lock_hand_over(self, d: int) -> int:
        """Give it up: the number of who gets it, or NONE."""
        return entries.lock_hand_over(self.at, d)

    def begin_hold(self, a: int) -> None:
        """Let actor *a* act under the lock that it got."""
        entries.begin_hold(self.at, a)

    def actor(self, a: int) -> Rows:
        """Row of an actor."""
        row: Rows = self._arrays["actor"].records[a]
        return row

    # Daemons.

    def start_scan(self, d: int, npages: int) -> int:
        """Let the page daemon of a domain free *npages*: the number of its actor."""
        a = self.ncpus + d
        self.actor(a)["left"] = npages
        self._arrays["daemon"].records[d]["scans"] += 1
        return a

    @property
    def daemon_period_ns(self) -> int:
        """Period of page daemons."""
        return PERIOD_NS

    def daemon_tick(self, d: int) -> int:
        """Ask the controller of a domain how many pages to free now."""
        return entries.daemon_tick(self.at, d)

    def daemon_sleep(self, d: int, target_met: bool) -> int:
        """Put a page daemon to sleep: until when."""
        return entries.daemon_sleep(self.at, d, int(target_met))

    def daemon_wakeable(self, d: int) -> bool:
        """Whether a shortage wakes the daemon before its time."""
        return bool(self._arrays["daemon"].records[d]["wakeable"])

    def needs_paging(self, d: int) -> bool:
        """Whether free pages are below the wake-up threshold.  FreeBSD: vm_paging_needed()."""
        return self._free_counts[d] < self._wakeup[d]

    def shortage(self, d: int) -> int:
        """Pages that the controller asked for at the last tick."""
        return int(self._arrays["daemon"].records[d]["shortage"])

    def deactivate(self, d: int, target: int) -> int:
        """Fill the inactive queue up to *target* pages; give the pages moved."""
        return entries.deactivate(self.at, d, target)

    def queue_pages(self, d: int, kind: int) -> int:
        """Pages in a page queue of a domain."""
        return int(self._arrays["queue"].records[d * NQUEUE + kind]["pages"])

    def take_laundry(self, d: int) -> tuple[int, int, Kind] | None:
        """Take the first part out of the laundry queue: part, pages, kind; None if it is empty."""
        part = entries.take_laundry(self.at, d)
        if part == NONE:
            return None
        return part, self._part_counts[part], KINDS[self._kinds[part // self.vm.ndomains]]

    def swblks(self, part: int) -> int:
        """Swap blocks that the object of a part holds."""
        return self._swblks[part // self.vm.ndomains]

    def laundered(self, part: int, swblks: int, cpu: int) -> None:
        """End the laundering of a part, of which *swblks* swap blocks say where it is."""
        entries.laundered(self.at, part, swblks, cpu)

    # Zones of items.

    def keg_free(self, z: int) -> int:
        """Items in slabs of a zone that nobody has."""
        return int(self._arrays["zone"].records[z]["keg_free"])

    def set_keg_free(self, z: int, n: int) -> None:
        """Set that number."""
        self._arrays["zone"].records[z]["keg_free"] = n

    def items_alloc(self, z: int, cpu: int, n: int) -> int:
        """Take items for SimPy's own use: how many are missing."""
        return entries.items_alloc(self.at, z, cpu, n)

    def items_arrive(self, z: int, cpu: int, n: int) -> None:
        """Give a CPU a bucket of *n* items that was filled for it."""
        entries.items_arrive(self.at, z, cpu, n)

    def items_reclaim(self, z: int) -> None:
        """Give what full buckets hold back to the slabs."""
        entries.items_reclaim(self.at, z)

    @property
    def asked_items(self) -> int:
        """Items that the bucket lacks for which a slab was asked for."""
        return int(self.state["asked_items"])

    def zone(self, z: int) -> dict[str, int]:
        """Read all of a zone."""
        row = self._arrays["zone"].records[z]
        return {name: int(row[name]) for name in ItemZone.fields}

    # Results.

    def check(self, nofree_pages: int) -> None:
        """Assert every promise, and that no page is missing.

        *nofree_pages* are those that a NOFREE design and its consumers hold.  Each page is on a
        buddy list, unused in a reservation, in a page cache, in an object, held by the design, or
        in the hand of an actor that waits for a lock or holds it.
        """
        vm = self.vm
        pages = nofree_pages + entries.pages_in_hand(self.at)
        for d in range(vm.ndomains):
            assert entries.check_queues(self.at, d), f"the page queues of domain {d} are broken"
            pages += vm.check_domain(d, entries.pages_admitted(self.at, d))
        held = entries.check_objects(self.at, len(self.load.objects))
        assert held >= 0, "the page lists of objects are broken"
        assert pages + held == vm.npages, f"{vm.npages - pages - held} pages are missing"

    def resident_pages(self) -> int:
        """Pages in objects, as they count themselves."""
        return int(self._arrays["object"].column("resident").sum())

    def records(self) -> Rows:
        """The trace."""
        return self._arrays["record"].records[: int(self.state["recorded"])]

    def lock(self, d: int) -> Rows:
        """Row of a free lock."""
        row: Rows = self._arrays["lock"].records[d]
        return row

    def latencies(self) -> list[tuple[str, str, int, int, int]]:
        """Histogram rows (operation, part, low, high, count), in that order."""
        counts = self._arrays["histogram"].column("n").reshape(NRECORDED, NPART, NBUCKET)
        rows = []
        for op, part, bucket in zip(*(index.tolist() for index in counts.nonzero()), strict=True):
            n = int(counts[op, part, bucket])
            rows.append((OPERATIONS[op], PARTS[part], *bucket_bounds(bucket), n))
        return sorted(rows)
