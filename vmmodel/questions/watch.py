"""The kernel's counters of NOFREE pages over time, every second, beside what is true."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from vmmodel.sim.run import Machine
from vmmodel.sim.script import Script

SECOND = 1_000_000_000
FREED = ("rollback", "second-failure", "init-failure")
"""Events whose pages have to go back."""


@dataclass(frozen=True)
class Look:
    """What is there at one instant; all in pages."""

    nofreeq_size: int
    """The kernel's counter of idle pages."""
    v_nofree_count: int
    """The kernel's counter of pages handed out."""
    live: int
    """NOFREE pages that callers have, from a chunk or not: what zones and objects could add up."""
    freed: int
    """Pages that callers gave back, or wanted to: the counter that kib asks for."""
    unaccounted: int
    """v_nofree_count less *live*."""
    fallback: int
    """Of *live*: served outside of any chunk."""
    captured: int
    """Freed fallback pages that the queue kept."""
    stranded: int
    """Pages that nobody can reach, and pages of chunks that joined the general pool."""


def watch(script: Script, design: str) -> list[Look]:
    """Run *script* under *design* and look every second, from the start to the horizon."""
    machine, looks = Machine(script, design), list[Look]()
    machine.env.process(_watcher(machine, looks))
    machine.run(nsamples=2)
    return looks


def _watcher(machine: Machine, looks: list[Look]) -> Generator[Any, Any, None]:
    events, seen, freed = machine.clock.recorder.events, 0, 0
    while True:
        freed += sum(pages for _, _, kind, pages in events[seen:] if kind in FREED)
        seen = len(events)
        looks.append(_look(machine, freed))
        yield machine.env.timeout(SECOND)


def _look(machine: Machine, freed: int) -> Look:
    design = machine.memory.design
    books = design.books
    live = books.in_use + books.fallback
    return Look(
        nofreeq_size=design.nofreeq_size(),
        v_nofree_count=books.v_nofree_count,
        live=live,
        freed=freed,
        unaccounted=books.v_nofree_count - live,
        fallback=books.fallback,
        captured=books.captured,
        stranded=books.leaked + books.leaked_fallback + books.escaped,
    )


def series(looks: list[Look], name: str) -> list[int]:
    """Give one of the numbers over time."""
    return [getattr(look, name) for look in looks]
