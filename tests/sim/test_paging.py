"""The page daemon, the laundry thread and vm_wait(), worked out by hand under both clocks.

The machine has 4096 pages: free_reserved 71, free_severe 81, free_min 91, free_target 151,
wakeup_thresh 135.
"""

from collections import Counter
from typing import Any

import pytest
from sim.whole_tiny import CLOCKS, SWBLK, VM_OBJECT, machine_of, operations
from traffic.small import MS, timeline

from vmmodel.kernel import Pool, Thresholds
from vmmodel.kernel.cstruct import CHECKED
from vmmodel.sim.paging import LOWMEM_NS
from vmmodel.sim.run import RunResult
from vmmodel.traffic import Kind, Op
from vmmodel.traffic.machine import object_rows
from vmmodel.traffic.structs import ACTIVE, ALLOC, INACTIVE, LAUNDRY, RECLAIM

pytestmark = pytest.mark.skipif(CHECKED, reason="minutes where nothing is compiled")
TOUCH, DROP = Op.TOUCH, Op.DROP
ONE_TOO_MANY = 4096 - 134
"""Pages after which 134 are free: one less than wakeup_thresh."""
clocks = pytest.mark.parametrize("clock", CLOCKS)


def count(result: RunResult, operation: str) -> int:
    """How often SimPy's processes did an operation."""
    return sum(
        int(row["count"])
        for row in result.latencies
        if (row["operation"], row["part"]) == (operation, "total")
    )


def test_thresholds_are_those_worked_with() -> None:
    """The kernel's formulas for 4096 pages."""
    limits = Thresholds.of(4096)

    assert (71, 81, 91) == (limits.free_reserved, limits.free_severe, limits.free_min)
    assert (151, 135) == (limits.free_target, limits.wakeup_thresh)


def test_idle_daemon_looks_at_memory_each_100_ms() -> None:
    """Its period is a tenth of a second, and it starts nothing while memory is ample."""
    with machine_of("plain", object_rows([Kind.FILE]), timeline()) as machine:
        looks: list[int] = []
        tick = machine.traffic.daemon_tick

        def look(d: int) -> int:
            looks.append(int(machine.env.now))
            return tick(d)

        machine.traffic.daemon_tick = look  # type: ignore[method-assign]
        machine.run(2)

        assert [100 * MS * i for i in range(1, 11)] == looks
        assert 0 == machine.paging_of[0].shortfalls


@clocks
def test_daemon_wakes_below_the_threshold_and_frees_what_its_controller_says(clock: Any) -> None:
    """Errors 17, 6, 0, -5 and -8 pages ask for 11, 6, 5, 3 and 0, a period apart.

    The first call comes at once, in the first interval: 17/3 + 17/4 + 17/8 = 11.  Then 6/3 + 23/4 -
    11/8, 23/4 - 6/8, -5/3 + 18/4 - 5/8, and -8/3 + 10/4 - 3/8.
    """
    touch = timeline((5 * MS, TOUCH, 0, ONE_TOO_MANY))
    with machine_of(clock, object_rows([Kind.FILE]), touch) as machine:
        machine.run(5)

        reclaimed = operations(machine, RECLAIM)
        assert {5 * MS: 11, 105 * MS: 6, 205 * MS: 5, 305 * MS: 3} == Counter(
            time_ns for time_ns, _ in reclaimed
        )
        assert [page for _, page in operations(machine, ALLOC)[:25]] == [
            page for _, page in reclaimed
        ]
        assert 134 + 25 == machine.vm.free_count()


@clocks
def test_daemon_does_not_wake_at_the_threshold_itself(clock: Any) -> None:
    """With 135 pages free it sleeps until its period ends."""
    touch = timeline((5 * MS, TOUCH, 0, ONE_TOO_MANY - 1))
    with machine_of(clock, object_rows([Kind.FILE]), touch, horizon_ns=150 * MS) as machine:
        machine.run(2)

        assert {100 * MS} == {time_ns for time_ns, _ in operations(machine, RECLAIM)}


@clocks
@pytest.mark.parametrize(
    ("horizon_ms", "events"), [(9_999, 1), (10_004, 1), (10_006, 2), (21_000, 3)]
)
def test_low_memory_event_comes_every_10_s_at_most(
    clock: Any, horizon_ms: int, events: int
) -> None:
    """Kernel memory keeps the machine short for good: the daemon tries, the event is rare."""
    touch = timeline((5 * MS, TOUCH, 0, 4096 - 100))
    horizon = horizon_ms * MS
    with machine_of(clock, object_rows([Kind.KERNEL]), touch, horizon_ns=horizon) as machine:
        result = machine.run(2)

        assert 10_000 * MS == LOWMEM_NS
        assert events == count(result, "low-memory")
        assert 30 - events == machine.traffic.zone(VM_OBJECT)["bucket_size"]
        assert (horizon_ms - 5) // 100 + 1 == machine.paging_of[0].shortfalls


@clocks
def test_low_memory_gives_items_back_to_slabs_and_keeps_the_slabs(clock: Any) -> None:
    """Of 150 items given back the full buckets empty into ten slabs, which stay."""
    script = timeline(
        (0, Op.ITEMS, VM_OBJECT, 150), (MS, Op.UNITEMS, VM_OBJECT, 150), (5 * MS, TOUCH, 0, 3990)
    )
    with machine_of(clock, object_rows([Kind.KERNEL]), script, horizon_ns=4 * MS) as machine:
        machine.run(2)
        zone = machine.traffic.zone(VM_OBJECT)
        assert (90, 10) == (zone["nitems"], machine.zones[VM_OBJECT].slabs)
    with machine_of(clock, object_rows([Kind.KERNEL]), script, horizon_ns=200 * MS) as machine:
        machine.run(2)
        zone = machine.traffic.zone(VM_OBJECT)
        assert (0, 90, 10) == (zone["nitems"], zone["keg_free"], machine.zones[VM_OBJECT].slabs)
        assert 10 == machine.designs[0].books.in_use


@clocks
@pytest.mark.parametrize(("late_ns", "inactive"), [(-1, 0), (0, ONE_TOO_MANY)])
def test_dirty_pages_are_clean_after_the_priced_delay(
    clock: Any, late_ns: int, inactive: int
) -> None:
    """A dirty file goes through the laundry as a whole: so many pages at 10 us each."""
    touch = timeline((5 * MS, TOUCH, 0, ONE_TOO_MANY))
    written = 5 * MS + 10_000 * ONE_TOO_MANY
    with machine_of(
        clock,
        object_rows([Kind.FILE], dirty=1),
        touch,
        horizon_ns=written + late_ns,
        launder_page=10_000,
    ) as machine:
        machine.run(2)

        queues = [machine.traffic.queue_pages(0, kind) for kind in (ACTIVE, INACTIVE, LAUNDRY)]
        assert [0, inactive, 0] == queues
        assert 1 == machine.paging_of[0].shortfalls


@clocks
def test_daemon_frees_laundered_pages_a_period_after_it_found_none(clock: Any) -> None:
    """The scan at 5 ms finds nothing clean; the daemon sleeps, and finds it at 105 ms."""
    touch = timeline((5 * MS, TOUCH, 0, ONE_TOO_MANY))
    objects = object_rows([Kind.FILE], dirty=1)
    with machine_of(clock, objects, touch, horizon_ns=150 * MS, launder_page=10_000) as machine:
        machine.run(2)

        assert {105 * MS} == {time_ns for time_ns, _ in operations(machine, RECLAIM)}
        assert ONE_TOO_MANY == machine.paging_of[0].laundered


@clocks
def test_anonymous_pages_take_a_swap_block_for_each_16_from_a_nofree_zone(clock: Any) -> None:
    """An object of 1981 pages: 124 blocks, in three buckets of 61, from seven slabs of 29.

    A bucket has 62 less the one that the low-memory event took.  The second object stays where it
    is: what the first gives is more than what is missing.  No chunk can be imported from 134 free
    pages, so the slabs are fallback pages.
    """
    half = ONE_TOO_MANY // 2
    script = timeline((5 * MS, TOUCH, 0, half), (5 * MS, TOUCH, 1, half))
    with machine_of(
        clock,
        object_rows([Kind.ANON] * 2),
        script,
        horizon_ns=90 * MS,
        launder_page=10_000,
        lock=7,
    ) as machine:
        machine.paging_of[0].inactive_target = 2 * half
        machine.run(2)

        assert 124 == -(-half // 16)
        zone, books = machine.traffic.zone(SWBLK), machine.designs[0].books
        assert (124, 7) == (zone["taken"], machine.zones[SWBLK].slabs)
        assert (7, 0, 7) == (books.fallback, books.imports, books.fallbacks)
        assert 134 - 7 == machine.vm.free_count()


@clocks
def test_exit_gives_swap_blocks_back(clock: Any) -> None:
    """An object that was written out is dropped: all of its blocks are given back."""
    script = timeline((5 * MS, TOUCH, 0, ONE_TOO_MANY), (90 * MS, DROP, 0, 0))
    with machine_of(clock, object_rows([Kind.ANON]), script, launder_page=10_000) as machine:
        machine.run(2)

        zone = machine.traffic.zone(SWBLK)
        assert (248, 248) == (zone["taken"], zone["given"])
        assert 4096 - 11 == machine.vm.free_count()


@clocks
def test_sleepers_wake_at_free_min_and_not_before(clock: Any) -> None:
    """One CPU sleeps at 71 free pages; another frees a page each us: at the 20th it goes on.

    It takes the 20 pages down to free_reserved and sleeps again, until the 40th.
    """
    objects = object_rows([Kind.ANON] * 2)
    sleeper = timeline((1000, TOUCH, 0, 4096 - 512))
    other = timeline((0, TOUCH, 1, 512), (2 * MS, DROP, 1, 0))
    other["gap"][1] = 1000
    with machine_of(
        clock, objects, sleeper, other, horizon_ns=50 * MS, swap_zone=-1, launder_page=1e9
    ) as machine:
        machine.run(2)

        taken = operations(machine, ALLOC, 0)
        assert 4096 - 512 - 71 == sum(time_ns == 1000 for time_ns, _ in taken)
        late = Counter(time_ns for time_ns, _ in taken if time_ns > 1000)
        assert {
            2 * MS + 19_000: 20,
            2 * MS + 39_000: 20,
            2 * MS + 59_000: 20,
            2 * MS + 79_000: 11,
        } == late
        assert 4 == machine.traffic.state["refused"]


@clocks
def test_nofree_request_sleeps_in_vm_wait_too(clock: Any) -> None:
    """Kernel memory leaves two pages, so a slab has to wait until 91 pages are free."""
    objects = object_rows([Kind.KERNEL] * 2)
    greedy = timeline((0, TOUCH, 0, 200), (10, TOUCH, 1, 3894), (2 * MS, DROP, 0, 0))
    greedy["gap"][2] = 1000
    fork = timeline((MS, Op.ITEMS, VM_OBJECT, 3))
    with machine_of(clock, objects, greedy, fork, horizon_ns=2 * MS + 80_000) as machine:
        result = machine.run(2)
        assert (1, 1) == (machine.sleepers, result.sleeping)
        assert (0, 81) == (machine.zones[VM_OBJECT].slabs, machine.vm.free_count())
        assert 2 + 81 == machine.vm.free_count() + machine.vm.cache_counts(Pool.DIRECT).pages
    with machine_of(clock, objects, greedy, fork, horizon_ns=3 * MS) as machine:
        result = machine.run(2)
        assert (0, 0) == (machine.sleepers, result.sleeping)
        assert 2 == machine.zones[VM_OBJECT].slabs
        assert 202 - 2 == machine.vm.free_count() + machine.vm.cache_counts(Pool.DIRECT).pages
