"""Run scenarios x designs x replications and write the tables.

A finished run is kept as a shard, named by the digest of all it depends on; an interrupted sweep
goes on from there.  Where the runs are made, in this process, on others or on other machines, does
not show in the tables.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmmodel.cpus import available_cpus
from vmmodel.experiment.digest import model_digest
from vmmodel.experiment.local import finish_unit, left_of, run_here, run_on_processes
from vmmodel.experiment.locks import sole_writer
from vmmodel.experiment.scenario import Scenario
from vmmodel.experiment.shards import SHARDS, Damaged, Gone, Shards
from vmmodel.experiment.store import Part, write_sweep
from vmmodel.experiment.unit import Unit

if TYPE_CHECKING:
    from vmmodel.experiment.cluster import Cluster

PIECES = 3
"""Pieces of work for each process at least, so that all end at about the same time."""


@dataclass(frozen=True)
class Sweep:
    """What to run; a scenario may stand in it several times, with other settings."""

    scenarios: tuple[Scenario, ...]
    designs: tuple[str, ...]
    replications: int
    seed: int
    """Of every scenario that has none of its own."""
    profile: str
    check: bool = False

    def units(self) -> list[Unit]:
        """List the units in the order of the tables."""
        return [
            Unit(scenario, variant, replication, self.designs, seed, self.check)
            for scenario in self.scenarios
            for seed in (self.seed if scenario.seed is None else scenario.seed,)
            for variant in scenario.chosen
            for replication in range(self.replications)
        ]

    def key(self) -> str:
        """Name all that the sweep's tables depend on: 24 hex digits."""
        keys = [[unit.scenario.setting, *unit.keys().values()] for unit in self.units()]
        return hashlib.sha256(json.dumps([self.profile, keys]).encode()).hexdigest()[:24]


def run_sweep(
    sweep: Sweep,
    folder: Path,
    meta: dict[str, Any],
    *,
    workers: int | None = None,
    done: Callable[[Unit], None] = lambda _unit: None,
    keep: bool = False,
    cluster: "Cluster | None" = None,
    say: Callable[[str], None] = lambda _sentence: None,
    cost: Callable[[Unit], float] = lambda _unit: 0.0,
) -> None:
    """Run *sweep* on *workers* processes (default: one for each CPU) and write it to *folder*.

    *done* is called with each unit, or each part of one, that is finished.  With *keep* the
    finished runs stay beside the folder, for a later sweep that has more of them.  With a
    *cluster* the runs are made there.  *say* is told what a reader should know.  What costs most by
    *cost*, in seconds, begins first, so that all processes end at about the same time.
    """
    units = sweep.units()
    shards = shards_of(folder)
    with sole_writer(folder) as held:
        if held.alone():
            shards.tidy()
        held.share()
        left = sorted(_left(units, shards, done, say), key=cost, reverse=True)
        for unit in _run_all(left, shards, workers or available_cpus(), cluster, say):
            done(unit)
        write_sweep(folder.resolve(), _parts(units, shards, say), meta)
        if not keep and held.alone():  # else the others may be reading them
            shards.forget(key for unit in units for key in unit.keys().values())


def shards_of(folder: Path) -> Shards:
    """Give the finished runs that a sweep into *folder* uses."""
    return Shards(folder.resolve().parent / SHARDS / model_digest())


def _left(
    units: list[Unit], shards: Shards, done: Callable[[Unit], None], say: Callable[[str], None]
) -> list[Unit]:
    """Give what is still to be run, after a look at all that is finished."""
    left = []
    for unit in units:
        missing = left_of(unit, lambda key: _sound(key, shards, say))
        designs = missing.designs if missing else ()
        finished = tuple(design for design in unit.designs if design not in designs)
        if finished:
            done(replace(unit, designs=finished))
        if missing:
            left.append(missing)
    return left


def _sound(key: str, shards: Shards, say: Callable[[str], None]) -> bool:
    fault = shards.fault(key)
    if fault:
        _set_aside(key, fault, shards, say)
    return fault is None


def _set_aside(key: str, fault: str, shards: Shards, say: Callable[[str], None]) -> None:
    aside = shards.set_aside(key)
    say(f"A finished run is damaged ({fault}): set aside as {aside}, to be run again.")


def _run_all(
    units: list[Unit],
    shards: Shards,
    workers: int,
    cluster: "Cluster | None",
    say: Callable[[str], None],
) -> Iterator[Unit]:
    if not units:
        return iter(())
    if cluster is not None:
        from vmmodel.experiment.cluster import run_on_cluster

        return run_on_cluster(units, shards, cluster, workers, say)
    units = in_pieces(units, workers)
    if workers == 1 or len(units) == 1:
        return run_here(units, shards)
    return run_on_processes(units, shards, workers)


def in_pieces(units: Sequence[Unit], workers: int) -> list[Unit]:
    """Split units by designs where there are few for many workers; each draws its script again."""
    pieces = math.ceil(PIECES * workers / len(units)) if workers > 1 else 1
    split = []
    for unit in units:
        size = math.ceil(len(unit.designs) / pieces)
        for start in range(0, len(unit.designs), size):
            split.append(replace(unit, designs=unit.designs[start : start + size]))
    return split


def _parts(units: list[Unit], shards: Shards, say: Callable[[str], None]) -> Iterator[Part]:
    """Read the finished runs in the order of the tables; what was damaged meanwhile runs again."""
    for unit in units:
        for design, key in unit.keys().items():
            try:
                tables = shards.read(key)
            except Gone:
                say(f"The finished run of {unit}, {design} is gone: it is run again.")
                finish_unit(replace(unit, designs=(design,)), shards)
                tables = shards.read(key)
            except Damaged as damaged:
                _set_aside(key, str(damaged), shards, say)
                finish_unit(replace(unit, designs=(design,)), shards)
                tables = shards.read(key)
            yield unit.row_key(design), tables
