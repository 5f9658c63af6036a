"""Warm-up: MSER-5 from its definition, Welch's average by hand, latency from running sums."""

from pathlib import Path

import numpy as np
import pytest

from tests.report.synthetic import STORIES, write_sweep
from vmmodel.analysis import tables
from vmmodel.analysis.steady import latency_series, mser, welch
from vmmodel.analysis.tables import Case


def mser_by_hand(means: list[float]) -> list[float]:
    """MSER(d) for every cut that leaves five batches, written as the formula reads."""
    n, found = len(means), []
    for d in range(n - 4):
        left = means[d:]
        centre = sum(left) / len(left)
        found.append(sum((y - centre) ** 2 for y in left) / (n - d) ** 2)
    return found


def test_mser_is_its_definition() -> None:
    """Statistic and cut are those of the double sum, on batch means of five."""
    rng = np.random.default_rng(5)
    values = rng.normal(size=303) + 10 * np.exp(-np.arange(303) / 8)
    means = [float(values[i : i + 5].mean()) for i in range(0, 300, 5)]
    by_hand = mser_by_hand(means)

    found = mser(values)

    assert by_hand == pytest.approx(found.statistic.tolist())
    assert 5 * by_hand.index(min(by_hand)) == found.cut
    assert found.settled
    assert found.cut >= 15


def test_a_planted_start_is_found() -> None:
    """Twenty high values before a level: exactly they are cut."""
    found = mser([50.0] * 20 + [1.0, 3.0] * 50)

    assert (20, True) == (found.cut, found.settled)


def test_a_trend_never_settles() -> None:
    """A straight line is cut as late as possible, which the rule rejects."""
    assert not mser(np.arange(200.0)).settled


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 25, [np.nan] * 100])
def test_too_little_to_tell(values: list[float]) -> None:
    """Fewer than six batches, or a hole: nothing is cut, and nothing is claimed."""
    found = mser(values)

    assert (0, False, 0) == (found.cut, found.settled, len(found.statistic))


def test_equal_values_need_no_cut() -> None:
    """A constant series is settled from the start."""
    found = mser([4.0] * 60)

    assert (0, True) == (found.cut, found.settled)


def test_welch_by_hand() -> None:
    """Windows of 1, 3, 5, 3, 1 around the centre; window 0 changes nothing."""
    values = [10.0, 4.0, 1.0, 2.0, 8.0]

    assert [10.0, 5.0, 5.0, 11 / 3, 8.0] == pytest.approx(welch(values, 2).tolist())
    assert values == welch(values, 0).tolist()
    assert [] == welch([], 3).tolist()


def test_latency_is_the_step_of_its_sums(tmp_path: Path) -> None:
    """Of what was answered in an interval, the mean; NaN where nothing was."""
    study = tables.load(write_sweep(tmp_path, 2, 10, STORIES[4:], ("freeable", "bump:panic")))
    samples = study.samples
    still = (samples.replication == 1) & (samples.time_ns >= samples.time_ns.max() // 2)
    fixed = samples.answered.where(~still, samples.answered.max())
    study.__dict__["samples"] = samples.assign(
        answered=fixed, answered_total_ns=300 * fixed, answered_wait_ns=40 * fixed
    )

    total = latency_series(study, Case("second-resource"), "freeable")
    wait = latency_series(study, Case("second-resource"), "freeable", "answered_wait_ns")

    assert {300.0} == set(total[0].dropna())
    assert {40.0} == set(wait[0].dropna())
    assert total[1].isna().any()
    assert total.index[0] > 0


def test_a_panic_ends_the_series(tmp_path: Path) -> None:
    """Later intervals would be over the runs that happened to survive."""
    study = tables.load(write_sweep(tmp_path, 5, 20, STORIES[4:], ("bump:panic",)))
    runs = study.runs
    first = runs[runs.outcome == "panic"].end_ns.min()

    series = latency_series(study, Case("second-resource"), "bump:panic")

    assert series.index.max() < first
