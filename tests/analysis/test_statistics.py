"""Intervals against scipy's own and against answers that can be worked by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vmmodel.analysis.statistics import (
    Interval,
    median_interval,
    paired_differences,
    share_interval,
)


@pytest.mark.parametrize("n", [6, 7, 8, 10, 12, 17, 20, 33, 60])
def test_the_median_interval_is_scipys(n: int) -> None:
    """From six values on, the ends are those of scipy's quantile test."""
    values = np.random.default_rng(n).normal(size=n)
    ours = median_interval(values)
    theirs = stats.quantile_test(values, q=0.0, p=0.5).confidence_interval(0.95)

    assert (theirs.low, theirs.high) == (ours.low, ours.high)
    assert ours.coverage >= 0.95


def test_ten_values_reach_97_9_per_cent() -> None:
    """Ten replications: second smallest to second largest, coverage 1 - 22/1024."""
    assert Interval(5.5, 2.0, 9.0, 1 - 22 / 1024, 10) == median_interval(range(1, 11))


def test_few_values_say_so() -> None:
    """Three values give their range and admit a coverage of 75 %; one has none."""
    assert Interval(2.0, 1.0, 3.0, 0.75, 3) == median_interval([1, 2, 3])
    assert Interval(4.0, 4.0, 4.0, 0.0, 1) == median_interval([4])


def test_no_value_is_no_interval() -> None:
    """Nothing completed: the estimate is not a number and n is 0."""
    empty = median_interval([])

    assert (0, 0.0) == (empty.n, empty.coverage)
    assert math.isnan(empty.estimate)
    assert not empty.excludes_zero


def test_equal_differences_give_a_point() -> None:
    """Ten equal differences: the interval is that point, at the usual coverage."""
    one = median_interval([3.0] * 10)

    assert (3.0, 3.0, 3.0) == (one.estimate, one.low, one.high)
    assert one.excludes_zero


@pytest.mark.parametrize(
    ("events", "trials"), [(0, 10), (10, 10), (1, 10), (3, 10), (9, 10), (50, 1000)]
)
def test_the_share_is_clopper_pearsons(events: int, trials: int) -> None:
    """From none to all, the interval is scipy's exact one."""
    ours = share_interval(events, trials)
    theirs = stats.binomtest(events, trials).proportion_ci(method="exact")

    assert (theirs.low, theirs.high) == pytest.approx((ours.low, ours.high))


def test_none_in_ten_is_not_never() -> None:
    """Zero events in ten runs leave room for 1 - 0.025^(1/10), and ten of ten mirror it."""
    bound = 1 - 0.025**0.1

    assert (0.0, pytest.approx(bound)) == (share_interval(0, 10).low, share_interval(0, 10).high)
    assert (pytest.approx(1 - bound), 1.0) == (
        share_interval(10, 10).low,
        share_interval(10, 10).high,
    )


def test_differences_are_taken_within_pairs() -> None:
    """A replication that one side did not complete is in no difference."""
    key = {"scenario": "s", "variant": "", "setting": ""}
    rows = pd.DataFrame(
        [
            {**key, "design": "freeable", "replication": 0, "x": 10},
            {**key, "design": "freeable", "replication": 1, "x": 20},
            {**key, "design": "batch", "replication": 1, "x": 23},
            {**key, "design": "batch", "replication": 2, "x": 99},
        ]
    )

    assert [3.0] == paired_differences(rows, "x", "batch").to_list()
