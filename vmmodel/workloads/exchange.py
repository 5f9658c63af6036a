"""NOFREE pages asked for and given back, one after another: traces that need no clock.

What a structure of idle pages costs, and whether a chunk is ever whole again, does not depend on
when something happens, only on the order.  So these traces are lists of steps.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from vmmodel.workloads.streams import Streams


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask for *npages*, one after another; page number *fails* cannot be had (-1: all can)."""

    npages: int = 1
    fails: int = -1


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Give back a page in use, whose user has no need of it any more."""

    victim: float
    """Which one: 0 the first of those in use, below 1 the last."""


Step = Ask | GiveBack


def given_back(n: int, streams: Streams, purpose: str) -> list[GiveBack]:
    """Draw *n* pages to be given back, each of those in use as likely as any other."""
    return [GiveBack(victim) for victim in streams(purpose).random(n).tolist()]


def turned_over(n: int, streams: Streams, purpose: str) -> list[Step]:
    """Draw *n* pages that are given back, each followed by a request for one page."""
    return [step for gone in given_back(n, streams, purpose) for step in (gone, Ask())]


def requests(
    n: int, streams: Streams, sizes: Iterable[int], failure: float, back: float
) -> list[Step]:
    """Draw *n* requests for some pages each, some of which fail half way.

    *sizes* are as likely as each other.  A request fails with probability *failure*, at any of its
    pages.  After a request every page in it is followed, with probability *back*, by one that is
    given back.
    """
    rng, choice = streams("requests"), list(sizes)
    drawn = rng.choice(choice, n)
    fails = (rng.random(n) * drawn).astype(int)
    failing = rng.random(n) < failure
    returning = rng.binomial(drawn, back)
    victims = iter(given_back(int(returning.sum()), streams, "victims"))
    steps: list[Step] = []
    for size, page, fail, ends in zip(
        drawn.tolist(), fails.tolist(), failing.tolist(), returning.tolist(), strict=True
    ):
        steps.append(Ask(size, page if fail else -1))
        steps += [next(victims) for _ in range(ends)]
    return steps
