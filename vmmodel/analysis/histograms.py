"""Latency histograms: merge them over replications, read percentiles and tails from them.

Buckets are half-open ``[low_ns, high_ns)``, 128 to an octave, so a percentile read as the largest
whole nanosecond of its bucket overstates by less than 0.8 %.  Percentiles of different
replications are never averaged: either the histograms are merged and one percentile is read,
or the percentile of each replication is a value of its own.
"""

import math

import numpy as np
import pandas as pd

from vmmodel.analysis.metrics import KEY

PERCENTILES = (0.5, 0.99, 0.999)


def merge(latencies: pd.DataFrame) -> pd.DataFrame:
    """Add up the counts of equal buckets: one histogram, ascending, of all rows given."""
    grouped = latencies.groupby(["low_ns", "high_ns"], sort=True)["count"].sum()
    return grouped.reset_index()


def percentile(histogram: pd.DataFrame, share: float) -> float:
    """The ``ceil(share * n)``-th smallest duration in ns; NaN when there are no operations.

    >>> rows = pd.DataFrame({"low_ns": [10, 20], "high_ns": [11, 21], "count": [99, 1]})
    >>> percentile(rows, 0.99), percentile(rows, 0.999)
    (10.0, 20.0)
    """
    cumulative = histogram["count"].to_numpy().cumsum()
    if not len(cumulative) or not cumulative[-1]:
        return math.nan
    # The tiny subtraction keeps 0.99 * 100 from becoming the hundredth value.
    rank = max(1, math.ceil(share * cumulative[-1] - 1e-9))
    bucket = int(np.searchsorted(cumulative, rank))
    return float(histogram.high_ns.iloc[bucket] - 1)


def enough(operations: int, share: float) -> bool:
    """Whether a tail percentile rests on about ten operations beyond it, ``10 / (1 - p)``."""
    return operations >= 10 / (1 - share) * (1 - 1e-9)


def tail(histogram: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Durations and the share of operations that last longer, for a log-log tail plot."""
    count = histogram["count"].to_numpy()
    longer = 1.0 - count.cumsum() / max(count.sum(), 1)
    return histogram.high_ns.to_numpy() - 1, longer


def per_run(latencies: pd.DataFrame, operation: str, part: str, share: float) -> pd.DataFrame:
    """One percentile for every run that has the *operation*: columns of the run and ``value``."""
    chosen = latencies[(latencies.operation == operation) & (latencies.part == part)]
    chosen = chosen.sort_values([*KEY, "low_ns"])
    runs = chosen.groupby(KEY, observed=True, sort=False)["count"]
    rank = np.maximum(1, np.ceil(share * runs.transform("sum") - 1e-9))
    reached = chosen[runs.cumsum() >= rank].drop_duplicates(KEY)
    value = (reached.high_ns - 1).astype(float)
    result: pd.DataFrame = reached[KEY].assign(value=value).reset_index(drop=True)
    return result
