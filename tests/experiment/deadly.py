"""Scenarios whose process does not live long."""

import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

from experiment.small import small_sweep

from vmmodel.experiment.sweep import Sweep
from vmmodel.sim.script import Script
from vmmodel.workloads.described import Described
from vmmodel.workloads.streams import Streams

REPLICATIONS = 4


@dataclass(frozen=True)
class Deadly:
    """Draws as another scenario does, but for one unit, which ends its process or its memory."""

    draw: object
    folder: Path
    deaths: int
    kill: bool = True

    def __call__(self, parameters: Described, streams: Streams, variant: str) -> Script:
        died = len(list(self.folder.glob("died-*")))
        if streams._replication == REPLICATIONS - 1 and died < self.deaths:
            (self.folder / f"died-{died}").touch()
            if not self.kill:
                raise MemoryError
            os.kill(os.getpid(), signal.SIGKILL)
        return self.draw(parameters, streams, variant)  # type: ignore[operator,no-any-return]


def deadly_sweep(folder: Path, deaths: int, kill: bool = True) -> Sweep:
    """Some replications, of which the first *deaths* tries of the last one do not end."""
    sweep = small_sweep(REPLICATIONS)
    (scenario,) = sweep.scenarios
    draw = Deadly(scenario.draw, folder, deaths, kill)
    return replace(sweep, scenarios=(replace(scenario, draw=draw),))
