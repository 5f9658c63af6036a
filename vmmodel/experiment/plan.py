"""How long a sweep will take, from runs that were measured: earlier ones, or a short pilot."""

import heapq
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean

from vmmodel.experiment.local import left_of
from vmmodel.experiment.shards import Shards, pack, unpack
from vmmodel.experiment.store import write_tables
from vmmodel.experiment.sweep import Sweep, in_pieces
from vmmodel.experiment.tables import Tables
from vmmodel.experiment.unit import Unit, run_unit
from vmmodel.nofree import BASELINE

PILOTS = 12
"""Most pilot runs: one for a scenario, variant and setting of which nothing was measured."""

Kind = tuple[str, ...]


@dataclass
class Costs:
    """Seconds of computing that runs took."""

    seconds: dict[Kind, list[float]] = field(default_factory=lambda: defaultdict(list))
    """By scenario, variant, setting and design, and by each beginning of that."""
    serial: float = 0.0
    """Seconds for each run that no further processor takes over: keeping, reading, writing it."""
    earlier: int = 0
    """Runs of earlier sweeps that were measured."""
    pilots: int = 0
    """Runs that were made to be measured."""

    def add(self, unit: Unit, design: str, seconds: float) -> None:
        """Enter one run that was measured."""
        kind = _kind(unit, design)
        for length in range(len(kind) + 1):
            self.seconds[kind[:length]].append(seconds)

    def of(self, unit: Unit, design: str) -> float:
        """Give the mean of the runs that are most alike; 0 when there are none."""
        kind = _kind(unit, design)
        alike = (
            self.seconds[kind[:n]] for n in range(len(kind), -1, -1) if kind[:n] in self.seconds
        )
        return next(map(fmean, alike), 0.0)

    def of_unit(self, unit: Unit) -> float:
        """Give the seconds of a unit, all its designs."""
        return sum(self.of(unit, design) for design in unit.designs)


def _kind(unit: Unit, design: str) -> Kind:
    return unit.scenario.name, unit.variant, unit.scenario.setting, design


@dataclass(frozen=True)
class Plan:
    """What is to be run, and what it costs."""

    runs: int
    finished: int
    left: tuple[Unit, ...]
    costs: Costs

    @property
    def computing(self) -> float:
        """Seconds of computing that are left."""
        return sum(map(self.costs.of_unit, self.left))

    def wall(self, workers: int) -> float:
        """Seconds until the end on *workers* processors, each taking the next unit when free."""
        if not self.left:
            return 0.0
        free = [0.0] * workers
        longest_first = sorted(self.left, key=self.costs.of_unit, reverse=True)
        for unit in in_pieces(longest_first, workers):
            heapq.heapreplace(free, free[0] + self.costs.of_unit(unit))
        return max(free) + self.runs * self.costs.serial


def make_plan(
    sweep: Sweep, shards: Shards, say: Callable[[str], None] = lambda _sentence: None
) -> Plan:
    """Look what is finished, measure what is not known; nothing is written beside *shards*."""
    costs = Costs()
    units, left = sweep.units(), []
    for unit in units:
        missing = left_of(unit, shards.has)
        _earlier(unit, missing, shards, costs)
        if missing:
            left.append(missing)
    todo = sum(len(unit.designs) for unit in left)
    _pilot(left, costs, say)
    return Plan(
        len(units) * len(sweep.designs), len(units) * len(sweep.designs) - todo, tuple(left), costs
    )


def _earlier(unit: Unit, missing: Unit | None, shards: Shards, costs: Costs) -> None:
    for design, key in unit.keys().items():
        if missing is None or design not in missing.designs:
            seconds = shards.seconds(key)
            if seconds is not None:
                costs.add(unit, design, seconds)
                costs.earlier += 1


def _pilot(left: Sequence[Unit], costs: Costs, say: Callable[[str], None]) -> None:
    """Run one of each kind of which nothing is known, or of some of them when they are many."""
    unknown: dict[Kind, Unit] = {}
    for unit in left:
        kind = _kind(unit, "")[:3]
        if kind not in costs.seconds:
            unknown.setdefault(kind, unit)
    step = max(1, -(-len(unknown) // PILOTS))
    chosen = list(unknown.values())[::step]
    if not chosen:
        return
    say(f"Measuring {len(chosen)} pilot runs ...")
    _run_one(chosen[0])  # the first run of a process loads what all others have
    for unit in chosen:
        design, tables, seconds = _run_one(unit)
        costs.add(unit, design, seconds)
        costs.pilots += 1
    costs.serial = _serial(unit, design, pack(tables, seconds))


def _run_one(unit: Unit) -> tuple[str, Tables, float]:
    """Run a unit under one design; not the first replication, which alone makes maps of memory."""
    design = BASELINE if BASELINE in unit.designs else unit.designs[0]
    (made,) = run_unit(replace(unit, designs=(design,), replication=1))
    return made


def _serial(unit: Unit, design: str, shard: bytes) -> float:
    """Measure what is done with a finished run, one after the other: seconds for one of 20."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, suppress(OSError):  # a full disk is told later
        kept = Shards(Path(folder))
        for number in range(20):
            kept.write(f"{number:04}", shard)
        write_tables(Path(folder), ((unit.row_key(design), unpack(shard)) for _ in range(20)))
    return (time.perf_counter() - start) / 20


_UNITS = ((86400, 3600, "d", "h"), (3600, 60, "h", "min"), (60, 1, "min", "s"))


def duration(seconds: float) -> str:
    """Word a duration in two units at most.

    >>> duration(8.3), duration(95), duration(7260), duration(200000)
    ('8 s', '1 min 35 s', '2 h 1 min', '2 d 7 h')
    """
    whole = max(1, round(seconds))
    for size, below, unit, lower in _UNITS:
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {unit}" + (f" {rest} {lower}" if rest else "")
    return f"{whole} s"
