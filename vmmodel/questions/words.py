"""Differences in words: what a paired difference shows, and what it does not."""

import math

from vmmodel.analysis.paired import Paired
from vmmodel.analysis.statistics import share_interval
from vmmodel.questions.effects import as_interval
from vmmodel.questions.wording import ENOUGH, apart
from vmmodel.report import style


def shown(one: Paired) -> int:
    """Tell which way a difference is shown: -1, +1, or 0 where its interval does not say.

    >>> from vmmodel.analysis.paired import compare
    >>> shown(compare([3, 5, 7], [1, 4, 5])), shown(compare([1, 2], [2, 1])), shown(compare([], []))
    (1, 0, 0)
    >>> shown(compare([1, 1, 1], [2, 2, 2]))
    -1
    """
    if not one.n or math.isnan(one.low):
        return 0
    return (one.low > 0) - (one.high < 0)


def change(one: Paired, unit: str, digits: int = 0) -> str:
    """Word a difference with its interval.

    >>> from vmmodel.analysis.paired import compare
    >>> change(compare([4, 4], [4, 4]), "regions")
    'no difference in any of 2 pairs (so in at most 84.2 % of such runs)'
    >>> change(compare([5, 5, 5], [4, 4, 4]), "regions")
    '+1 regions, the same in each of 3 pairs'
    """
    if not one.n:
        return "not measured"
    if one.n == 1:
        return f"{style.signed(one.mean, digits)} {unit} in one pair, which has no interval"
    if one.low == one.high:
        if not one.mean:
            most = style.percent(share_interval(0, one.n).high)
            return f"no difference in any of {one.n} pairs (so in at most {most} of such runs)"
        return f"{style.signed(one.mean, digits)} {unit}, the same in each of {one.n} pairs"
    text = apart(as_interval(one), unit, digits)
    if shown(one):
        return text
    if one.n < ENOUGH:
        return f"too few pairs to tell ({one.n}; it takes at least {ENOUGH}): {text}"
    return f"no difference is shown: {text}"


def brief(one: Paired, digits: int = 0) -> str:
    """Word a difference in a cell, where the heading has the unit.

    >>> from vmmodel.analysis.paired import compare
    >>> brief(compare([4, 4], [4, 4])), brief(compare([3, 5, 7], [1, 4, 5]))
    ('0 in all 2', '+1.7 [+0.2, +3.1]')
    """
    if not one.n:
        return "n/a"
    if one.n == 1:
        return f"{style.signed(one.mean, digits)} in one"
    if one.low == one.high:
        return f"{style.signed(one.mean, digits)} in all {one.n}"
    return apart(as_interval(one), "", digits)


def short_design(design: str) -> str:
    """Write a design for a narrow column: values without the names of their axes.

    >>> short_design("reclaim,structure=bitmap,reuse=address")
    'reclaim, bitmap, address'
    """
    return ", ".join(word.rpartition("=")[2] for word in design.split(","))


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
