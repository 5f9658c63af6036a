"""When replications suffice: worked by hand, and at the edges."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from tests.report.synthetic import STORIES, write_sweep
from vmmodel.analysis import tables
from vmmodel.analysis.precision import (
    FEWEST,
    LOOK_AHEAD,
    precision_table,
    reached,
    running_half_widths,
    wanted,
)

FIRST = FEWEST + LOOK_AHEAD


def test_half_widths_are_those_of_each_prefix() -> None:
    """After n values it is the t interval of the first n."""
    values = np.random.default_rng(1).normal(size=12)
    found = running_half_widths(values)

    assert np.isnan(found[0])
    for n in range(2, 13):
        low, high = stats.t.interval(0.95, n - 1, values[:n].mean(), stats.sem(values[:n]))
        assert pytest.approx((high - low) / 2) == found[n - 1]


@pytest.mark.parametrize(
    ("values", "relative", "absolute", "expected"),
    [
        ([5.0] * FIRST, 0.1, 0.001, True),  # all equal: nothing to estimate
        ([0.0] * FIRST, 0.1, 0.001, True),  # at zero a share means nothing
        ([5.0] * (FIRST - 1), 0.1, 0.001, False),  # the look-ahead is not full
        ([99.0, 101.0] * FIRST, 0.1, 0.0, True),
        ([99.0, 101.0] * FIRST, 0.001, 0.0, False),
        ([-99.0, -101.0] * FIRST, 0.1, 0.0, True),  # the sign does not matter
        ([-1.0, 1.0] * FIRST, 0.1, 0.0, False),  # mean zero: never by share
        ([-1.0, 1.0] * FIRST, 0.1, 1.0, True),  # but absolutely
        ([], 0.1, 1.0, False),
    ],
)
def test_reached(values: list[float], relative: float, absolute: float, expected: bool) -> None:
    """By share of the mean, or absolutely where the mean is near zero."""
    assert expected == reached(np.array(values), relative, absolute)


def test_a_lucky_moment_does_not_count() -> None:
    """Precise until the last value, then not: the look-ahead sees it, also afterwards."""
    steady = [100.0] * (FIRST + 3)
    after = [*steady, 200.0]

    assert reached(np.array(steady), 0.05, 0)
    assert not reached(np.array(after), 0.05, 0)
    assert not reached(np.array([*after, *steady[:3]]), 0.05, 0)


def test_the_table_says_what_was_reached(tmp_path: Path) -> None:
    """Equal designs are precise at once, one that always panics waits for nothing."""
    folder = write_sweep(tmp_path, FIRST, 6, STORIES[4:], ("bump:panic", "freeable", "batch"))
    study = tables.load(folder)
    runs = study.runs
    study.__dict__["runs"] = runs.assign(
        outcome=runs.outcome.where(runs.design != "bump:panic", "panic")
    )

    table = precision_table(study, 0.25).set_index(["design", "metric"])

    assert ["no pair"] * 3 == table.loc["bump:panic"].state.to_list()
    leaks = table.loc[("batch", "gone")]
    assert ("reached", FIRST) == (leaks.state, leaks.n)
    assert leaks.half_width <= leaks.target == pytest.approx(0.25 * leaks["mean"])
    assert not wanted(table)
    assert wanted(precision_table(study, 0.0001))


def test_too_few_replications_stay_open(tmp_path: Path) -> None:
    """With one replication nothing is known, and more is wanted."""
    folder = write_sweep(tmp_path, 1, 4, STORIES[4:], ("freeable", "batch"))
    table = precision_table(tables.load(folder), 0.5)

    assert {"open"} == set(table.state)
    assert table.half_width.isna().all()
