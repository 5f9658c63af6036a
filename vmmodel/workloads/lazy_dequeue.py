"""Pages that are still linked in a page queue when they become NOFREE: trials drawn beforehand."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from vmmodel.workloads.streams import Streams

CHUNK = 512
"""Pages 0 to 511 are the chunk; those above belong to others."""
OTHERS = 200
"""Pages of others on the same page queue: more than three batches."""
BATCH = 63
"""Pages of a batch.  FreeBSD: VM_BATCHQUEUE_SIZE on 64-bit machines."""
TAKES = 64
"""Pages taken in a trial."""
INDEXES = 512
"""A page's index in its object is below this: one superpage range."""

Hazard = Literal["import", "free"]
Step = tuple[Literal["take", "requeue", "process", "use", "free"], int]
"""What happens: a page is taken; page number n of the others is requeued; the batch is processed;
the page taken last is entered into an object at index n and put on the queue; it is freed."""


@dataclass(frozen=True)
class Trial:
    """A page queue as it is at first, and what happens then."""

    queued: tuple[int, ...]
    """Pages on the queue, in its order."""
    pending: tuple[int, ...]
    """Of them, those that the batch is to take off."""
    steps: tuple[Step, ...]


def draw_trials(hazard: Hazard, n: int, streams: Streams) -> list[Trial]:
    """Draw *n* trials in which a page of a run is pending when its fields are written.

    ``import``: pages of the chunk were freed just before it was imported.  ``free``: a managed
    NOFREE page is freed while it is on a page queue.
    """
    rng = streams(f"{hazard} trials")
    return [_import_trial(rng) if hazard == "import" else _free_trial(rng) for _ in range(n)]


def _import_trial(rng: np.random.Generator) -> Trial:
    """Let up to a batch of the chunk's pages be pending, one at least of those that are taken."""
    pending = {int(rng.integers(TAKES))}
    pending |= set(rng.choice(CHUNK, int(rng.integers(BATCH)), replace=False).tolist())
    order = rng.permutation([*pending, *range(CHUNK, CHUNK + OTHERS)]).tolist()
    first = min(pending)
    processed = int(rng.integers(first + 1, TAKES + 1))  # not before the hazard is met
    steps: list[Step] = []
    for i in range(TAKES):
        steps += [("process", 0)] if i == processed else []
        steps += [("requeue", int(rng.integers(OTHERS))), ("take", 0)]
    return Trial(tuple(order), tuple(sorted(pending)), (*steps, ("process", 0)))


def _free_trial(rng: np.random.Generator) -> Trial:
    """Free a page that was in use and on the queue; its batch is processed some time later."""
    order = rng.permutation(range(CHUNK, CHUNK + OTHERS)).tolist()
    used, processed = sorted(rng.integers(1, TAKES, 2).tolist())
    steps: list[Step] = []
    for i in range(TAKES):
        steps += [("requeue", int(rng.integers(OTHERS))), ("take", 0)]
        if i == used:
            steps += [("use", int(rng.integers(INDEXES))), ("requeue", int(rng.integers(OTHERS)))]
            steps += [("free", 0)]
        steps += [("process", 0)] if i == processed else []
    return Trial(tuple(order), (), (*steps, ("process", 0)))
