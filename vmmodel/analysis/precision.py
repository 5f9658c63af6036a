"""How precise the primary differences are, and whether more replications are wanted.

A difference is precise when the half width of its t interval is at most a share of the
difference itself, or, near zero where a share means nothing, at most the metric's absolute
precision.  Half widths of few values are erratic, so it counts only when it held at each of
the last replications, the *look-ahead*.

Source: Hoad, Robinson and Davies (2010), "Automated selection of the number of replications for
a discrete-event simulation", with their look-ahead of five.
"""

import math

import numpy as np
import pandas as pd

from vmmodel.analysis.comparisons import comparisons, pair_values
from vmmodel.analysis.family import CONFIDENCE, Primary
from vmmodel.analysis.tables import Case, Study

LOOK_AHEAD = 5
FEWEST = 5
"""Pairs below which no half width is believed."""

REACHED, OPEN, NO_PAIR = "reached", "open", "no pair"


def precision_table(study: Study, relative: float) -> pd.DataFrame:
    """What was reached: a row for each scenario, variant, design and primary metric.

    *state* is ``open`` where more replications are wanted, and ``no pair`` where every run of the
    design panicked, so that replications would add nothing.
    """
    rows = [_row(study, *one, relative) for one in comparisons(study)]
    return pd.DataFrame(rows)


def wanted(table: pd.DataFrame) -> bool:
    """Whether any difference is still open."""
    return bool((table.state == OPEN).any())


def running_half_widths(apart: np.ndarray, confidence: float = CONFIDENCE) -> np.ndarray:
    """Half width of the t interval after the first 1, 2, ... values; NaN after one.

    >>> running_half_widths(np.array([1.0, 1.0, 4.0])).round(3).tolist()
    [nan, 0.0, 4.303]
    """
    from scipy.special import stdtrit

    n = np.arange(1, len(apart) + 1)
    deviations = np.array([apart[:m].std(ddof=1) if m > 1 else math.nan for m in n])
    half: np.ndarray = stdtrit(np.maximum(n - 1, 1), (1 + confidence) / 2) * deviations
    return half / np.sqrt(n)


def reached(apart: np.ndarray, relative: float, absolute: float) -> bool:
    """Whether the mean of *apart* is precise, and has been over the look-ahead."""
    if len(apart) < FEWEST + LOOK_AHEAD:
        return False
    n = np.arange(1, len(apart) + 1)
    target = np.maximum(relative * np.abs(apart.cumsum() / n), absolute)
    return bool((running_half_widths(apart) <= target)[-LOOK_AHEAD - 1 :].all())


def _row(
    study: Study, case: Case, design: str, primary: Primary, relative: float
) -> dict[str, object]:
    mine, theirs = pair_values(study, case, design, primary.metric)
    apart = (mine - theirs).dropna().to_numpy(float)
    mean = float(apart.mean()) if len(apart) else math.nan
    half = float(running_half_widths(apart)[-1]) if len(apart) else math.nan
    state = REACHED if reached(apart, relative, primary.absolute) else OPEN
    return {
        "scenario": case.scenario,
        "variant": case.variant,
        "design": design,
        "metric": primary.metric,
        "unit": primary.unit,
        "n": len(apart),
        "mean": mean,
        "half_width": half,
        "target": float(np.fmax(relative * abs(mean), primary.absolute)),
        "state": state if len(apart) else NO_PAIR,
    }
