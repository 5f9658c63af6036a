"""Failures to come, drawn for each slab whether or not a design ever asks for it."""

import numpy as np

from vmmodel.consumers.memory import NO_INJECTION, Injection


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
