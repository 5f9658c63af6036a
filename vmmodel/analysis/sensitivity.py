"""On which assumptions the difference between two designs rests.

Everything here is about the *difference* at a point of the space of assumptions, averaged over
replications: what moves it (Morris, then Sobol on what survives), in what share of the space its
sign is that of the assumed point, and where the nearest point lies at which it turns.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from SALib.analyze import morris, sobol  # type: ignore[import-untyped]

from vmmodel.analysis import histograms, metrics, summary
from vmmodel.analysis.description import TableError
from vmmodel.analysis.family import CONFIDENCE, FAMILY, Primary
from vmmodel.analysis.statistics import share_interval

WEAK = 0.1
"""A factor with less than this share of the strongest effect on every metric is dropped."""
RESAMPLES = 1000
PLACES = "place."
"""Prefix of the columns with a factor's place in 0..1."""

Problem = Mapping[str, Any]
Floats = npt.NDArray[np.float64]


NO_SOBOL = pd.DataFrame(columns=["metric", "factor", "S1", "S1_conf", "ST", "ST_conf"])
"""The table when nothing survived the screening."""

TABLES = ("points", "morris", "sobol", "robustness")


def load(folder: Path) -> dict[str, pd.DataFrame]:
    """Read the tables of a sensitivity study; `TableError` names what is missing."""
    found = {}
    for name in TABLES:
        path = folder / f"{name}.parquet"
        try:
            found[name] = pd.read_parquet(path, partitioning=None)
        except (OSError, pa.ArrowException) as error:
            reason = str(error).splitlines()[0]
            expected = "expected a table that ./study sensitivity wrote"
            raise TableError(f"{path}: not readable ({reason}), {expected}") from None
    return found


def judged(designs: tuple[str, str]) -> list[Primary]:
    """The primary metrics in which the two designs can be compared."""
    return [one for one in FAMILY if all(summary.comparable(d, one.metric) for d in designs)]


def differences(
    runs: pd.DataFrame, latencies: pd.DataFrame, designs: tuple[str, str]
) -> pd.DataFrame:
    """Mean paired difference, first design minus second, by point (rows) and metric (columns).

    NaN where no replication was completed by both.
    """
    seen = set(latencies.operation.unique())
    operation = next((name for name in summary.OPERATIONS if name in seen), "")
    p99 = histograms.per_run(latencies, operation, "total", 0.99)
    rows = runs.merge(p99.rename(columns={"value": "p99_ns"}), on=metrics.KEY, how="left")
    rows = rows.assign(gone=rows.leaked + metrics.lost_pages(rows))
    rows = rows[rows.outcome == "completed"]
    names = [one.metric for one in judged(designs)]
    one, other = (
        rows[rows.design == design].set_index(["variant", "replication"])[names].astype(float)
        for design in designs
    )
    apart = (one - other).groupby("variant").mean()
    return apart.reindex(sorted(runs.variant.unique())).reset_index(drop=True)


def morris_table(
    problem: Problem, places: Floats, apart: pd.DataFrame, levels: int, seed: int
) -> pd.DataFrame:
    """Elementary effects on each metric: *mu_star* is the mean size, *sigma* the spread.

    Effects are differences of the metric over the whole range of a factor, in its unit; a sigma
    of the size of mu_star says that the effect depends on the other factors.
    """
    parts = []
    for metric in apart:
        found = morris.analyze(
            problem, places, apart[metric].to_numpy(float), num_resamples=RESAMPLES,
            conf_level=CONFIDENCE, num_levels=levels, seed=seed,
        )  # fmt: skip
        columns = ("mu", "mu_star", "sigma", "mu_star_conf")
        numbers = {name: np.asarray(found[name], float) for name in columns}
        parts.append(pd.DataFrame({"metric": metric, "factor": problem["names"], **numbers}))
    return pd.concat(parts, ignore_index=True)


def survivors(table: pd.DataFrame, most: int) -> list[str]:
    """The factors worth Sobol's cost: strong on some metric, strongest first, at most *most*.

    An effect smaller than the metric's absolute precision is none.  Each factor counts with its
    largest share of a metric's strongest effect.
    """
    floors = {one.metric: one.absolute for one in FAMILY}
    strong = table[table.mu_star >= table.metric.map(floors)]
    best = table.groupby("metric").mu_star.transform("max")
    share = (strong.mu_star / best[strong.index]).groupby(strong.factor).max()
    order = {name: i for i, name in enumerate(table.factor.unique())}
    kept = [(-value, order[name], str(name)) for name, value in share.items() if value >= WEAK]
    return [name for _, _, name in sorted(kept)[:most]]


def sobol_table(problem: Problem, apart: pd.DataFrame, seed: int) -> pd.DataFrame:
    """First-order and total indices of each metric, with bootstrap half widths.

    A difference that is the same at every point has no variance to share: NaN.
    """
    parts = []
    for metric in apart:
        values = apart[metric].to_numpy(float)
        columns = ("S1", "S1_conf", "ST", "ST_conf")
        if np.ptp(values) == 0 or np.isnan(values).any():
            numbers: dict[str, Any] = dict.fromkeys(columns, math.nan)
        else:
            found = sobol.analyze(
                problem, values, calc_second_order=False, num_resamples=RESAMPLES,
                conf_level=CONFIDENCE, seed=seed,
            )  # fmt: skip
            numbers = {name: np.asarray(found[name], float) for name in columns}
        parts.append(pd.DataFrame({"metric": metric, "factor": problem["names"], **numbers}))
    return pd.concat(parts, ignore_index=True)


def gathered(stages: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The points of all stages under one another."""
    return pd.concat(stages, ignore_index=True)


def signs(apart: pd.Series, absolute: float) -> pd.Series:
    """-1 where the first design has less, +1 where more, 0 where the two tie; NaN stays out."""
    more, less = (apart > absolute).astype(float), (apart < -absolute).astype(float)
    return (more - less).where(apart.notna())


def robustness_table(points: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """In what share of the space the sign of each difference is that of the assumed point.

    *points* has a row for each point: its ``stage`` (assumed, morris, space, sobol), its
    ``distance`` from what is assumed, ``place.`` columns, and the differences.  Shares rest on
    the stage ``space``, which is spread evenly; the nearest turn is sought at all points.  A tie
    with the assumed sign is no turn; from an assumed tie any difference is one.
    """
    rows = [_robust(points, one, names) for one in FAMILY if one.metric in points]
    return pd.DataFrame(rows)


def _robust(points: pd.DataFrame, one: Primary, names: Sequence[str]) -> dict[str, object]:
    sign = signs(points[one.metric], one.absolute)
    [base] = points.index[points.stage == "assumed"]
    turned = (sign != sign[base]) & (sign != 0) & sign.notna()
    even = (points.stage == "space") & sign.notna()
    holds = share_interval(int((sign[even] == sign[base]).sum()), int(even.sum()))
    row: dict[str, object] = {
        "metric": one.metric,
        "unit": one.unit,
        "assumed": points[one.metric][base],
        "points": holds.n,
        "holds": holds.estimate,
        "low": holds.low,
        "high": holds.high,
        "ties": (sign[even] == 0).mean(),
        "turns": turned[even].mean(),
        "nearest_turn": math.nan,
        "turned_to": math.nan,
        "by": "",
    }
    if turned.any():
        nearest = int(points.distance.where(turned).to_numpy().argsort()[0])
        row["nearest_turn"] = points.distance.iloc[nearest]
        row["turned_to"] = points[one.metric].iloc[nearest]
        row["by"] = moved(points, nearest, names)
    return row


def moved(points: pd.DataFrame, number: int, names: Sequence[str], most: int = 3) -> str:
    """The factors in which a point departs most from what is assumed, farthest first."""
    base, point = points[points.stage == "assumed"].iloc[0], points.iloc[number]
    apart = {name: abs(float(point[PLACES + name] - base[PLACES + name])) for name in names}
    farthest = sorted(apart, key=lambda name: -apart[name])[:most]
    return ", ".join(f"{name}={point[name]:.3g}" for name in farthest if apart[name] > 0)
