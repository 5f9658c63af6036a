"""Failures and bugs to come, drawn for each slab whether or not a design ever asks for it."""

from dataclasses import dataclass, replace

import numpy as np

from vmmodel.consumers.memory import NO_INJECTION, Injection


@dataclass(frozen=True)
class Bugs:
    """Shares of the requests that fail whose clean-up has a bug."""

    unconverted: float
    """The wrong function is called."""
    twice: float
    """A page is freed twice."""
    queued: float
    """A page is still on its page queue."""
    invariants: bool
    """Whether the kernel has assertions."""


def draw_injections(
    n: int,
    npages: int,
    rng: np.random.Generator,
    *,
    page: float = 0.0,
    second: float = 0.0,
    init: float = 0.0,
) -> tuple[Injection, ...]:
    """Draw what fails in each of *n* requests of *npages* pages.

    *page* and *second* are probabilities for each page, *init* for each slab.
    """
    pages = _first_failures(rng.random((n, npages)) < page)
    seconds = _first_failures(rng.random((n, npages)) < second)
    inits = rng.random(n) < init
    if (pages < 0).all() and (seconds < 0).all() and not inits.any():
        return ()
    drawn = zip(pages.tolist(), seconds.tolist(), inits.tolist(), strict=True)
    return tuple(
        Injection(*failures) if failures != (-1, -1, False) else NO_INJECTION for failures in drawn
    )


def _first_failures(fails: np.ndarray) -> np.ndarray:
    return np.where(fails.any(axis=1), fails.argmax(axis=1), -1)


def with_bugs(
    injections: tuple[Injection, ...], bugs: Bugs, rng: np.random.Generator
) -> tuple[Injection, ...]:
    """Draw bugs for those *injections* that fail, three numbers for each, whatever the shares."""
    drawn = rng.random((len(injections), 3)) < (bugs.unconverted, bugs.twice, bugs.queued)
    return tuple(
        injection
        if injection == NO_INJECTION
        else replace(
            injection,
            unconverted=unconverted,
            twice=twice,
            queued=queued,
            asserted=bugs.invariants,
        )
        for injection, (unconverted, twice, queued) in zip(injections, drawn.tolist(), strict=True)
    )
