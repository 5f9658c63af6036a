"""What all parts share: CPU time, ratios of rounds, goals."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any


class Difference(Exception):
    """The contestants gave different answers, so their times mean nothing."""


def cpu_ns(work: Callable[[], object]) -> int:
    """Measure the CPU time of this process that *work* takes."""
    start = time.process_time_ns()
    work()
    return time.process_time_ns() - start


def ratios(ours: Sequence[float], others: Sequence[float]) -> dict[str, Any]:
    """Divide round by round: all ratios, their median, lowest and highest.

    >>> ratios([3.0, 4.0, 9.0], [2.0, 2.0, 3.0])["median_ratio"]
    2.0
    """
    each = [a / b for a, b in zip(ours, others, strict=True)]
    return {
        "ratios": each,
        "median_ratio": statistics.median(each),
        "low_ratio": min(each),
        "high_ratio": max(each),
    }


def spread(measured: dict[str, Any]) -> tuple[str, str]:
    """Word the ratio, and its lowest and highest."""
    return (
        f"{measured['median_ratio']:.2f}",
        f"{measured['low_ratio']:.2f} to {measured['high_ratio']:.2f}",
    )


def at_most(value: float, goal: float) -> str:
    """Word an upper goal, and whether it is missed.

    >>> at_most(1.2, 1.3), at_most(1.4, 1.3)
    ('1.3', '1.3, missed')
    """
    return f"{goal:g}" if value <= goal else f"{goal:g}, missed"


def at_least(value: float, goal: float) -> str:
    """Word a lower goal, and whether it is missed."""
    return f"at least {goal:g}" if value >= goal else f"at least {goal:g}, missed"
