"""A design that serves a drawn trace of pages directly: no clock, no waiting, its work counted."""

from collections.abc import Iterable
from operator import add

from vmmodel.kernel import NO_PAGE, RequestClass, Vm
from vmmodel.kernel.vm import Work
from vmmodel.nofree import design
from vmmodel.sim.prices import Prices
from vmmodel.workloads.exchange import Ask, GiveBack, Step

PRICED = {
    "list_op": "list_ops",
    "page_struct": "page_structs",
    "atomic": "atomics",
    "percpu": "percpu",
    "branch": "branches",
}
"""Priced event to the field of `Work` that counts it."""


def priced(work: Work, prices: Prices) -> float:
    """Price kernel work, in ns."""
    counts: dict[str, int] = {event: getattr(work, field) for event, field in PRICED.items()}
    return sum(n * prices.of(event).value for event, n in counts.items())


class Exchange:
    """Pages of one design and the callers that have them.

    An operation is one page given out or taken back, each under a hold of the free lock of its own,
    which is the same in every design and not counted.

    >>> exchange = Exchange("freeable", 4096)
    >>> exchange.perform([Ask(3, fails=2)])
    >>> exchange.operations, exchange.held, [length for _, length in exchange.design.runs()]
    (4, [], [1, 1, 510])
    """

    def __init__(self, name: str, npages: int) -> None:
        self.vm = Vm.of_size(npages)
        self.design = design(name).make(self.vm)
        self.held: list[int] = []
        """Pages in use."""
        self.operations = 0
        self.work = Work(0, 0, 0, 0, 0)
        """Of all operations."""
        self.most_pages_touched = 0
        """By one operation: a walk over a list touches a page structure for every entry."""
        self.vm.take_work()

    def perform(self, steps: Iterable[Step]) -> None:
        """Do *steps* in turn."""
        for step in steps:
            if isinstance(step, Ask):
                self._ask(step)
            elif self.held:
                self._give_back(step)

    def _ask(self, step: Ask) -> None:
        """Take page after page; give back what was taken when one cannot be had.

        In ascending order of the request, as `kmem_unback()` does.
        """
        taken = [self._take() for _ in range(step.npages if step.fails < 0 else step.fails)]
        if step.fails < 0:
            self.held += taken
            return
        for m in taken:
            self._free(m)

    def _give_back(self, step: GiveBack) -> None:
        chosen = int(step.victim * len(self.held))
        m = self.held[chosen]
        self.held[chosen] = self.held[-1]
        self.held.pop()
        self._free(m)

    def _take(self) -> int:
        m = self.design.alloc(RequestClass.SYSTEM)
        assert m != NO_PAGE, "a trace is given memory enough"
        self._count()
        return m

    def _free(self, m: int) -> None:
        self.design.free_nofree(m)
        self._count()

    def _count(self) -> None:
        done = self.vm.take_work()
        self.operations += 1
        self.work = Work(*map(add, self.work, done))
        self.most_pages_touched = max(self.most_pages_touched, done.page_structs)

    def close(self) -> None:
        """Forget the memory."""
        self.vm.close()
