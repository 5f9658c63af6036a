"""Run units in this process, or on processes of this machine that may die.

A process can be killed at any moment, most often because memory ran out.  Its unit is tried again
alone, with all memory for itself; one that dies alone again and again is named at the end, when
all others are finished.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

from vmmodel.errors import StudyError
from vmmodel.experiment.shards import Shards, pack
from vmmodel.experiment.unit import Unit, run_unit
from vmmodel.experiment.workers import deaf_to_interrupts, processes

TRIES = 3
"""How often a unit is tried alone before it is given up."""

AHEAD = 2
"""Units that are handed out for each process, so that none waits for the next one."""


class LostRuns(StudyError):
    """Units whose process died whenever they were tried."""


def finish_unit(unit: Unit, shards: Shards) -> None:
    """Run what is missing of a unit, and keep each run as soon as it ends."""
    keys = unit.keys()
    missing = left_of(unit, shards.has)
    for design, tables, seconds in run_unit(missing) if missing else ():
        shards.write(keys[design], pack(tables, seconds))


def left_of(unit: Unit, finished: Callable[[str], bool]) -> Unit | None:
    """Give a unit less the designs whose run is *finished*, by key; None when all are."""
    left = tuple(design for design, key in unit.keys().items() if not finished(key))
    return replace(unit, designs=left) if left else None


def run_here(units: Sequence[Unit], shards: Shards) -> Iterator[Unit]:
    """Run *units* one after the other in this process; yield each when it is finished."""
    for unit in units:
        finish_unit(unit, shards)
        yield unit


def run_on_processes(units: Sequence[Unit], shards: Shards, workers: int) -> Iterator[Unit]:
    """Run *units* on *workers* processes; yield each when it is finished, in any order."""
    waiting = deque(units)
    given_up: list[Unit] = []
    while waiting:
        suspects: list[Unit] = []
        yield from _together(waiting, shards, workers, suspects)
        yield from _alone(suspects, shards, given_up)
    if given_up:
        raise LostRuns(lost(given_up, f"{TRIES} times, alone on the machine"))


def _together(
    waiting: deque[Unit], shards: Shards, workers: int, suspects: list[Unit]
) -> Iterator[Unit]:
    """Run what is *waiting* until all is done or a process dies; what was begun is *suspects*."""
    flying: dict[Future[None], Unit] = {}
    with processes(workers) as pool:
        try:
            with deaf_to_interrupts():  # Ctrl-C is for this process, which then ends the others
                _hand_out(waiting, flying, pool, shards, workers)
            while flying:
                for future in wait(flying, return_when=FIRST_COMPLETED).done:
                    if _finished(future):
                        yield flying.pop(future)
                    else:
                        suspects.append(flying.pop(future))
                _hand_out(waiting, flying, pool, shards, workers)
        except BrokenProcessPool:
            suspects.extend(flying.values())


def _hand_out(
    waiting: deque[Unit],
    flying: dict[Future[None], Unit],
    pool: ProcessPoolExecutor,
    shards: Shards,
    workers: int,
) -> None:
    while waiting and len(flying) < AHEAD * workers:
        flying[pool.submit(finish_unit, waiting[0], shards)] = waiting[0]
        waiting.popleft()


def _finished(future: Future[None]) -> bool:
    """Whether a unit came to its end, and not its memory to an end."""
    try:
        future.result()
    except MemoryError:
        return False
    return True


def _alone(suspects: list[Unit], shards: Shards, given_up: list[Unit]) -> Iterator[Unit]:
    """Run units one by one with no other beside them; those that always die are *given_up*."""
    tries = [(unit, TRIES) for unit in suspects]
    while tries:
        with processes(1) as pool, contextlib.suppress(BrokenProcessPool, MemoryError):
            while tries:
                unit, left = tries.pop(0)
                tries.insert(0, (unit, left - 1))
                with deaf_to_interrupts():
                    future = pool.submit(finish_unit, unit, shards)
                future.result()
                yield tries.pop(0)[0]
        if tries and not tries[0][1]:
            given_up.append(tries.pop(0)[0])


def lost(units: list[Unit], how: str) -> str:
    """Name units that were given up, and *how* they were tried."""
    named = "; ".join(str(unit) for unit in units[:5])
    more = f" and {len(units) - 5} more" if len(units) > 5 else ""
    return (
        f"the process of {named}{more} died {how}: memory may not suffice; all other runs are "
        "finished and kept, so start again with more of it"
    )
