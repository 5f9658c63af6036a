"""The free lock against SimPy's own resource, and against the laws of queues."""

from collections.abc import Callable, Generator
from itertools import pairwise
from statistics import mean, stdev

import numpy as np
import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sim.tiny import small_script, tiny_prices

from vmmodel.consumers.memory import Memory
from vmmodel.consumers.steps import Locked, Steps
from vmmodel.kernel import Vm
from vmmodel.nofree import DESIGNS
from vmmodel.sim.clock import Clock
from vmmodel.sim.lock import FreeLock
from vmmodel.sim.run import Machine

Customer = tuple[int, int]
"""When it asks, and how long it holds."""

CUSTOMERS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)), max_size=40)
"""Few instants for many customers, so that several ask at once and holds end as others ask."""

Process = Generator[simpy.Event, None, None]
Use = Callable[[int], Generator[simpy.Event, None, int]]
"""Hold something for so many ns; give when it was granted."""
Visit = tuple[int, int, int, int]
"""Number of the customer, when it asked, was granted and released."""


def visits_of(customers: list[Customer], env: simpy.Environment, use: Use) -> list[Visit]:
    """Let customers come and go; give their visits in the order of the grants."""
    visits: list[Visit] = []

    def customer(number: int, asks: int, holds: int) -> Process:
        yield env.timeout(asks)
        granted = yield from use(holds)
        visits.append((number, asks, granted, int(env.now)))

    for number, (asks, holds) in enumerate(customers):
        env.process(customer(number, asks, holds))
    env.run()
    return visits


def visit_resource(customers: list[Customer]) -> list[Visit]:
    """Send customers through SimPy's resource."""
    env = simpy.Environment()
    resource = simpy.Resource(env, capacity=1)

    def use(ns: int) -> Generator[simpy.Event, None, int]:
        with resource.request() as request:
            yield request
            granted = int(env.now)
            yield env.timeout(ns)
        return granted

    return visits_of(customers, env, use)


def visit_free_lock(customers: list[Customer]) -> tuple[list[Visit], FreeLock]:
    """Send customers through the model's lock."""
    env = simpy.Environment()
    lock = FreeLock(env)

    def use(ns: int) -> Generator[simpy.Event, None, int]:
        if (granted := lock.acquire()) is not None:
            yield granted
        at = int(env.now)
        yield lock.hold(ns)
        lock.release()
        return at

    return visits_of(customers, env, use), lock


@given(customers=CUSTOMERS)
def test_same_as_simpy(customers: list[Customer]) -> None:
    """Order and times of all grants are those of a SimPy resource of capacity one."""
    assert visit_resource(customers) == visit_free_lock(customers)[0]


@given(customers=CUSTOMERS)
def test_littles_law(customers: list[Customer]) -> None:
    """The area under the number waiting is the sum of all waits, and both are what was seen."""
    visits, lock = visit_free_lock(customers)

    waits = [granted - asked for _, asked, granted, _ in visits]
    end = max((released for *_, released in visits), default=0)
    waiting = [sum(a <= t < g for _, a, g, _ in visits) for t in range(end)]
    assert sum(waits) == lock.wait_ns == lock.waiting_area == sum(waiting)
    assert sum(holds for _, holds in customers) == lock.hold_ns
    assert len(customers) == lock.holds
    assert sum(wait > 0 for wait in waits) <= lock.contended <= len(customers)


@given(customers=CUSTOMERS)
def test_one_holder_at_a_time(customers: list[Customer]) -> None:
    """Visits never overlap, and nobody waits while the lock is free."""
    visits, _ = visit_free_lock(customers)

    for (_, _, _, released), (_, asked, granted, _) in pairwise(visits):
        assert max(asked, released) == granted


@pytest.mark.parametrize("scenario", ["hosts", "syzkaller", "second-resource"])
def test_littles_law_in_a_run(scenario: str) -> None:
    """In a whole run L = lambda W holds at the free lock, to the nanosecond."""
    script = small_script(scenario)
    machine = Machine(script, "freeable")
    run = machine.run(2).run
    lock = machine.clock.lock

    assert run["lock_wait_ns"] > 0
    assert lock.waiting_area == run["lock_wait_ns"]
    mean_waiting = lock.waiting_area / script.horizon_ns
    rate, mean_wait = lock.holds / script.horizon_ns, lock.wait_ns / lock.holds
    assert mean_waiting == pytest.approx(rate * mean_wait)


HOLD_NS = 1000
ARRIVALS = 5000
REPLICATIONS = 10


def gaps_of(rho: float, replication: int) -> list[int]:
    """Draw the times between Poisson arrivals, in ns, for a lock that is held *rho* of the time."""
    rng = np.random.default_rng([replication, int(100 * rho)])
    gaps: list[int] = rng.exponential(HOLD_NS / rho, ARRIVALS).round().astype(int).tolist()
    return gaps


def simulated_wait(gaps: list[int]) -> float:
    """Mean wait in ns when a thread arrives after each gap and holds the lock for 1000 ns."""
    env = simpy.Environment()
    vm = Vm.of_size(64)
    memory = Memory(vm, DESIGNS["ordinary"].make(vm))
    clock = Clock(env, memory, tiny_prices(free_lock=HOLD_NS), ncpus=1)

    def hold() -> Steps[None]:
        yield Locked(lambda: None)

    def arrive() -> Process:
        for gap in gaps:
            yield env.timeout(gap)
            env.process(clock.perform(0, "hold", hold()))

    env.process(arrive())
    env.run()
    vm.close()
    assert (len(gaps), len(gaps) * HOLD_NS) == (clock.lock.holds, clock.lock.hold_ns)
    return clock.lock.wait_ns / len(gaps)


def lindley_wait(gaps: list[int]) -> float:
    """Mean wait by Lindley's recursion: what is left of the work that the last one found."""
    wait = total = 0
    for gap in gaps[1:]:
        wait = max(0, wait + HOLD_NS - gap)
        total += wait
    return total / len(gaps)


@pytest.mark.parametrize("rho", [0.3, 0.6, 0.8])
def test_m_d_1(rho: float) -> None:
    """Poisson arrivals wait rho S / (2 (1 - rho)) on average, as Pollaczek and Khinchine say.

    Each replication also waits exactly as long as Lindley's recursion says.
    """
    expected = rho * HOLD_NS / (2 * (1 - rho))
    drawn = [gaps_of(rho, replication) for replication in range(REPLICATIONS)]

    waits = [simulated_wait(gaps) for gaps in drawn]

    assert [lindley_wait(gaps) for gaps in drawn] == waits
    half = stats.t.ppf(0.975, REPLICATIONS - 1) * stdev(waits) / REPLICATIONS**0.5
    assert mean(waits) - half <= expected <= mean(waits) + half
    assert half < 0.1 * expected
