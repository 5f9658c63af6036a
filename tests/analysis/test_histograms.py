"""Percentiles read from buckets agree with percentiles of the values themselves."""

import math

import numpy as np
import pandas as pd
import pytest

from tests.report.synthetic import bucket
from vmmodel.analysis import histograms


def rows_of(values: np.ndarray, **key: object) -> pd.DataFrame:
    """A histogram of *values* in the buckets of the tables."""
    low, high = bucket(values)
    return pd.DataFrame({"low_ns": low, "high_ns": high, "count": 1}).assign(**key)


@pytest.mark.parametrize("share", [0.5, 0.99, 0.999])
def test_a_percentile_overstates_by_less_than_a_bucket(share: float) -> None:
    """The value read is the true order statistic or up to 0.8 % above it."""
    values = np.rint(np.random.default_rng(5).lognormal(7, 1.5, 20_000)).astype(np.int64)
    true = np.sort(values)[math.ceil(share * len(values)) - 1]
    read = histograms.percentile(histograms.merge(rows_of(values)), share)

    assert true <= read <= true * 1.008


def test_merging_adds_counts() -> None:
    """Two replications with the same bucket become one row with both counts."""
    rows = pd.DataFrame({"low_ns": [5, 9, 5], "high_ns": [6, 10, 6], "count": [2, 1, 3]})

    assert [(5, 6, 5), (9, 10, 1)] == list(histograms.merge(rows).itertuples(index=False))


def test_nothing_measured_is_not_zero() -> None:
    """An empty histogram has no percentile."""
    empty = pd.DataFrame({"low_ns": [], "high_ns": [], "count": []})

    assert math.isnan(histograms.percentile(empty, 0.99))


def test_percentiles_of_runs_are_read_one_by_one() -> None:
    """Each run gets its own percentile, the one that its own histogram gives."""
    key = {"scenario": "s", "variant": "", "setting": "", "operation": "slab", "part": "total"}
    parts = [
        rows_of(np.arange(100) * (r + 1), design=d, replication=r, **key)
        for d in ("a", "b")
        for r in (0, 1)
    ]
    found = histograms.per_run(pd.concat(parts), "slab", "total", 0.5)

    assert [49.0, 98.0, 49.0, 98.0] == found["value"].to_list()


@pytest.mark.parametrize(("operations", "answer"), [(1000, True), (999, False)])
def test_a_tail_needs_ten_operations_beyond_it(operations: int, answer: bool) -> None:
    """p99 is shown from a thousand operations on."""
    assert answer == histograms.enough(operations, 0.99)
