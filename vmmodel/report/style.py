"""How a design, a state and a number look, the same in every figure, table and sentence.

Colours are those of Okabe and Ito, some darkened so that they keep a contrast of 3:1 on white;
each has a second value for dark pages.  Figures carry the light one, and a page may replace
it through the CSS variable of the same name.  A marker and a dash repeat what the colour says.
"""

import math
from dataclasses import dataclass
from typing import Any

from vmmodel.analysis.statistics import Interval


@dataclass(frozen=True)
class Look:
    """Colour, marker and dash of one design or state."""

    variable: str
    """Name of the CSS variable."""
    light: str
    """Colour on a light page, lower-case hex; unique, so that it can be replaced in an SVG."""
    dark: str
    """Colour on a dark page."""
    marker: str = "o"
    """Matplotlib marker."""
    dash: Any = "-"
    """Matplotlib line style."""


DESIGNS = {
    "ordinary": Look("--ordinary", "#6d6e70", "#b4b5b8", "s", (0, (1, 1))),
    "bump:panic": Look("--bump-panic", "#d55e00", "#ff8433", "X", (0, (5, 1.2))),
    "bump:escape": Look("--bump-escape", "#b57700", "#e69f00", "v", (0, (5, 1, 1, 1))),
    "bump:leak": Look("--bump-leak", "#b5568b", "#e79cc5", "^", (0, (3, 1))),
    "freeable": Look("--freeable", "#0064a6", "#4b9bea", "o", "-"),
    "separate": Look("--separate", "#008763", "#2cc79b", "D", (0, (4, 2))),
    "batch": Look("--batch", "#3392cc", "#92d4ff", "P", (0, (6, 1, 1, 1, 1, 1))),
    "batch-partial": Look("--batch-partial", "#007f8f", "#45c8d6", "p", (0, (2, 1, 1, 1))),
    "reclaim": Look("--reclaim", "#5f7d00", "#a8cc3c", "h", (0, (8, 2))),
    "batch+separate": Look("--batch-separate", "#a8323e", "#ff8d97", "d", (0, (4, 1, 1, 1, 1, 1))),
}

MINUS = "\N{MINUS SIGN}"

STATES = {
    "wholly free": Look("--free", "#e3ecd9", "#2a3325"),
    "ordinary in use": Look("--used", "#b9bcc2", "#5a5d63"),
    "NOFREE in use": Look("--in-use", "#0072b2", "#0072b2"),
    "NOFREE idle": Look("--idle", "#56b4e9", "#56b4e9"),
    "fallback": Look("--fallback", "#f0c000", "#f0c000"),
    "leaked": Look("--leaked", "#d01c1c", "#d01c1c"),
}
"""States of a 2 MB region; drawn as pixels, so the light colours serve both kinds of page."""

WORKLOADS = {
    "syzkaller": Look("--syzkaller", "#c6511e", "#ff9566", "o"),
    "second-resource": Look("--second-resource", "#1d6fb8", "#63aef5", "s"),
    "init-failure": Look("--init-failure", "#0b7d5c", "#37c99e", "D"),
    "swap-storm": Look("--swap-storm", "#8a4fb0", "#c898ea", "^"),
}
"""Workloads of the factorial, where each has a mark of its own in one panel."""

_SPARE = Look("--spare", "#7a4fa3", "#c3a2e6", "*", (0, (2, 2)))


def look(design: str) -> Look:
    """Look of a *design*; one the study does not know is violet with a star."""
    return DESIGNS.get(design, _SPARE)


def workload(name: str) -> Look:
    """Look of a workload; one that has none is violet with a star."""
    return WORKLOADS.get(name, _SPARE)


def number(value: float, digits: int = 0) -> str:
    """A number with thousands separators and a real minus sign.

    >>> number(12345), number(0.25, 1), number(float("nan"))
    ('12,345', '0.2', 'n/a')
    """
    if math.isnan(value):
        return "n/a"
    text = f"{value:,.{digits}f}"
    if not digits and value != int(value):
        text = f"{value:,.1f}"
    if float(text.replace(",", "")) == 0:
        return "0"
    return text.replace("-", MINUS)


def signed(value: float, digits: int = 0) -> str:
    """A difference: its sign always shown, zero without one.

    >>> signed(3), signed(-3) == f"{MINUS}3", signed(0)
    ('+3', True, '0')
    """
    return ("+" if value > 0 and number(value, digits) != "0" else "") + number(value, digits)


def span(interval: Interval, digits: int = 0, sign: bool = False) -> str:
    """The ends of an interval in brackets.

    >>> span(Interval(2, 1, 3, 0.95, 9))
    '[1, 3]'
    """
    text = signed if sign else number
    return f"[{text(interval.low, digits)}, {text(interval.high, digits)}]"


def apart(interval: Interval, unit: str = "", digits: int = 0) -> str:
    """A difference with its interval; one too small to print says how small it is.

    >>> apart(Interval(2, 1, 3, 0.95, 9), "pages")
    '+2 pages [+1, +3]'
    >>> apart(Interval(0.001, 0, 0.002, 0.95, 9), "ns") == "within \N{PLUS-MINUS SIGN}0.05 ns"
    True
    """
    gap = f" {unit}" if unit else ""
    if invisible(interval, digits):
        return f"within \N{PLUS-MINUS SIGN}0.05{gap}"
    return f"{signed(interval.estimate, digits)}{gap} {span(interval, digits, sign=True)}"


def invisible(interval: Interval, digits: int = 0) -> bool:
    """Whether a difference is not zero but would print as zero at both ends."""
    ends = (interval.low, interval.high)
    return any(ends) and all(number(end, digits) == "0" for end in ends)


def duration(ns: float) -> str:
    """A duration in the unit that suits it, three figures.

    >>> duration(314), duration(31_400), duration(3.2e12)
    ('314 ns', '31.4 µs', '53.3 min')
    """
    if math.isnan(ns):
        return "n/a"
    for unit, size in (
        ("h", 3.6e12),
        ("min", 60e9),
        ("s", 1e9),
        ("ms", 1e6),
        ("µs", 1e3),
    ):
        if ns >= size * (2 if unit in ("h", "min") else 1):
            digits = 3 if ns / size < 1 else (1 if ns / size < 100 else 0)
            return f"{ns / size:,.{digits}f} {unit}"
    return f"{ns:,.0f} ns"


def time_unit(longest_ns: float) -> tuple[float, str]:
    """Divisor and name of the unit for a time axis that ends at *longest_ns*."""
    for unit, size in (("h", 3.6e12), ("min", 60e9), ("s", 1e9), ("ms", 1e6)):
        if longest_ns >= 2 * size:
            return size, unit
    return 1e3, "µs"


def percent(share: float, digits: int = 1) -> str:
    """A share as per cent.

    >>> percent(0.9785)
    '97.9 %'
    """
    return "n/a" if math.isnan(share) else f"{100 * share:.{digits}f} %"


def css_variables(dark: bool) -> str:
    """Declarations of all colour variables for light or *dark* pages."""
    return " ".join(f"{one.variable}: {one.dark if dark else one.light};" for one in every_look())


def every_look() -> list[Look]:
    """All looks whose colour a page may replace in a figure."""
    return [*DESIGNS.values(), *WORKLOADS.values(), _SPARE]
