"""How an answer words a difference and a share, whichever way they come out."""

import math
from typing import Literal

from vmmodel.analysis.statistics import Interval, share_interval
from vmmodel.report import style

Verdict = Literal["more", "less", "equal", "unclear", "unmeasured"]


def verdict(found: Interval) -> Verdict:
    """Tell what a difference shows: its sign, equality in every pair, or nothing.

    >>> verdict(Interval(2, 1, 3, 0.95, 9)), verdict(Interval(1, -1, 3, 0.95, 9))
    ('more', 'unclear')
    """
    if math.isnan(found.estimate):
        return "unmeasured"
    if not (found.estimate or found.low or found.high):
        return "equal"
    if not found.excludes_zero:
        return "unclear"
    return "more" if found.estimate > 0 else "less"


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
    return style.apart(scaled, "percentage points")
