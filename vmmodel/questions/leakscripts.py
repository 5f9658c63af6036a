"""What FreeBSD's own leak scripts would say of a counter.

FreeBSD: ``tools/test/stress2/tools/leaks.sh`` and ``leaks2.sh``, rule for rule.
"""

from collections.abc import Sequence

MAXIMA, MAXIMA_SECONDS = 50, 10
"""leaks.sh: more new maxima than these, looked for every so many seconds."""
ABOVE, ABOVE_BY = 120, 10
"""leaks2.sh: more looks than these, one a second, at which the counter has moved and is at least
so much above its last minimum."""


def new_maxima(samples: Sequence[int]) -> bool:
    """Tell whether leaks.sh reports a leak; *samples* are one each `MAXIMA_SECONDS`.

    The largest value starts at 0, so the first sample may be a maximum as well.

    >>> new_maxima(range(52)), new_maxima(range(51))
    (True, False)
    """
    largest = found = 0
    for value in samples:
        if value > largest:
            largest, found = value, found + 1
            if found > MAXIMA:
                return True
    return False


def rising_minima(samples: Sequence[int]) -> bool:
    """Tell whether leaks2.sh reports a leak; *samples* are one a second.

    A value near its minimum, or below, starts the count anew, and counts.  Zeros at the start are
    passed over.  What the script does after its first report is not needed: one is enough.

    >>> rising_minima([5] + [15] * 120), rising_minima([5] + [14] * 1000)
    (True, False)
    """
    smallest, above, seen = 0, 0, False
    for value in samples:
        if value == smallest:
            continue
        if value - ABOVE_BY < smallest or not seen:
            smallest, above, seen = value, 0, True
        above += 1
        if above > ABOVE:
            return True
    return False
