"""CPUs that do nothing but take the free lock again and again: LLFree's bulk benchmark.

Each CPU has private work to do, one batch of pages' worth, then holds the lock to get or to give
that batch, and so on.  `simulate` is the definition, on SimPy's clock; `closed_queue` is the same
as a recursion, ten times faster, which a calibration can afford.

What is modelled is a queue in order of arrival whose hand-off costs the same for any two CPUs: a
queued spin lock on one socket.  Neither hardware threads that share a core, nor a second socket,
nor a memory bus that fills up is known here.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace

import simpy

from vmmodel.kernel import NO_PAGE, Vm
from vmmodel.sim.lock import FreeLock
from vmmodel.sim.lock_prices import BATCH
from vmmodel.sim.prices import Prices

Service = Callable[[int], float]
"""What a CPU does under the lock: how long it takes, in ns, without hand-off."""


@dataclass(frozen=True)
class Bulk:
    """One phase of the benchmark: all CPUs allocate, or all free."""

    ncpu: int
    """CPUs that start at the same instant."""
    holds: int
    """Batches of each."""
    private_ns: float
    """Work of a CPU for one batch outside the lock."""
    handoff_ns: float
    """Cost of a hold that another CPU's went before."""


def simulate(bulk: Bulk, service: Service) -> tuple[list[int], FreeLock]:
    """Run a phase in whole ns on SimPy's clock; give when each CPU was done, and the lock."""
    env = simpy.Environment()
    lock = FreeLock(env, round(bulk.handoff_ns))
    done = [0] * bulk.ncpu

    def cpu(number: int) -> Generator[simpy.Event, None, None]:
        for _ in range(bulk.holds):
            yield env.timeout(round(bulk.private_ns))
            if (granted := lock.acquire(number)) is not None:
                yield granted
            yield lock.hold(round(service(number)))
            lock.release()
        done[number] = int(env.now)

    for number in range(bulk.ncpu):
        env.process(cpu(number))
    env.run()
    return done, lock


def closed_queue(bulk: Bulk, service: Service) -> list[float]:
    """Give when each CPU is done: who asks first is served first, once the one before is gone.

    Of two CPUs that ask at the same instant the one that left the lock earlier comes first, as on
    SimPy's clock.
    """
    asks = [(bulk.private_ns, number, number) for number in range(bulk.ncpu)]
    heapify(asks)
    left = [bulk.holds] * bulk.ncpu
    done = [0.0] * bulk.ncpu
    released, holder = 0.0, -1
    for order in range(bulk.ncpu, bulk.ncpu * (bulk.holds + 1)):
        asked, _, number = asks[0]
        handoff = bulk.handoff_ns if holder not in (-1, number) else 0.0
        released = max(asked, released) + handoff + service(number)
        holder = number
        left[number] -= 1
        if left[number]:
            heapreplace(asks, (released + bulk.private_ns, order, number))
        else:
            heappop(asks)
            done[number] = released
    return done


class LinuxBatches:
    """What a hold does in Linux's page lists: it takes, or merges back, page by page.

    The buddy lists are the model's own, which are FreeBSD's: the same splits and merges, counted
    exactly and priced.  Linux 6.0: rmqueue_bulk() and free_pcppages_bulk().
    """

    def __init__(self, npages: int, ncpu: int, prices: Prices) -> None:
        self.vm = Vm.of_size(npages)
        self.prices = prices
        self._held: list[list[int]] = [[] for _ in range(ncpu)]
        self._freed = [0] * ncpu

    def alloc(self, cpu: int) -> int:
        """Allocate a batch; give the priced work in ns."""
        got = [self.vm.alloc_pages(0) for _ in range(BATCH)]
        assert NO_PAGE not in got, "memory is short"
        self._held[cpu] += got
        return self._priced()

    def free(self, cpu: int) -> int:
        """Free a batch, in the order in which it was allocated; give the priced work in ns."""
        first = self._freed[cpu]
        for m in self._held[cpu][first : first + BATCH]:
            self.vm.free_pages(m, 0)
        self._freed[cpu] += BATCH
        return self._priced()

    def _priced(self) -> int:
        work = self.vm.take_work()
        counts = {"list_op": work.list_ops, "page_struct": work.page_structs}
        return self.prices.work_ns({"free_lock": 1, **counts})
