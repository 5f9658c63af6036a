"""The checks themselves: they find what is right, and would find what is wrong."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from vmmodel.analysis import checks
from vmmodel.analysis.checks import frequency, t_power
from vmmodel.analysis.paired import compare


def test_a_frequency_carries_its_error() -> None:
    """95 of 100: sqrt(0.95 * 0.05 / 100); all of them has error zero."""
    assert {"share": 0.95, "error": pytest.approx(0.0217945), "studies": 100} == frequency(95, 100)
    assert 0.0 == frequency(10, 10)["error"]


def test_shapes_are_what_they_say() -> None:
    """Mean 0, standard deviation 1, and the median that is stated."""
    rng = np.random.default_rng(1)
    for shape in checks.SHAPES:
        values = shape.draw(rng, (200_000,))
        found = [values.mean(), values.std(), float(np.median(values))]
        assert [0.0, 1.0, shape.median] == pytest.approx(found, abs=0.01)


def test_t_covers_normal_differences() -> None:
    """Nineteen of twenty, within three standard errors; the median's interval at least that."""
    table = checks.coverage(150, sizes=(8,)).set_index(["interval", "differences"])
    t = table.loc[("t", "normal")]

    assert abs(t.share - t.promised) <= 3 * t.error
    median = table.loc["median, order statistics"]
    assert (median.promised >= 0.95).all()
    assert (median.share >= 0.95 - 3 * median.error).all()
    assert {150} == set(table.studies)


def test_too_short_an_interval_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With intervals of half the confidence the coverage falls to about that."""
    monkeypatch.setattr(checks, "compare", lambda x, y, resamples: compare(x, y, 0.5, 0))
    table = checks.coverage(200, sizes=(8,)).set_index(["interval", "differences"])

    assert pytest.approx(0.5, abs=0.11) == table.share[("t", "normal")]


def test_shares_are_covered_whatever_the_truth() -> None:
    """The exact interval is conservative, and most where the event is rare."""
    table = checks.share_coverage(4000)

    assert (table.share >= 0.95 - 3 * table.error).all()
    assert table.share.iloc[0] > 0.98


def test_holm_keeps_the_level() -> None:
    """Without adjustment one of fifteen is found in half of all studies; with it, seldom."""
    table = checks.type_one(200).set_index("called different")

    assert [0.05, 1 - 0.95**15, 0.05] == pytest.approx(table.expected.to_list())
    assert (table.share <= table.expected + 3 * table.error).all()
    assert table.share["any of 15, unadjusted"] > 0.4


def test_power_is_the_formulas() -> None:
    """A planted difference is found as often as the noncentral t says; Holm finds it less often."""
    table = checks.power(150, effects=(1.0,), comparisons=4).set_index("test")
    alone, family = table.loc["one comparison"], table.loc["first of 4, Holm"]

    assert abs(alone.share - alone.theory) <= 3 * alone.error
    assert 0 < family.share < alone.share
    assert math.isnan(family.theory)


def test_power_of_a_t_test_by_table() -> None:
    """Ten pairs, one standard deviation: 0.803; without effect the level; with many, normal."""
    assert pytest.approx(0.8031, abs=2e-4) == t_power(1.0, 10)
    assert pytest.approx(0.05) == t_power(0.0, 10)
    far = 0.05 * math.sqrt(4000)
    assert pytest.approx(float(norm.sf(norm.isf(0.025) - far)), abs=2e-3) == t_power(0.05, 4000)


def test_pairs_help_only_with_correlation() -> None:
    """Half widths follow sqrt(2 (1 - r)) against sqrt(2)."""
    table = checks.pairing(150).set_index("correlation")
    ratio = table.paired / table["broken up"]

    assert pytest.approx(math.sqrt(0.1), abs=0.05) == ratio[0.9]
    assert pytest.approx(1.0, abs=0.08) == ratio[0.0]
    assert ratio[-0.5] > 1.1
    assert (table.reported - pd.Series(table.index, table.index)).abs().max() < 0.1
