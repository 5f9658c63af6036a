"""Run scenarios x designs x replications on local processes and write the tables.

The unit of work is one replication of one scenario and variant under all designs: its script is
drawn once, so every design meets the same requests.  A finished unit is kept as a shard named by
the digest of all it depends on; an interrupted sweep goes on from there.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

import pyarrow as pa

from vmmodel.cpus import available_cpus
from vmmodel.experiment.digest import model_digest
from vmmodel.experiment.scenario import Scenario
from vmmodel.experiment.store import read_tables, replace_folder, write_sweep, write_tables
from vmmodel.experiment.tables import Tables, join_tables, run_tables
from vmmodel.sim.machine import run_script
from vmmodel.sim.prices import load_prices

NSAMPLES = 40
NMAPS = 16
SHARDS = ".vmmodel-shards"


@dataclass(frozen=True)
class Unit:
    """One replication of one scenario and variant, under all designs."""

    scenario: Scenario
    variant: str
    replication: int
    designs: tuple[str, ...]
    seed: int
    check: bool = False
    """Whether every promise is asserted at every sample: it changes no table."""

    def digest(self) -> str:
        """Name all that the unit's tables depend on: 24 hex digits."""
        scenario = self.scenario
        parameters = {n: p["value"] for n, p in scenario.parameters.described().items()}
        key = (model_digest(), scenario.name, scenario.source, self.variant, self.replication)
        described = json.dumps([*key, parameters, self.designs, self.seed, NSAMPLES, NMAPS])
        return hashlib.sha256(described.encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Sweep:
    """What to run."""

    scenarios: tuple[Scenario, ...]
    designs: tuple[str, ...]
    replications: int
    seed: int
    profile: str
    check: bool = False

    def units(self) -> list[Unit]:
        """List the units in the order of the tables."""
        return [
            Unit(scenario, variant, replication, self.designs, self.seed, self.check)
            for scenario in self.scenarios
            for variant in scenario.chosen
            for replication in range(self.replications)
        ]

    def key(self) -> str:
        """Name all that the sweep's tables depend on: 24 hex digits."""
        digests = [unit.digest() for unit in self.units()]
        return hashlib.sha256(json.dumps([self.profile, digests]).encode()).hexdigest()[:24]


def run_unit(unit: Unit, shards: Path) -> str:
    """Run a unit under all its designs, unless its shard is there; give the shard's name."""
    name = unit.digest()
    if (shards / name).is_dir():
        return name
    script = unit.scenario.script(unit.seed, unit.variant, unit.replication)
    parts = []
    for design in unit.designs:
        nmaps = NMAPS if unit.replication == 0 else 0
        result = run_script(script, design, load_prices(), NSAMPLES, nmaps, check=unit.check)
        key = {
            "scenario": unit.scenario.name,
            "variant": unit.variant,
            "design": design,
            "replication": unit.replication,
        }
        parts.append(run_tables(result, key, unit.seed))
    replace_folder(shards / name, lambda place: write_tables(place, join_tables(parts)))
    return name


def run_sweep(
    sweep: Sweep,
    folder: Path,
    meta: dict[str, Any],
    *,
    workers: int | None = None,
    done: Callable[[Unit], None] = lambda _unit: None,
    keep: bool = False,
) -> None:
    """Run *sweep* on *workers* processes (default: one for each CPU) and write it to *folder*.

    *done* is called after each unit.  With *keep* the finished units stay beside the folder, for
    a later sweep that has more of them.  The tables do not depend on the number of workers.
    """
    units = sweep.units()
    folder = folder.resolve()
    shards = folder.parent / SHARDS / model_digest()
    _forget_other_models(shards)
    names: dict[Unit, str] = {}
    for unit, name in _run_all(units, shards, workers or available_cpus()):
        names[unit] = name
        done(unit)
    tables = join_tables([_read_unit(unit, shards / names[unit]) for unit in units])
    write_sweep(folder, tables, meta)
    if not keep:
        for name in names.values():
            shutil.rmtree(shards / name, ignore_errors=True)
        _forget_if_empty(shards)


def _read_unit(unit: Unit, shard: Path) -> Tables:
    """Read a unit's tables; one that was damaged since it was written is run again."""
    try:
        return read_tables(shard)
    except (OSError, pa.ArrowException):
        shutil.rmtree(shard)
        run_unit(unit, shard.parent)
        return read_tables(shard)


def _forget_if_empty(shards: Path) -> None:
    for folder in (shards, shards.parent):
        with contextlib.suppress(OSError):  # not empty: somebody else's units are in there
            folder.rmdir()


def _run_all(units: Sequence[Unit], shards: Path, workers: int) -> Iterator[tuple[Unit, str]]:
    if workers == 1 or len(units) == 1:
        for unit in units:
            yield unit, run_unit(unit, shards)
        return
    context = get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent)
    try:
        with _deaf_to_interrupts():  # Ctrl-C is for this process, which then ends the others
            waiting = {pool.submit(run_unit, unit, shards): unit for unit in units}
        for future in as_completed(waiting):
            yield waiting[future], future.result()
    finally:  # when stopped, too: what has begun ends, nothing else begins
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Ignore SIGINT, in processes started meanwhile for good."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end_with_parent() -> None:
    """Let this worker end when the process that started it is gone, however that ended."""
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def forget_shards(folder: Path) -> None:
    """Delete the finished units that a sweep into *folder* would use."""
    shutil.rmtree(folder.resolve().parent / SHARDS, ignore_errors=True)


def _forget_other_models(shards: Path) -> None:
    """Delete shards of other states of the source: nothing will ever ask for them."""
    if shards.parent.is_dir():
        for folder in shards.parent.iterdir():
            if folder != shards and re.fullmatch("[0-9a-f]{16}", folder.name):
                shutil.rmtree(folder, ignore_errors=True)
