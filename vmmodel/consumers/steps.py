"""What kernel code does over time, without a clock: a generator of steps.

A consumer is a generator that yields steps and is sent their results.  The clock takes the lock
a step needs, prices the work it did and lets time pass; `run_now` does none of that and serves
tests and notebooks.  So one source is both the timeless kernel and the timed one.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from vmmodel.kernel import NO_PAGE

T = TypeVar("T")


@dataclass(slots=True)
class Locked:
    """Call *action* while holding the domain's free lock; its result is sent back.

    *first*, if given, is called before and without the lock: unless it gives NO_PAGE, that is it.
    """

    action: Callable[[], Any]
    first: Callable[[], int] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """Work outside the free lock: how often each priced event of ``data/costs.toml`` happens."""

    counts: dict[str, int]


@cache
def work(**counts: int) -> Work:
    """Give the step for *counts*; the same counts give the same object, so its price is kept."""
    return Work(counts)


@dataclass(slots=True)
class Operation:
    """Do *steps* as an operation of its own, whose latency is recorded under *name*."""

    name: str
    steps: "Steps[Any]"


@dataclass(slots=True)
class Event:
    """Write an event of *kind*, concerning *pages*, to the table of events."""

    kind: str
    pages: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Sleep until the free count reaches `free_min`, and for *ns* in any case.

    FreeBSD: vm_wait_domain(), pause().
    """

    ns: int = 0


Step = Locked | Work | Operation | Event | Wait
Steps = Generator[Step, Any, T]


class WouldSleep(Exception):
    """A request slept, and without a clock nobody will ever wake it."""


def run_now(steps: Steps[T]) -> T:
    """Run *steps* to their result in no time; raise `WouldSleep` where the kernel sleeps."""
    answer: Any = None
    try:
        while True:
            step = steps.send(answer)
            answer = None
            if isinstance(step, Locked):
                answer = NO_PAGE if step.first is None else step.first()
                if answer == NO_PAGE:
                    answer = step.action()
            elif isinstance(step, Operation):
                answer = run_now(step.steps)
            elif isinstance(step, Wait):
                raise WouldSleep
    except StopIteration as stop:
        result: T = stop.value
        return result
