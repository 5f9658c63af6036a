"""Phases of a run: SimPy processes that mark where they begin and look at the machine at their end.

What a phase does to the load is drawn before any design sees it, so that all designs meet the same.
What cannot be drawn is done here, on the running machine: its state at the phase's end.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import simpy

from vmmodel.sim.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of time with a name."""

    name: str
    start_ns: int
    end_ns: int


def run_phase(
    env: simpy.Environment, phase: Phase, recorder: Recorder, at_end: Callable[[], None] | None
) -> Generator[simpy.Event, Any, None]:
    """Note that *phase* begins; do *at_end*, if there is anything, when it ends."""
    yield env.timeout(phase.start_ns - int(env.now))
    recorder.event(int(env.now), -1, f"phase {phase.name}", 0)
    if at_end is not None:
        yield env.timeout(phase.end_ns - int(env.now))
        at_end()
