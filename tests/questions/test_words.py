"""Differences in words, and where a curve reaches a level."""

import math

import pytest

from vmmodel.analysis.paired import compare
from vmmodel.questions.words import change, crossing, reached, shown


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


def test_curve_reaches_a_level() -> None:
    """A level is reached from either side, at the first point, or never."""
    assert 2.5 == crossing([1, 2, 3], [0, 1, 3], 2)
    assert 1.5 == crossing([1, 2], [0, -2], -1, falling=True)
    assert 1 == crossing([1, 2], [5, 6], 5)
    assert math.isnan(crossing([1, 2], [0, 1], 2))
    assert [0, 2, None] == [reached([1, 1, 4], level) for level in (1, 3, 5)]
    assert [0, None] == [reached([1, 1, 4], level, falling=True) for level in (1, 0)]
