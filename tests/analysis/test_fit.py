"""Least squares on relative errors: planted parameters, and intervals that cover."""

import numpy as np
import pytest

from vmmodel.analysis.fit import Vector, fit

X = np.arange(1.0, 9.0)


def line(values: Vector) -> Vector:
    """A straight line."""
    return values[0] + values[1] * X


def test_planted_parameters_are_found() -> None:
    """Without noise the parameters come back and nothing is left."""
    found = fit(line, line(np.array([40.0, 7.0])), np.array([1.0, 1.0]))

    assert pytest.approx([40.0, 7.0], rel=1e-4) == found.values.tolist()
    assert found.spread < 1e-5
    assert 6 == found.freedom


def test_no_parameter_is_negative() -> None:
    """Where a negative one would fit best, it is zero."""
    found = fit(line, 50.0 - 2.0 * X, np.array([10.0, 1.0]))

    assert pytest.approx(0.0, abs=1e-6) == found.values[1]


def test_intervals_cover_what_was_planted() -> None:
    """Of 200 noisy fits about 95 % of the intervals hold the slope, and of predictions too."""
    rng = np.random.default_rng(3)
    truth, held, foreseen = np.array([40.0, 7.0]), 0, 0
    for _ in range(200):
        noisy = line(truth) * (1 + 0.02 * rng.standard_normal(len(X)))
        found = fit(line, noisy, np.array([30.0, 5.0]))
        low, high = found.intervals()
        held += low[1] <= truth[1] <= high[1]
        new = 40.0 + 7.0 * 20 * (1 + 0.02 * rng.standard_normal())
        at_20 = found.values[0] + found.values[1] * 20
        deviation = found.relative_error(lambda values: np.array([values[0] + values[1] * 20]))
        foreseen += abs(new / at_20 - 1) <= found.quantile() * deviation[0]

    assert 180 <= held <= 199
    assert 180 <= foreseen
