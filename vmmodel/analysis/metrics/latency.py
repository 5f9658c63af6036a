"""Metrics 15, 16 and the costs of 20: how long requests take, and what the idle list adds."""

import numpy as np
import pandas as pd

from vmmodel.analysis.histograms import merge, percentile
from vmmodel.analysis.metrics.common import KEY, written

PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
LENGTHS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
"""Least runs of each bin of `cost_by_length`; the last one has no upper end."""


def summary(latencies: pd.DataFrame, part: str) -> pd.DataFrame:
    """Metric 15: n, mean and percentiles of *part* (wait, work, total), indexed by the run; in ns.

    A percentile is the largest ns of its bucket, the mean that of the buckets' middles: within
    0.8 % and 0.4 %.  Denominator: the operations counted, *n*.  Source: Illuminator, mmtests.
    """
    rows = {
        key: _summed(merge(run))
        for key, run in latencies[latencies.part == part].groupby(KEY, observed=True, sort=False)
    }
    index = pd.MultiIndex.from_tuples(rows, names=KEY) if rows else _no_runs()
    return pd.DataFrame(list(rows.values()), index, ["n", "mean", *PERCENTILES, "tail_share"])


def _no_runs() -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([[] for _ in KEY], names=KEY)


def _summed(histogram: pd.DataFrame) -> dict[str, float]:
    n = int(histogram["count"].sum())
    numbers = {name: percentile(histogram, share) for name, share in PERCENTILES.items()}
    total = float(_times(histogram).sum())
    return {
        "n": n,
        "mean": total / n,
        **numbers,
        "tail_share": tail_share(histogram),
    }


def _times(histogram: pd.DataFrame) -> pd.Series:
    """Time spent in every bucket: its whole nanoseconds' mean, times its operations."""
    middle = (histogram.low_ns + histogram.high_ns - 1) / 2
    return middle * histogram["count"]


def tail_share(histogram: pd.DataFrame, share: float = 0.99) -> float:
    """Metric 16: share of the total time that the slowest ``n - ceil(0.99 n)`` operations take.

    Denominator: the time of all of them.  NaN without any time.
    """
    counts = histogram["count"].to_numpy()
    n, times = int(counts.sum()), _times(histogram)
    beyond = n - int(np.ceil(share * n - 1e-9))
    slower = np.minimum(counts, np.maximum(beyond - (n - counts.cumsum()), 0))
    total = float(times.sum())
    return float((times / counts * slower).sum()) / total if total else float("nan")


def longest_burst(samples: pd.DataFrame) -> pd.Series:
    """Metric 16: largest share of all request latency between two samples, indexed by the run.

    Denominator: the latency of all answered requests.  Single operations are not written down in
    order, so a burst is seen at the distance of samples.
    """
    spent = samples.groupby(KEY, observed=True, sort=False).answered_total_ns
    rise = spent.diff().groupby([samples[name] for name in KEY], observed=True, sort=False).max()
    last = spent.last()
    return (rise / last.where(last > 0)).rename("longest_burst")


def cost_by_length(samples: pd.DataFrame) -> pd.DataFrame:
    """Metric 20: what a request costs, by the number of idle runs when it was answered.

    Requests answered between two samples are put into the bin of the mean of both lengths.  One
    row for every run and bin: *low* (its least runs), *answered*, *total_ns* and *work_ns* (without
    waiting for the lock), means per answered request.  Source: rcore's buddy allocator, issue 55.
    """
    columns = ["answered", "answered_total_ns", "answered_wait_ns"]
    rows = samples[[*KEY, *columns]].assign(length=written(samples, "idle_runs"))
    runs = rows.groupby(KEY, observed=True, sort=False)
    apart = runs[columns].diff()
    apart["length"] = (rows.length + runs.length.shift()) / 2
    apart = apart.join(rows[KEY]).dropna()
    apart = apart[apart.answered > 0]
    at = np.searchsorted(LENGTHS, apart.length.to_numpy(), side="right") - 1
    apart["low"] = np.array(LENGTHS)[at]
    sums = apart.groupby([*KEY, "low"], observed=True, sort=True)[columns].sum()
    total, answered = sums.answered_total_ns, sums.answered
    work = total - sums.answered_wait_ns
    costs = {"answered": answered, "total_ns": total / answered, "work_ns": work / answered}
    return pd.DataFrame(costs).reset_index()
