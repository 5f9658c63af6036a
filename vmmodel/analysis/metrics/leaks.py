"""Metrics 13e and 14: does it leak?  A slope with its interval, and FreeBSD's own leak scripts.

Nothing here knows why a number grows: a population that still grows looks like a leak to a script
and to a slope, which is why the same must be asked of a design that cannot leak.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vmmodel.analysis.metrics.common import CHUNKLESS, KEY, REGION_PAGES, written

HOUR_NS = 3.6e12
LEAST_SAMPLES = 51
"""leaks.sh cannot speak before: it needs more than 50 new maxima."""
LEAST_SAMPLES_2 = 121
"""leaks2.sh needs more than 120 samples above a minimum."""


@dataclass(frozen=True)
class Slope:
    """A trend over time, per hour, with its interval."""

    per_hour: float
    low: float
    high: float


NO_SLOPE = Slope(math.nan, math.nan, math.nan)


def slope(time_ns: pd.Series, values: pd.Series, confidence: float = 0.95) -> Slope:
    """The median of the slopes of all pairs, and its interval (Theil and Sen); NaN below 3 values.

    It assumes no distribution, but that the values scatter independently about the trend.
    Source: ``scipy.stats.theilslopes``.

    >>> slope(pd.Series([0, 3.6e12, 7.2e12, 10.8e12]), pd.Series([1.0, 3.0, 5.0, 7.0]))
    Slope(per_hour=2.0, low=2.0, high=2.0)
    """
    known = values.notna().to_numpy()
    x, y = time_ns.to_numpy(float)[known] / HOUR_NS, values.to_numpy(float)[known]
    if len(x) < 3 or np.ptp(x) == 0:
        return NO_SLOPE
    from scipy.stats import theilslopes  # scipy costs 0.1 s; only wanted here

    found = theilslopes(y, x, confidence)
    return Slope(float(found[0]), float(found[2]), float(found[3]))


def slopes(samples: pd.DataFrame, values: pd.Series) -> pd.DataFrame:
    """One slope for every run: columns ``per_hour``, ``low``, ``high``, indexed by the run."""
    rows = samples[[*KEY, "time_ns"]].assign(value=values)
    runs = {
        key: slope(run.time_ns, run.value)
        for key, run in rows.groupby(KEY, observed=True, sort=False)
    }
    index = pd.MultiIndex.from_tuples(runs, names=KEY)
    return pd.DataFrame(list(runs.values()), index, ["per_hour", "low", "high"])


def chunk_slope(samples: pd.DataFrame) -> pd.Series:
    """Metric 13e: slope of C over the run, in chunks an hour, indexed by the run.

    Denominator: hours.  NaN for a design without chunks.
    """
    held = written(samples, "chunk_pages").where(~samples.design.isin(CHUNKLESS))
    return slopes(samples, held / REGION_PAGES).per_hour.rename("chunk_slope")


def handed_out(samples: pd.DataFrame) -> pd.Series:
    """NOFREE pages handed out and not taken back: what the leak scripts look at."""
    return (samples.in_use + samples.leaked + samples.fallback).rename("handed_out")


def maxima_verdict(runs: pd.DataFrame) -> pd.Series:
    """Metric 14: whether leaks.sh speaks: more than 50 new maxima at 10 s samples; 1 or 0.

    Denominator: runs.  NaN where the run has too few samples for it ever to speak.
    Source: FreeBSD tools/test/stress2/tools/leaks.sh.
    """
    return _spoke(runs, "leak_warnings", "leak_samples", LEAST_SAMPLES)


def minima_verdict(runs: pd.DataFrame) -> pd.Series:
    """Metric 14: whether leaks2.sh speaks: more than 120 s above a minimum; 1 or 0.

    Denominator: runs.  NaN where the run is too short.
    Source: FreeBSD tools/test/stress2/tools/leaks2.sh.
    """
    return _spoke(runs, "leak2_warnings", "leak2_samples", LEAST_SAMPLES_2)


def trend_verdict(samples: pd.DataFrame) -> pd.Series:
    """Metric 14: whether the slope's 95 % interval lies above 0; 1 or 0, indexed by the run.

    Denominator: runs.
    """
    low = slopes(samples, handed_out(samples)).low
    return (low > 0).astype(float).where(low.notna()).rename("trend_verdict")


def _spoke(runs: pd.DataFrame, warnings: str, samples: str, least: int) -> pd.Series:
    spoke = (written(runs, warnings) > 0).astype(float)
    return spoke.where(written(runs, samples) >= least).rename(warnings)
