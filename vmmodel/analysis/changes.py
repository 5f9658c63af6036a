"""What changed between two sweeps, beyond noise: for each case, design and metric.

Where both drew the same requests (equal seed and replication) runs are compared in pairs.  The
interval is that of the mean difference, by Student's t (pairs) or Welch's (no pairs); whether it
is noise is decided by p values after Holm's correction over all that was compared.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from vmmodel.analysis import summary
from vmmodel.analysis.tables import Case, Study

ALPHA = 0.05
"""How often anything at all is called changed when nothing is."""


@dataclass(frozen=True)
class Change:
    """One metric of one design in one case, before and after."""

    scenario: str
    variant: str
    setting: str
    design: str
    metric: str
    unit: str
    runs: str
    """How many were compared: ``10 pairs``, or ``10, 12`` without pairs."""
    before: float
    """Mean of the first sweep."""
    after: float
    difference: float
    low: float
    high: float
    """95 % interval of the difference; NaN where there are too few runs."""
    p: float
    verdict: str = ""
    """equal, changed, within noise, too few runs, only before, only after."""


def compare(before: Study, after: Study) -> pd.DataFrame:
    """Compare two sweeps: a row for each case, design and metric that either has."""
    sides = [summary.per_run(study) for study in (before, after)]
    rows = [
        _change(case, design, metric, [_values(side, case, design, metric) for side in sides])
        for case in dict.fromkeys([*before.cases, *after.cases])
        for design in dict.fromkeys([*before.designs, *after.designs])
        for metric in (*summary.METRICS, PANICKED)
    ]
    return _judged([row for row in rows if row is not None])


PANICKED = summary.Metric("panicked", "Panicked", "share of runs", -1, 2)
"""Metrics of a run's end count completed runs only; this one counts the others."""


def _values(runs: pd.DataFrame, case: Case, design: str, metric: summary.Metric) -> pd.Series:
    """Give the values of a metric by seed and replication."""
    rows = (runs.scenario == case.scenario) & (runs.variant == case.variant)
    runs = runs[rows & (runs.setting == case.setting) & (runs.design == design)]
    runs = runs.set_index(["seed", "replication"])
    if metric is PANICKED:
        return (runs.outcome == "panic").astype(float)
    ended: pd.Series = runs[runs.outcome == "completed"][metric.name].astype(float).dropna()
    return ended


def _change(
    case: Case, design: str, metric: summary.Metric, sides: list[pd.Series]
) -> Change | None:
    before, after = sides
    if before.empty and after.empty:
        return None
    common = before.index.intersection(after.index)
    paired = len(common) > 0
    if paired:
        before, after = before.loc[common], after.loc[common]
    apart, low, high, p = _paired(after - before) if paired else _unpaired(before, after)
    return Change(
        case.scenario,
        case.variant,
        case.setting,
        design,
        metric.name,
        metric.unit,
        f"{len(common)} pairs" if paired else f"{len(before)}, {len(after)}",
        float(before.mean()),
        float(after.mean()),
        apart,
        low,
        high,
        p,
        _plain_verdict(before, after, paired),
    )


def _plain_verdict(before: pd.Series, after: pd.Series, paired: bool) -> str:
    """Say what needs no statistics; nothing where it does."""
    if before.empty or after.empty:
        return "only after" if before.empty else "only before"
    if paired and bool((before == after).all()):
        return "equal"
    return "too few runs" if min(len(before), len(after)) < 2 else ""


def _paired(apart: pd.Series) -> tuple[float, float, float, float]:
    """Mean of differences, its 95 % interval and p; a difference without spread is certain."""
    from scipy.stats import ttest_1samp

    mean = float(apart.mean())
    if len(apart) < 2:
        return mean, math.nan, math.nan, math.nan
    if np.ptp(apart.to_numpy()) == 0:
        return mean, mean, mean, float(mean == 0)
    test = ttest_1samp(apart, 0)
    interval = test.confidence_interval(0.95)
    return mean, float(interval.low), float(interval.high), float(test.pvalue)


def _unpaired(before: pd.Series, after: pd.Series) -> tuple[float, float, float, float]:
    from scipy.stats import ttest_ind

    mean = float(after.mean() - before.mean())
    if min(len(before), len(after)) < 2:
        return mean, math.nan, math.nan, math.nan
    if np.ptp(before.to_numpy()) == 0 and np.ptp(after.to_numpy()) == 0:
        return mean, mean, mean, float(mean == 0)
    test = ttest_ind(after, before, equal_var=False)
    interval = test.confidence_interval(0.95)
    return mean, float(interval.low), float(interval.high), float(test.pvalue)


def _judged(changes: list[Change]) -> pd.DataFrame:
    """Decide what is noise, all comparisons together."""
    from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]

    names: list[Any] = list(Change.__dataclass_fields__)
    frame = pd.DataFrame([asdict(change) for change in changes], columns=names)
    open_ = (frame.verdict == "") & frame.p.notna()
    if open_.any():
        changed = multipletests(frame.p[open_], ALPHA, method="holm")[0]
        frame.loc[open_, "verdict"] = np.where(changed, "changed", "within noise")
    return frame
