"""How differences and shares are worded."""

import math

import pytest

from vmmodel.analysis.paired import compare
from vmmodel.analysis.statistics import Interval
from vmmodel.questions.wording import change, share, shown, verdict


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


@pytest.mark.parametrize(
    ("mine", "way", "words"),
    [
        ([3, 4, 5], -1, "−2 pages, the same in each of 3 pairs"),
        ([5.5, 7, 7.5], 0, "no difference is shown: +0.7 pages [−0.1, +1.4]"),
        ([15, 17, 17], 1, "+10.3 pages [+8.9, +11.8]"),
        ([5, 6, 7], 0, "no difference in any of 3 pairs (so in at most 70.8 % of such runs)"),
    ],
)
def test_difference_in_words(mine: list[float], way: int, words: str) -> None:
    """A difference is said with its interval, and only where its interval shows it."""
    one = compare(mine, [5, 6, 7], resamples=0)

    assert (way, words) == (shown(one), change(one, "pages"))


def test_one_pair_shows_nothing() -> None:
    """One pair has no interval, and what was not measured has nothing at all."""
    assert (0, 0) == (shown(compare([4], [1])), shown(compare([], [])))
    assert "+3 pages in one pair, which has no interval" == change(compare([4], [1]), "pages")
    assert "not measured" == change(compare([], []), "pages")
