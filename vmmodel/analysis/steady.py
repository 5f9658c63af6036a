"""Latency over time: where the start-up ends, if it does.

What NOFREE pages pin, leak and lose only grows; those metrics are terminating
(``vmmodel.analysis.family``) and nothing here applies to them.  Latency may have a steady state,
and whether it does is looked at in two ways that can disagree: a rule, MSER-5, and a picture,
Welch's moving average over replications.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from vmmodel.analysis.tables import Case, Study

Floats = npt.NDArray[np.float64]

BATCH = 5
"""The five of MSER-5."""
LEFT = 5
"""Batches that a cut must leave: a mean of fewer looks precise by chance."""


@dataclass(frozen=True)
class Warmup:
    """Where MSER cuts a series."""

    cut: int
    """Values to leave out at the start."""
    settled: bool
    """False when the best cut lies beyond the middle, or there are too few values to tell."""
    statistic: Floats
    """MSER of each cut, by batches left out."""


def mser(values: npt.ArrayLike, batch: int = BATCH) -> Warmup:
    """Cut the start of a series so that the standard error of what is left is smallest.

    With the means Y of n batches, ``MSER(d) = sum_{i>d} (Y_i - mean_{i>d} Y)^2 / (n - d)^2``; the
    first smallest d is taken.  Beyond n/2 it is rejected: the series has not settled.  Values that
    fill no batch are left out at the end.  Source: White (1997), Hoad et al. (2008).

    >>> found = mser([9, 9, 9, 9, 9] + [1, 2, 1, 2, 1] * 9)
    >>> found.cut, found.settled
    (5, True)
    """
    known = np.asarray(values, dtype=np.float64)
    n = len(known) // batch
    means = known[: n * batch].reshape(n, batch).mean(axis=1)
    if n <= LEFT or np.isnan(means).any():
        return Warmup(0, False, np.empty(0))
    statistic = np.array([means[d:].var() / (n - d) for d in range(n - LEFT + 1)])
    best = int(statistic.argmin())
    return Warmup(best * batch, best <= n / 2, statistic)


def welch(values: npt.ArrayLike, window: int) -> Floats:
    """Moving average over 2 *window* + 1 values, over fewer near the ends, always centred.

    Source: Welch (1983).  The textbook stops *window* values before the end; here the window
    shrinks there as it does at the start, so that the end is seen, if less smooth.

    >>> welch([1, 2, 6, 3, 3], 1).tolist()
    [1.0, 3.0, 3.6666666666666665, 4.0, 3.0]
    """
    known = np.asarray(values, dtype=np.float64)
    n = len(known)
    reach = np.minimum(np.minimum(np.arange(n), np.arange(n)[::-1]), window)
    return np.array([known[i - w : i + w + 1].mean() for i, w in enumerate(reach)])


def latency_series(
    study: Study, case: Case, design: str, column: str = "answered_total_ns"
) -> pd.DataFrame:
    """Mean latency of the requests answered in each sampling interval, in ns.

    Rows are the ends of the intervals, columns the replications; NaN where none was answered.
    A design of which runs panicked is followed up to the first panic only.
    """
    samples, runs = study.select(study.samples, case), study.select(study.runs, case)
    ended = runs[(runs.design == design) & (runs.outcome == "panic")].end_ns
    rows = samples[samples.design == design]
    if len(ended):
        rows = rows[rows.time_ns < ended.min()]
    counts, sums = (
        rows.pivot(index="time_ns", columns="replication", values=name).astype(float).diff()
        for name in ("answered", column)
    )
    return (sums / counts.where(counts > 0)).iloc[1:]
