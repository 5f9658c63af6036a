"""Run two designs at many points of the space of assumptions, and keep every finished point.

A point is a set of prices and parameters.  At each the same replications are run, so that the
seed is averaged out and points differ in their assumptions only.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from SALib.sample import latin, morris, sobol  # type: ignore[import-untyped]

from vmmodel.cpus import available_cpus
from vmmodel.experiment.digest import model_digest
from vmmodel.experiment.factors import Factor, Values, assumed, distance
from vmmodel.experiment.pool import each
from vmmodel.experiment.scenario import Scenario
from vmmodel.experiment.schema import TABLES
from vmmodel.experiment.store import replace_folder
from vmmodel.experiment.tables import run_tables, with_key
from vmmodel.sim.machine import AnyScript, run_script
from vmmodel.sim.prices import Prices

LEVELS = 4
"""Grid of Morris' design; trajectories step over half of it."""
KEPT = ("runs", "latencies")
POINTS = ".vmmodel-points"


@dataclass(frozen=True)
class Study:
    """What is compared, and where in the space of assumptions it starts."""

    scenario: Scenario
    variant: str
    designs: tuple[str, str]
    """The one and the baseline."""
    replications: int
    seed: int
    prices: Prices
    factors: tuple[Factor, ...]

    def digest(self, values: Values) -> str:
        """Name all that the tables of a point depend on: 24 hex digits."""
        scenario, prices = self._at(values)
        parameters = {n: p["value"] for n, p in scenario.parameters.described().items()}
        key = (model_digest(), scenario.name, scenario.source, self.variant, self.designs)
        described = [*key, parameters, prices.values(), self.replications, self.seed]
        return hashlib.sha256(json.dumps(described).encode()).hexdigest()[:24]

    def run(self, values: Values) -> dict[str, pa.Table]:
        """Run every replication under both designs; give their runs and latencies."""
        scenario, prices = self._at(values)
        parts: dict[str, list[pa.Table]] = {name: [] for name in KEPT}
        keys: list[tuple[str | int, ...]] = []
        for replication in range(self.replications):
            script = _script(scenario, self.seed, self.variant, replication)
            for design in self.designs:
                result = run_script(script, design, prices, 2, 0)
                keys.append((scenario.name, self.variant, "", design, replication))
                tables = run_tables(result, self.seed)
                for name in KEPT:
                    parts[name].append(tables[name])
        return {name: with_key(tables, keys, TABLES[name]) for name, tables in parts.items()}

    def _at(self, values: Values) -> tuple[Scenario, Prices]:
        """Put *values* into copies of the scenario and of the prices."""
        prices = {n.partition(".")[2]: v for n, v in values.items() if n.startswith("price.")}
        priced = {n: self.prices.of(n).model_copy(update={"value": v}) for n, v in prices.items()}
        others = {n: v for n, v in values.items() if not n.startswith("price.")}
        changed = self.scenario.with_values({name: str(value) for name, value in others.items()})
        return changed, self.prices.model_copy(update=priced)


@lru_cache(maxsize=16)
def _script(scenario: Scenario, seed: int, variant: str, replication: int) -> AnyScript:
    """Draw a script once for neighbours that differ in a price only."""
    return scenario.script(seed, variant, replication)


def morris_points(factors: Sequence[Factor], trajectories: int, seed: int) -> list[Values]:
    """Draw Morris' trajectories; each step moves one factor."""
    problem = named(factors)
    found = morris.sample(problem, trajectories, num_levels=LEVELS, seed=seed)
    return points_at(factors, factors, found)


def space_points(factors: Sequence[Factor], n: int, seed: int) -> list[Values]:
    """Draw *n* points spread evenly over the whole space: a Latin hypercube."""
    return points_at(factors, factors, latin.sample(named(factors), n, seed=seed))


def sobol_points(
    factors: Sequence[Factor], varied: Sequence[Factor], n: int, seed: int
) -> list[Values]:
    """Draw Saltelli's design for first-order and total indices of the *varied* factors.

    *n* is a power of two; the design has ``n (D + 2)`` points, the other factors as assumed.
    """
    found = sobol.sample(named(varied), n, calc_second_order=False, seed=seed)
    return points_at(factors, varied, found)


def named(factors: Sequence[Factor]) -> dict[str, Any]:
    """Describe *factors* to SALib, each from 0 to 1."""
    names = [factor.name for factor in factors]
    return {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}


def points_at(
    factors: Sequence[Factor], varied: Sequence[Factor], found: np.ndarray
) -> list[Values]:
    """Turn rows of places of the *varied* factors into values of all."""
    base = assumed(factors)
    rows = found.tolist()
    return [
        base | {factor.name: factor.at(place) for factor, place in zip(varied, row, strict=True)}
        for row in rows
    ]


def places(factors: Sequence[Factor], points: Sequence[Values]) -> np.ndarray:
    """Give the places of all *factors* (columns) at *points* (rows)."""
    return np.array([[factor.place(one[factor.name]) for factor in factors] for one in points])


def described(factors: Sequence[Factor], stage: str, points: Sequence[Values]) -> pd.DataFrame:
    """Give a row for each point: stage, distance from what is assumed, values, places."""
    far = [distance(factors, one) for one in points]
    named = [f"place.{factor.name}" for factor in factors]
    values = pd.DataFrame({"stage": stage, "distance": far}).join(pd.DataFrame(points))
    return values.join(pd.DataFrame(places(factors, points), columns=named))


def run_points(
    study: Study,
    points: Sequence[Values],
    folder: Path,
    *,
    workers: int | None = None,
    done: Callable[[], None] = lambda: None,
) -> dict[str, pd.DataFrame]:
    """Run what is not there yet; give runs and latencies, their variant the point's number.

    Finished points lie beside *folder* until `forget_points`; the tables do not depend on the
    number of workers.
    """
    shards = _shards(folder)
    names = {study.digest(values): values for values in points}
    missing = [values for name, values in names.items() if not (shards / name).is_dir()]
    for _ in range(len(points) - len(missing)):
        done()
    for _ in each(partial(_run_point, study, shards), missing, workers or available_cpus()):
        done()
    read = [_read(study, shards, values, number) for number, values in enumerate(points)]
    return {name: pd.concat([one[name] for one in read], ignore_index=True) for name in KEPT}


def forget_points(folder: Path) -> None:
    """Delete the finished points that a study into *folder* would use."""
    shutil.rmtree(_shards(folder), ignore_errors=True)
    root = _shards(folder).parent
    if root.is_dir() and not any(root.iterdir()):
        root.rmdir()


def _shards(folder: Path) -> Path:
    return folder.resolve().parent / POINTS / model_digest()


def _run_point(study: Study, shards: Path, values: Values) -> None:
    tables = study.run(values)

    def fill(place: Path) -> None:
        for name, table in tables.items():
            pq.write_table(table, place / f"{name}.parquet", compression="zstd")

    replace_folder(shards / study.digest(values), fill)


def _read(study: Study, shards: Path, values: Values, number: int) -> dict[str, pd.DataFrame]:
    """Read a point's tables; one that was damaged since it was written is run again."""
    shard = shards / study.digest(values)
    try:
        tables = _tables(shard)
    except (OSError, pa.ArrowException):
        shutil.rmtree(shard)
        _run_point(study, shards, values)
        tables = _tables(shard)
    return {name: t.to_pandas().assign(variant=f"{number:05d}") for name, t in tables.items()}


def _tables(shard: Path) -> dict[str, pa.Table]:
    return {
        name: pq.read_table(shard / f"{name}.parquet", schema=TABLES[name], partitioning=None)
        for name in KEPT
    }
