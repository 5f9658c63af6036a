"""Add replications until somebody is content, or a limit is reached.

Replications are added in blocks.  A replication is the same whatever comes after it, so those
that were run are kept and never run again.  What *content* means is not decided here: the tables
are judged where tables are read.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from vmmodel.experiment.sweep import Sweep

BLOCK = 5
"""Replications that are added at a time."""


def stages(first: int, limit: int, block: int = BLOCK) -> Iterator[int]:
    """Numbers of replications to try, ascending, the limit last.

    >>> list(stages(10, 22))
    [10, 15, 20, 22]
    >>> list(stages(10, 4))
    [4]
    """
    n = first
    while n < limit:
        yield n
        n += block
    yield limit


def run_until(
    sweep: Sweep, limit: int, run: Callable[[Sweep], None], content: Callable[[], bool]
) -> Sweep:
    """*run* longer and longer copies of *sweep* until *content*; give the last one.

    It starts with the replications of *sweep* and stops at *limit* at the latest.
    """
    for replications in stages(sweep.replications, limit):
        sweep = replace(sweep, replications=replications)
        run(sweep)
        if content():
            break
    return sweep
