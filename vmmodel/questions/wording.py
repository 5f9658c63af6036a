"""How an answer words a difference and a share, whichever way they come out."""

import math
from typing import Literal

from vmmodel.analysis.paired import Paired
from vmmodel.analysis.statistics import Interval, share_interval
from vmmodel.questions.effects import as_interval
from vmmodel.report import style

Verdict = Literal["more", "less", "equal", "unclear", "few", "unmeasured"]

ENOUGH = 3
"""Pairs from which on Student's interval says something: with two, half of it is 9 spreads."""
ENOUGH_EXACT = 6
"""Pairs that all agree for an exact 95 % interval to exclude zero: 2 / 2^n falls below 5 %."""
MOST_DIGITS = 6


def verdict(found: Interval, enough: int = ENOUGH) -> Verdict:
    """Tell what a difference shows: its sign, equality in every pair, or nothing.

    With less than *enough* pairs nothing is shown either way, unless by an interval with a width.

    >>> verdict(Interval(2, 1, 3, 0.95, 9)), verdict(Interval(1, -1, 3, 0.95, 9))
    ('more', 'unclear')
    >>> verdict(Interval(1, -0.4, 1, 0.95, 3), ENOUGH_EXACT), verdict(Interval(0, 0, 0, 0.95, 2))
    ('few', 'few')
    """
    if math.isnan(found.estimate):
        return "unmeasured"
    if found.n < enough and not (found.excludes_zero and found.low < found.high):
        return "few"
    if not (found.estimate or found.low or found.high):
        return "equal"
    if not found.excludes_zero:
        return "unclear"
    return "more" if found.estimate > 0 else "less"


def too_few(found: Interval, enough: int = ENOUGH) -> str:
    """Word that there are too few pairs to tell, and how many it takes.

    >>> too_few(Interval(1, -0.4, 1, 0.95, 3), ENOUGH_EXACT)
    'Too few runs to tell: 3 of the at least 6 pairs that it takes'
    """
    return f"Too few runs to tell: {found.n} of the at least {enough} pairs that it takes"


def apart(found: Interval, unit: str, digits: int = 0) -> str:
    """Word a difference, with as many digits as an interval needs that excludes zero.

    >>> apart(Interval(1.1, 0.034, 2.1, 0.95, 9), "points", 1)
    '+1.10 points [+0.03, +2.10]'
    """
    while found.excludes_zero and digits < MOST_DIGITS and _an_end_is_lost(found, digits):
        digits += 1
    return style.apart(found, unit, digits)


def _an_end_is_lost(found: Interval, digits: int) -> bool:
    return "0" in (style.number(found.low, digits), style.number(found.high, digits))


def share(events: int, trials: int) -> str:
    """Word a share with its exact interval, so that no count reads as never or always.

    >>> share(0, 10)
    '0 of 10 (0.0 % to 30.8 %)'
    """
    found = share_interval(events, trials)
    if not found.n:
        return "none of none"
    ends = f"{style.percent(found.low)} to {style.percent(found.high)}"
    return f"{style.number(events)} of {style.number(trials)} ({ends})"


def points(found: Interval) -> str:
    """Word a difference of shares, in percentage points.

    >>> points(Interval(0.5, 0.25, 0.75, 0.95, 9))
    '+50 percentage points [+25, +75]'
    """
    low, high = 100 * found.low, 100 * found.high
    scaled = Interval(100 * found.estimate, low, high, found.coverage, found.n)
    return apart(scaled, "percentage points")


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
