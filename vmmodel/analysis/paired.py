"""Paired comparison of two designs under common random numbers.

Replication by replication both designs meet the same drawn events, so the difference of a pair
is the design's doing and the noise that both share drops out.  It does so only where the two
values of a pair rise and fall together: their correlation stands beside every difference.
"""

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vmmodel.analysis.family import CONFIDENCE

RESAMPLES = 9999
SEED = 20_261_124
"""Of the bootstrap: the same pairs give the same interval."""

ROUNDING = 1e-12
"""Differences that vary by less than this share of the values are equal but for rounding."""

NO_PAIR = "no pair"
ONE_PAIR = "one pair: no spread"
ALL_EQUAL = "all differences equal: the spread is not estimated"
NO_BCA = "BCa is not defined for these values"
NOT_DEFINED = "paired correlation not defined"
NOT_POSITIVE = "paired correlation not positive"


@dataclass(frozen=True)
class Paired:
    """A paired difference; what is not defined is NaN, and *notes* say why."""

    n: int
    """Pairs in which both values are known."""
    mean: float
    """Mean difference, in the metric's unit: the effect size."""
    low: float
    """Lower end of the t interval."""
    high: float
    """Upper end of the t interval."""
    bca_low: float
    """Lower end of the BCa bootstrap interval."""
    bca_high: float
    """Upper end of the BCa bootstrap interval."""
    ratio: float
    """Mean over the other mean; NaN where that is 0."""
    correlation: float
    """Pearson's, between the two values of a pair; NaN where either does not vary."""
    p: float
    """Two-sided, of no difference: t test, or the sign test where all differences are equal."""
    notes: tuple[str, ...] = ()

    @property
    def half_width(self) -> float:
        """Half the t interval; 0 where all differences are equal, NaN with fewer than two."""
        return (self.high - self.low) / 2


def compare(
    mine: Iterable[float],
    theirs: Iterable[float],
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
) -> Paired:
    """Compare values of one design with those of another, pair by pair.

    Pairs with a NaN are left out.  Equal differences give a point and the sign test's p, since no
    spread can be estimated from them; BCa is not tried there, nor without *resamples*.

    >>> one = compare([3, 5, 7, 8], [1, 4, 5, 5])
    >>> one.n, one.mean, round(one.low, 2), round(one.high, 2), round(one.correlation, 2)
    (4, 2.0, 0.7, 3.3, 0.93)
    """
    x, y = (np.array(list(values), dtype=float) for values in (mine, theirs))
    known = ~(np.isnan(x) | np.isnan(y))
    x, y = x[known], y[known]
    n, nan = len(x), math.nan
    if not n:
        return Paired(0, nan, nan, nan, nan, nan, nan, nan, nan, (NO_PAIR,))
    mean, ratio = float((x - y).mean()), _ratio(x, y)
    correlation, notes = _correlation(x, y)
    if n == 1:
        return Paired(1, mean, nan, nan, nan, nan, ratio, nan, nan, (ONE_PAIR, *notes))
    if np.ptp(x - y) <= ROUNDING * max(np.abs(x).max(), np.abs(y).max()):
        p = 2 * 0.5**n if mean else 1.0
        ends = (mean, mean, nan, nan)
        return Paired(n, mean, *ends, ratio, correlation, p, (ALL_EQUAL, *notes))
    half, p = _t(x - y, confidence)
    bca = _bca(x, y, confidence, resamples) if resamples else (nan, nan)
    if resamples and math.isnan(sum(bca)):
        notes = (NO_BCA, *notes)
    return Paired(n, mean, mean - half, mean + half, *bca, ratio, correlation, p, notes)


def _t(apart: np.ndarray, confidence: float) -> tuple[float, float]:
    """Half width of Student's interval and the two-sided p of a mean of zero."""
    from scipy.special import stdtr, stdtrit

    n = len(apart)
    error = float(apart.std(ddof=1)) / math.sqrt(n)
    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * error
    return half, float(2 * stdtr(n - 1, -abs(float(apart.mean())) / error))


def _bca(x: np.ndarray, y: np.ndarray, confidence: float, resamples: int) -> tuple[float, float]:
    """Bias-corrected and accelerated bootstrap interval of the mean difference; NaN if undefined.

    scipy warns and gives NaN where a correction is infinite (all resamples on one side).
    """
    from scipy.stats import bootstrap

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: Any = bootstrap(
            (x, y), _mean_difference, paired=True, vectorized=True, n_resamples=resamples,
            confidence_level=confidence, method="BCa", rng=SEED,
        ).confidence_interval  # fmt: skip
    return float(found.low), float(found.high)


def _mean_difference(x: np.ndarray, y: np.ndarray, axis: int = -1) -> Any:
    return (x - y).mean(axis=axis)


def _ratio(x: np.ndarray, y: np.ndarray) -> float:
    return float(x.mean() / y.mean()) if y.mean() else math.nan


def _correlation(x: np.ndarray, y: np.ndarray) -> tuple[float, tuple[str, ...]]:
    """Correlation and a note where pairing is not shown to help; two pairs always give one."""
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan, (NOT_DEFINED,)
    found = float(np.corrcoef(x, y)[0, 1])
    return found, () if found > 0 else (NOT_POSITIVE,)


def holm(p: pd.Series) -> pd.Series:
    """Holm's adjusted p values; what was not tested (NaN) stays NaN and is not counted.

    Source: Holm (1979), by ``statsmodels.stats.multitest.multipletests``.

    >>> holm(pd.Series([0.01, 0.04, 0.03])).round(2).to_list()
    [0.03, 0.06, 0.06]
    """
    from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]

    adjusted = pd.Series(np.nan, p.index, dtype=float)
    tested = p.notna()
    if tested.any():
        adjusted[tested] = multipletests(p[tested].to_numpy(float), method="holm")[1]
    return adjusted
