"""The bulk benchmark: clock and recursion agree, bounds of closed queues hold, hand-offs cost."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sim.tiny import tiny_prices

from vmmodel.errors import InputError
from vmmodel.sim.bulk import Bulk, LinuxBatches, closed_queue, simulate
from vmmodel.sim.lock_prices import BATCH, LockPrices, load_lock
from vmmodel.sim.prices import COSTS, load_table

bulks = st.builds(
    Bulk,
    ncpu=st.integers(1, 6),
    holds=st.integers(1, 9),
    private_ns=st.integers(0, 12),
    handoff_ns=st.integers(0, 5),
)


class Drawn:
    """A service that differs from hold to hold and from CPU to CPU."""

    def __init__(self, times: list[int]) -> None:
        self.times, self.served = times, [0] * 6

    def __call__(self, cpu: int) -> int:
        self.served[cpu] += 1
        return self.times[(cpu + self.served[cpu]) % len(self.times)]


@given(case=bulks, times=st.lists(st.integers(0, 9), min_size=1, max_size=5))
def test_recursion_is_the_clock(case: Bulk, times: list[int]) -> None:
    """Every CPU is done at the same ns on SimPy's clock and by the recursion."""
    assert simulate(case, Drawn(times))[0] == closed_queue(case, Drawn(times))


@given(case=bulks, service=st.integers(0, 9))
def test_littles_law_with_handoffs(case: Bulk, service: int) -> None:
    """The area under the number waiting is the sum of all waits; hand-offs are no holding."""
    done, lock = simulate(case, lambda _: service)

    assert lock.waiting_area == lock.wait_ns
    assert case.ncpu * case.holds == lock.holds
    assert case.ncpu * case.holds * service == lock.hold_ns
    work = case.holds * (case.private_ns + service)
    assert sum(done) >= case.ncpu * work + lock.wait_ns
    assert sum(done) == case.ncpu * work + lock.wait_ns + case.handoff_ns * lock.handoffs


@pytest.mark.parametrize("ncpu", [1, 2, 3, 5, 20])
def test_bounds_of_a_closed_queue(ncpu: int) -> None:
    """A cycle is max(Z + S, N S), with S the hold and its hand-off, once all are in step."""
    private, service, handoff, holds = 70, 20, 10, 500
    held = service + handoff * (ncpu > 1)
    expected = max(private + held, ncpu * held)

    done = closed_queue(Bulk(ncpu, holds, private, handoff), lambda _: service)

    cycle = sum(done) / ncpu / holds
    assert expected <= cycle * (1 + 1 / holds)
    assert cycle <= expected * (1 + ncpu / holds)


def test_more_cpus_never_make_a_page_cheaper() -> None:
    """Time per hold grows, or stays, with the number of CPUs."""
    times = [sum(closed_queue(Bulk(n, 300, 70, 10), lambda _: 20)) / n for n in range(1, 30)]

    assert all(before <= after for before, after in pairwise(times))


def test_one_cpu_hands_nothing_off() -> None:
    """A CPU that is alone never waits and pays no hand-off."""
    done, lock = simulate(Bulk(1, 10, 7, 1000), lambda _: 3)

    assert ([100], 0, 0) == (done, lock.handoffs, lock.wait_ns)


def test_two_cpus_by_hand() -> None:
    """Both ask at 5; the second waits for the hold of 3, then pays 2; the first pays on return."""
    done, lock = simulate(Bulk(2, 2, 5, 2), lambda _: 3)

    # First: asks 5, leaves 8, asks 13, leaves 18.  Second: asks 5, gets it 8, leaves 13, 23.
    assert ([18, 23], 3, 3) == (done, lock.handoffs, lock.wait_ns)


def test_batches_are_priced_as_the_lists_count() -> None:
    """From one free block, 63 pages are 63 removals and as many appends of halves, and 12 at first.

    Freed again in order, everything merges back.
    """
    batches = LinuxBatches(4096, 1, tiny_prices(list_op=1))

    appended = 12 + sum(
        (page & -page).bit_length() - 1 for page in range(2, BATCH + 1, 2) if page < BATCH
    )
    assert BATCH + appended == batches.alloc(0)
    batches.free(0)
    assert [0] * 12 + [1] == batches.vm.free_blocks().tolist()
    batches.vm.close()


def test_the_lock_is_read() -> None:
    """Every price of the lock has a range and a mark; a table of others is refused."""
    lock = load_lock()

    assert lock.alloc_handoff.low < lock.alloc_handoff.value < lock.alloc_handoff.high
    assert "published" == lock.free_uncontended.mark
    with pytest.raises(InputError, match="alloc_private is missing"):
        load_table(COSTS, LockPrices)
