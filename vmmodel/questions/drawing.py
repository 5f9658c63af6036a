"""Pieces of the questions' figures: lines with bands over an axis, and rows of dots."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from vmmodel.analysis.statistics import Interval, median_interval
from vmmodel.report import style

GREY = "#808080"
"""Readable on light and dark pages."""

LOOKS = {
    "freeable,reuse=address": style.look("separate"),
    "reclaim,reuse=address": style.look("bump:panic"),
    "reclaim,structure=bitmap,reuse=address": style.look("bump:leak"),
    "freeable,multi=batch": style.look("bump:panic"),
    "freeable,multi=partial": style.look("bump:leak"),
}
"""Designs that only some questions have borrow the look of one that these do not draw."""


def look(design: str) -> style.Look:
    """Give the look of a design, named or not."""
    return LOOKS.get(design, style.look(design))


def line(axes: Axes, table: pd.DataFrame, x: str, y: str, design: str) -> None:
    """Draw the median of *y* over *x* for one design, with the range over replications."""
    rows = table[table.design == design].groupby(x)[y]
    low, middle, high = rows.min(), rows.median(), rows.max()
    seen = look(design)
    axes.fill_between(middle.index, low, high, color=seen.light, alpha=0.16, linewidth=0)
    axes.plot(
        middle.index, middle, color=seen.light, linestyle=seen.dash, marker=seen.marker,
        markersize=4.5, label=design,
    )  # fmt: skip


def rows_of_dots(axes: Axes, rows: Sequence[tuple[str, Interval, style.Look]]) -> None:
    """Draw an estimate with its interval for each row, the first on top, named at the left."""
    axes.axvline(0, color=GREY, linewidth=0.8)
    for y, (_, one, seen) in enumerate(rows):
        axes.plot([one.low, one.high], [y, y], color=seen.light, linewidth=2.2)
        axes.plot([one.estimate], [y], seen.marker, color=seen.light, markersize=5.5)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")


def share_text(events: pd.Series, trials: pd.Series) -> str:
    """Word the median over runs of a share, with its exact interval, and the counts of all runs.

    Trials of one run are not independent, so the runs are what is counted.
    """
    one = median_interval(100 * events / trials.where(trials > 0))
    ends = style.span(one, 1)
    counts = f"{style.number(events.sum())} of {style.number(trials.sum())} in all"
    return f"{style.number(one.estimate, 1)} % {ends} in the median run ({counts})"


def median_text(values: pd.Series, digits: int = 0) -> str:
    """Word a median with its exact interval."""
    one = median_interval(values)
    if not one.n:
        return "n/a"
    return f"{style.number(one.estimate, digits)} {style.span(one, digits)}"
