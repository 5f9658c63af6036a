"""How differences and shares are worded."""

import math

import pytest

from vmmodel.analysis.statistics import Interval
from vmmodel.questions.wording import share, verdict


@pytest.mark.parametrize(
    ("low", "estimate", "high", "expected"),
    [
        (1, 2, 3, "more"),
        (-3, -2, -1, "less"),
        (0, 0, 0, "equal"),
        (-1, 0, 1, "unclear"),
        (-1, 2, 5, "unclear"),
        (0, 2, 4, "unclear"),
        (math.nan, 2, math.nan, "unclear"),
        (math.nan, math.nan, math.nan, "unmeasured"),
    ],
)
def test_verdict(low: float, estimate: float, high: float, expected: str) -> None:
    """A difference is shown where its interval lies on one side of zero, and not else."""
    assert expected == verdict(Interval(estimate, low, high, 0.95, 10))


def test_share_of_nothing() -> None:
    """Without a trial there is no share."""
    assert "none of none" == share(0, 0)
