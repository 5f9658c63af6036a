"""Where a line through measured points reaches a level: at which value an answer turns."""

import math


def reached(y: list[float], level: float, *, falling: bool = False) -> int | None:
    """Give the first place at which values are at *level* or above (or below); or None.

    >>> reached([0, -1, -3], -2, falling=True), reached([5, 7], 6), reached([0, 1], 5)
    (2, 1, None)
    """
    beyond = (one <= level if falling else one >= level for one in y)
    return next((i for i, there in enumerate(beyond) if there), None)


def crossing(x: list[float], y: list[float], level: float, *, falling: bool = False) -> float:
    """Give the least x at which the line through the points reaches *level*; NaN if it never does.

    *x* ascends; between two points the line is straight.

    >>> crossing([0, 1, 2], [0, -1, -3], -2, falling=True), crossing([0, 1], [0, 1], 5)
    (1.5, nan)
    """
    i = reached(y, level, falling=falling)
    if i is None:
        return math.nan
    if not i:
        return x[0]
    return x[i - 1] + (x[i] - x[i - 1]) * (level - y[i - 1]) / (y[i] - y[i - 1])
