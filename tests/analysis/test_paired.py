"""Paired comparison: textbook data, independent formulas, and what cannot be estimated."""

import math
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vmmodel.analysis import paired
from vmmodel.analysis.paired import compare, holm

SLEEP_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SLEEP_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
"""Extra hours of sleep under two drugs; Student (1908), as in R's data set ``sleep``."""


def test_students_sleep_data() -> None:
    """R's t.test(paired = TRUE): mean -1.58, t = -4.0621, p = 0.002833, [-2.4599, -0.7001]."""
    one = compare(SLEEP_1, SLEEP_2)

    assert 10 == one.n
    assert (-1.58, -2.4598858, -0.7001142) == pytest.approx((one.mean, one.low, one.high))
    assert pytest.approx(0.002833, abs=5e-7) == one.p
    assert pytest.approx(0.7951702) == one.correlation
    assert pytest.approx(0.75 / 2.33) == one.ratio
    assert () == one.notes


@pytest.mark.parametrize("n", [2, 3, 8, 50])
def test_the_t_interval_is_scipys(n: int) -> None:
    """For any number of pairs, interval and p are those of ttest_rel."""
    rng = np.random.default_rng(n)
    x, y = rng.normal(1, 1, n), rng.normal(size=n)
    theirs = stats.ttest_rel(x, y)

    one = compare(x, y, 0.9)

    assert pytest.approx(theirs.pvalue) == one.p
    assert tuple(theirs.confidence_interval(0.9)) == pytest.approx((one.low, one.high))


def bca_by_hand(apart: np.ndarray, resamples: int) -> tuple[float, float]:
    """Efron's (1987) interval of a mean, from the formula."""
    rng, normal, n = np.random.default_rng(3), NormalDist(), len(apart)
    means = np.sort(apart[rng.integers(0, n, (resamples, n))].mean(axis=1))
    bias = normal.inv_cdf(float((means < apart.mean()).mean()))
    left_out = (apart.sum() - apart) / (n - 1)
    centred = left_out.mean() - left_out
    acceleration = (centred**3).sum() / (6 * (centred**2).sum() ** 1.5)
    ends = []
    for tail in (0.025, 0.975):
        z = bias + normal.inv_cdf(tail)
        share = normal.cdf(bias + z / (1 - acceleration * z))
        ends.append(float(np.quantile(means, share)))
    return ends[0], ends[1]


def test_the_bootstrap_is_efrons() -> None:
    """On skewed differences the BCa interval is the formula's, and lies to the right of t's."""
    apart = np.random.default_rng(1).lognormal(0, 1, 30)
    zero = np.random.default_rng(2).normal(size=30)

    one = compare(apart + zero, zero)

    low, high = bca_by_hand(apart, 200_000)
    assert (low, high) == pytest.approx((one.bca_low, one.bca_high), abs=0.02)
    assert one.bca_low > one.low
    assert one.bca_high > one.high


def test_the_bootstrap_is_the_same_twice() -> None:
    """Its seed is fixed."""
    assert compare(SLEEP_1, SLEEP_2) == compare(SLEEP_1, SLEEP_2)


def test_no_pair_is_no_number() -> None:
    """Nothing in common: every number is NaN and the note says why."""
    one = compare([1.0, math.nan], [math.nan, 2.0])

    assert (0, (paired.NO_PAIR,)) == (one.n, one.notes)
    assert math.isnan(one.mean)
    assert math.isnan(one.p)


def test_one_pair_has_no_interval() -> None:
    """One pair gives its difference and nothing about how sure it is."""
    one = compare([5.0], [3.0])

    assert (1, 2.0) == (one.n, one.mean)
    assert all(math.isnan(x) for x in (one.low, one.high, one.bca_low, one.p, one.half_width))
    assert paired.ONE_PAIR in one.notes


def test_a_missing_value_takes_its_pair_along() -> None:
    """A run that did not complete is in no difference."""
    assert compare([1, 2, 4], [1, 1, 1]) == compare([1, 2, 9, 4], [1, 1, math.nan, 1])


def test_equal_values_show_nothing() -> None:
    """No difference in any pair: a point at zero, p is one, no bootstrap, no correlation."""
    one = compare([0.0] * 10, [0.0] * 10)

    assert (0.0, 0.0, 0.0, 1.0) == (one.mean, one.low, one.high, one.p)
    assert (paired.ALL_EQUAL, paired.NOT_DEFINED) == one.notes
    assert math.isnan(one.bca_low)
    assert math.isnan(one.ratio)


def test_equal_differences_are_as_sure_as_the_sign_test() -> None:
    """Ten differences of three: by t they would be certain; ten equal signs are 2/1024."""
    base = np.arange(10.0)
    one = compare(base + 3, base)

    assert (3.0, 3.0, 3.0, 2 / 1024) == (one.mean, one.low, one.high, one.p)
    assert pytest.approx(1) == one.correlation
    assert (paired.ALL_EQUAL,) == one.notes


def test_rounding_is_no_spread() -> None:
    """0.1 + 0.2 is not 0.3, and that is no evidence of anything."""
    assert paired.ALL_EQUAL in compare([0.1 + 0.2, 0.3 + 0.2], [0.2, 0.4]).notes


def test_undefined_bootstrap_is_said() -> None:
    """Where one pair alone differs, a correction can be infinite: a note, and never a warning."""
    one = compare([0] * 9 + [1e9], [0] * 10)

    assert math.isnan(one.bca_low) == (paired.NO_BCA in one.notes)
    assert one.low < 0 < one.high


def test_negative_correlation_is_flagged() -> None:
    """Pairs that move against each other are worse than none, and the note says so."""
    one = compare([1, 2, 3, 5], [9, 7, 5, 4])

    assert one.correlation < -0.9
    assert (paired.NOT_POSITIVE,) == one.notes


def test_holm_by_hand() -> None:
    """Sorted p times 4, 3, 2, 1, never falling and at most one; what was not tested stays out."""
    p = pd.Series([0.01, 0.005, math.nan, 0.04, 0.03], index=list("abcde"))

    adjusted = holm(p)

    assert [0.03, 0.02, 0.06, 0.06] == pytest.approx(adjusted.dropna().to_list())
    assert math.isnan(adjusted["c"])
    assert holm(pd.Series([math.nan])).isna().all()
    assert [1.0, 1.0] == holm(pd.Series([0.7, 0.9])).to_list()
