"""What FreeBSD's own leak scripts would say of a series of values.

FreeBSD: ``tools/test/stress2/tools/leaks.sh`` and ``leaks2.sh``; see `vmmodel.sim.leakwatch`.
"""

from collections.abc import Sequence

from vmmodel.sim.leakwatch import MAXIMA_EVERY, NewMaxima, RisingMinima

MAXIMA_SECONDS = MAXIMA_EVERY


def new_maxima(samples: Sequence[int]) -> bool:
    """Tell whether leaks.sh reports a leak; *samples* are one each `MAXIMA_SECONDS`.

    >>> new_maxima(range(52)), new_maxima(range(51))
    (True, False)
    """
    return _speaks(NewMaxima(), samples)


def rising_minima(samples: Sequence[int]) -> bool:
    """Tell whether leaks2.sh reports a leak; *samples* are one a second.

    >>> rising_minima([5] + [15] * 120), rising_minima([5] + [14] * 1000)
    (True, False)
    """
    return _speaks(RisingMinima(), samples)


def _speaks(script: NewMaxima | RisingMinima, samples: Sequence[int]) -> bool:
    for size in samples:
        script.sample(size)
    return script.warnings > 0
