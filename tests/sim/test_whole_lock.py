"""The free lock shared by page traffic and NOFREE requests: who waits how long, under both clocks.

A hold lasts 100 ns and nothing else takes time.  The machine has three CPUs and 4096 pages, which
leaves no buckets: each page is a hold of its own.
"""

from typing import Any

import pytest
from sim.test_clocks import SEEDS, case_of, compiled_run
from sim.whole_scripts import run_case
from sim.whole_tiny import CLOCKS, VM_OBJECT, machine_of, operations
from traffic.small import MS, timeline

from vmmodel.kernel.cstruct import CHECKED
from vmmodel.traffic import Kind, Op
from vmmodel.traffic.machine import object_rows
from vmmodel.traffic.structs import ALLOC

TOUCH, ITEMS = Op.TOUCH, Op.ITEMS
clocks = pytest.mark.parametrize("clock", CLOCKS)
KERNEL = object_rows([Kind.KERNEL] * 3)


@clocks
def test_lock_is_granted_in_the_order_of_asking(clock: Any) -> None:
    """CPU 0, a slab, CPU 2, CPU 0 again, the second slab: waits of 90, 180, 200 and 200 ns."""
    cpus = (
        timeline((0, TOUCH, 0, 2)),
        timeline((10, ITEMS, VM_OBJECT, 1)),
        timeline((20, TOUCH, 2, 1)),
    )
    with machine_of(clock, KERNEL, *cpus, horizon_ns=MS, free_lock=100) as machine:
        machine.run(2)

        assert [100, 400] == [time_ns for time_ns, _ in operations(machine, ALLOC, 0)]
        assert [300] == [time_ns for time_ns, _ in operations(machine, ALLOC, 2)]
        lock = machine.traffic_clock.locks[0]
        assert (5, 4, 670, 500) == (lock.holds, lock.contended, lock.wait_ns, lock.hold_ns)
        assert 670 == lock.waiting_area


@clocks
def test_who_asks_as_the_lock_is_given_up_queues_behind_those_who_wait(clock: Any) -> None:
    """Three CPUs that ask at one instant and go on at once take turns by their numbers."""
    cpus = [timeline((0, TOUCH, cpu, 3)) for cpu in range(3)]
    with machine_of(clock, KERNEL, *cpus, horizon_ns=MS, free_lock=100) as machine:
        machine.run(2)

        ended = machine.traffic.records()
        assert [0, 1, 2] * 3 == ended["cpu"].tolist()
        assert [100 * i for i in range(1, 10)] == ended["time"].tolist()


@clocks
def test_domains_have_locks_of_their_own(clock: Any) -> None:
    """Two CPUs, each at home in its domain, never wait for each other."""
    cpus = [timeline((0, TOUCH, cpu, 3)) for cpu in range(2)]
    with machine_of(
        clock, KERNEL, *cpus, horizon_ns=MS, domains=(4096, 4096), home=(0, 1), free_lock=100
    ) as machine:
        machine.run(2)

        for lock in machine.traffic_clock.locks:
            assert (0, 0) == (lock.contended, lock.wait_ns)
        assert [100, 200, 300] == [time_ns for time_ns, _ in operations(machine, ALLOC, 1)]


def law(state: dict[str, Any], d: int) -> tuple[int, int]:
    """Sum of waiting, and integral of the number waiting."""
    return state[f"lock {d}"][2], state[f"area {d}"]


@pytest.mark.skipif(CHECKED, reason="two cases are too few")
def test_littles_law_holds_exactly() -> None:
    """In random runs the waiting times add up to the integral of the number that wait."""
    contended = 0
    for seed in SEEDS:
        outcome = compiled_run(seed)
        if outcome.result.run["outcome"] == "panic":
            continue  # which leaves some waiting
        for d in range(len(case_of(seed).script.domains)):
            waited, area = law(outcome.state, d)
            assert waited == area
            contended += waited > 0

    assert contended > 5


@pytest.mark.skipif(CHECKED, reason="the tiny case is not contended")
def test_littles_law_holds_under_the_plain_clock() -> None:
    """The same for SimPy's own lock, on one contended run."""
    waited, area = law(run_case(case_of(4), "plain").state, 0)

    assert 0 < waited == area
