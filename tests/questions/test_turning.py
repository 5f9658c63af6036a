"""Where a curve reaches a level."""

import math

from vmmodel.questions.turning import crossing, reached


def test_curve_reaches_a_level() -> None:
    """A level is reached from either side, at the first point, or never."""
    assert 2.5 == crossing([1, 2, 3], [0, 1, 3], 2)
    assert 1.5 == crossing([1, 2], [0, -2], -1, falling=True)
    assert 1 == crossing([1, 2], [5, 6], 5)
    assert math.isnan(crossing([1, 2], [0, 1], 2))
    assert [0, 2, None] == [reached([1, 1, 4], level) for level in (1, 3, 5)]
    assert [0, None] == [reached([1, 1, 4], level, falling=True) for level in (1, 0)]
