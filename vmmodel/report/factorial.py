"""The factorial as one picture: each level of each axis, and what two axes do together."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter

from vmmodel.analysis.factorial import MATTERS, NOT_SHOWN, SMALL
from vmmodel.analysis.family import CONFIDENCE, FAMILY, Primary
from vmmodel.analysis.statistics import Interval
from vmmodel.report import style
from vmmodel.report.figure import Figure, canvas, nothing, to_svg

_ROW, _HEAD, _SQUARE = 0.17, 0.30, 0.29
_MARKS = ("\N{MIDDLE DOT}", "0", "")
"""In the matrix: no difference shown (or too small to count), equal in every run, not crossed."""


def factorial(terms: pd.DataFrame, levels: pd.DataFrame, axes: Sequence[str]) -> Figure:
    """Draw main effects by level, above a matrix of the largest two-way interactions.

    *terms* and *levels* are those of the analysis; an axis is drawn, on each workload, from the
    plan that has most of its levels there.
    """
    name = "factorial"
    if terms.empty:
        return nothing(name, "No plan of the factorial was run in full.")
    shown = {axis: _widest(levels, axis) for axis in axes}
    shown = {axis: rows for axis, rows in shown.items() if not rows.empty}
    lines = [(axis, level) for axis, rows in shown.items() for level in rows.level.unique()]
    top, bottom = len(lines) * _ROW, len(shown) * _SQUARE
    total = top + bottom + 4.5 * _HEAD + 0.06
    with canvas(total) as drawing:
        grid = drawing.subplots(2, len(FAMILY), height_ratios=[top, bottom], squeeze=False)
        drawing.subplots_adjust(
            left=0.155, right=0.985, top=1 - 1.5 * _HEAD / total, bottom=0.06 / total,
            hspace=3 * _HEAD / ((top + bottom) / 2), wspace=0.1,
        )  # fmt: skip
        for column, metric in enumerate(FAMILY):
            _levels(grid[0][column], shown, lines, metric, first=column == 0)
            _matrix(grid[1][column], terms, list(shown), metric, first=column == 0)
        _legend(drawing, grid[0][0], levels)
        svg = to_svg(drawing, name)
    return Figure(name, svg, _alt(terms), _caption(levels), _numbers(terms))


def _widest(levels: pd.DataFrame, axis: str) -> pd.DataFrame:
    """Rows of *axis*, on each workload from the plan that has most levels of it there."""
    rows = levels[levels.term == axis]
    n = rows.groupby(["scenario", "plan"], sort=False)["level"].nunique()
    best = [n[scenario].idxmax() for scenario in n.index.unique("scenario")]
    chosen = set(zip(n.index.unique("scenario"), best, strict=True))
    keep = [pair in chosen for pair in zip(rows.scenario, rows.plan, strict=True)]
    return rows[keep].sort_values("level", key=lambda names: names.map(_rank(rows)), kind="stable")


def _rank(rows: pd.DataFrame) -> dict[str, int]:
    """Number the levels in the order of the plan with most of them."""
    most = rows.groupby("plan", sort=False)["level"].nunique().idxmax()
    names = [*rows[rows.plan == most].level, *rows.level]
    return {name: number for number, name in enumerate(dict.fromkeys(names))}


Lines = list[tuple[str, str]]


def _levels(
    axes: Axes, shown: dict[str, pd.DataFrame], lines: Lines, metric: Primary, *, first: bool
) -> None:
    rows = pd.concat([found[found.metric == metric.metric] for found in shown.values()])
    workloads = list(style.WORKLOADS)
    axes.axvspan(-metric.absolute, metric.absolute, color="#808080", alpha=0.18, linewidth=0)
    row: Any
    for row in rows.itertuples():
        seen = style.workload(row.scenario)
        y = lines.index((row.term, row.level)) + 0.16 * (workloads.index(row.scenario) - 1.5)
        axes.plot([row.low, row.high], [y, y], color=seen.light, linewidth=1.6)
        axes.plot([row.effect], [y], seen.marker, color=seen.light, markersize=3.6)
    most = float(np.nanmax(rows[["effect", "low", "high"]].abs().to_numpy(float), initial=0.0))
    most = 1.2 * max(most, 2 * metric.absolute)
    if most > 20 * metric.absolute:
        axes.set_xscale("symlog", linthresh=metric.absolute, linscale=0.6)
        most *= 1.5
    axes.set_xlim(-most, most)
    _ticks(axes, most)
    axes.set_title(f"{metric.title}, {metric.unit}")
    axes.set_yticks(range(len(lines)), [f"{axis}={level}" for axis, level in lines])
    axes.tick_params(axis="y", length=0, labelleft=first, labelsize=7.5)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    for number in range(1, len(lines)):
        if lines[number][0] != lines[number - 1][0]:
            axes.axhline(number - 0.5, color="#808080", linewidth=0.5, alpha=0.6)


def _ticks(axes: Axes, most: float) -> None:
    """Mark zero and the last power of ten that is reached, on a long axis the one before too."""
    power = 10.0 ** math.floor(math.log10(most))
    kept = [power] if axes.get_xscale() == "linear" else [power / 10, power]
    axes.set_xticks(sorted({0.0, *kept, *(-tick for tick in kept)}))
    axes.minorticks_off()
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: style.signed(value)))
    axes.tick_params(axis="x", labelsize=7.5)


def _legend(drawing: Canvas, axes: Axes, levels: pd.DataFrame) -> None:
    handles = []
    for name, seen in style.WORKLOADS.items():
        if name in set(levels.scenario):
            handles += axes.plot([], [], seen.marker, color=seen.light, markersize=4, label=name)
    drawing.legend(
        handles=handles, loc="upper center", ncols=len(handles), frameon=False, fontsize=8.5,
        borderaxespad=0.1,
    )  # fmt: skip


def strongest(terms: pd.DataFrame, metric: str, name: str) -> pd.Series | None:
    """Of a term on all workloads and plans, the row that decides: one that matters before others.

    None where no plan has the term.
    """
    rows = terms[(terms.metric == metric) & (terms.term == name)]
    if rows.empty:
        return None
    order = rows.assign(first=rows.verdict != MATTERS, big=-rows["size"].abs())
    return order.sort_values(["first", "big"], kind="stable").iloc[0]


def _matrix(
    axes: Axes, terms: pd.DataFrame, names: Sequence[str], metric: Primary, *, first: bool
) -> None:
    sizes = terms[(terms.metric == metric.metric) & (terms.verdict == MATTERS)]["size"].abs()
    most = float(sizes.max()) if len(sizes) else 1.0
    for i, one in enumerate(names):
        for j, other in enumerate(names[: i + 1]):
            name = one if i == j else f"{other}:{one}"
            swapped = one if i == j else f"{one}:{other}"
            row = strongest(terms, metric.metric, name)
            row = strongest(terms, metric.metric, swapped) if row is None else row
            _square(axes, j, i, row, metric, most)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), names)
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.tick_params(length=0, labelleft=first, labelsize=7.5, labelbottom=False, labeltop=True)
    axes.grid(visible=False)
    for side in axes.spines.values():
        side.set_visible(False)


def _square(
    axes: Axes, x: int, y: int, row: pd.Series | None, metric: Primary, most: float
) -> None:
    """Write the size where it matters, on a ground the deeper the larger it is (logarithmic)."""
    unshown, equal, absent = _MARKS
    text = absent if row is None else (unshown if row.verdict in (NOT_SHOWN, SMALL) else equal)
    if row is not None and row.verdict == MATTERS:
        size = abs(row["size"])
        text = style.number(round(size)) if size >= 9.5 else style.number(size, 1)
        ratio = np.log(abs(row["size"]) / metric.absolute + 1) / np.log(most / metric.absolute + 1)
        colour = style.look("freeable").light
        axes.add_patch(
            Rectangle((x - 0.5, y - 0.5), 1, 1, color=colour, alpha=0.1 + 0.4 * ratio, linewidth=0)
        )
    weight = "bold" if x == y else "normal"
    size = 10 if text == unshown else 6.8
    axes.text(x, y, text, ha="center", va="center", fontsize=size, fontweight=weight)


def _alt(terms: pd.DataFrame) -> str:
    parts = []
    for metric in FAMILY:
        rows = terms[(terms.metric == metric.metric) & (terms.verdict == MATTERS)]
        names = [name for name in dict.fromkeys(rows.term) if ":" not in name]
        parts.append(f"{metric.title}: {', '.join(names) or 'none'}")
    return (
        "Dots with intervals: the effect of each choice; below, matrices of interactions."
        f" Axes that matter, {'; '.join(parts)}."
    )


def _caption(levels: pd.DataFrame) -> str:
    low, high = levels.replications.min(), levels.replications.max()
    n = f"{low}" if low == high else f"{low} to {high}"
    return (
        f"Above, the mean of a level minus the mean of its plan, with 95 % t interval over {n}"
        " replications, one mark a workload; inside the grey band a difference counts as none."
        " Below, on the diagonal the most that an axis changes, elsewhere the most that a"
        " difference on one axis changes with the other, largest over workloads; a number where it"
        f" matters, {_MARKS[0]} where no difference is shown or it is too small to count,"
        f" {_MARKS[1]} where all runs are equal, empty where no plan crosses the two."
    )


READ_AS = (
    "A size is the mean of the worst level minus that of the best, of an interaction what such a "
    "difference changes by, with the t interval of Bonferroni over all pairs of levels; below 0 it "
    "leaves open which level is better. The verdict is not by the interval but by p, adjusted by "
    "Holm for all terms of the factorial; where all replications have the same difference there "
    "is no spread and no p, and six of them decide."
)
"""What the columns of `printed` mean."""


def printed(terms: pd.DataFrame, metric: Primary) -> pd.DataFrame:
    """Terms of one metric for a terminal, a row each; see `READ_AS`."""
    rows = [_printed(row, metric) for row in terms[terms.metric == metric.metric].itertuples()]
    return pd.DataFrame(rows)


def _printed(row: Any, metric: Primary) -> dict[str, str]:
    size = Interval(row.size, row.low, row.high, CONFIDENCE, row.replications)
    flat = row.equal and not row.size
    ends = ("difference", "changes") if ":" in row.term else ("best", "worst")
    return {
        "choice": row.term.replace(":", " with "),
        "workload": row.scenario,
        "plan": row.plan,
        f"size, {metric.unit}": _sized(size, same=row.equal),
        ends[0]: "-" if flat else row.best.replace("/", " / "),
        ends[1]: "-" if flat else row.worst.replace("/", " / "),
        "variance": style.percent(row.share),
        "p": "none" if math.isnan(row.p_holm) else _p(row.p_holm),
        "verdict": _worded(row),
    }


def _sized(size: Interval, *, same: bool) -> str:
    digits = 0 if abs(size.estimate) >= 100 else 1 if abs(size.estimate) >= 10 else 2
    text = style.number(round(size.estimate, digits), digits)
    if same:
        return f"{text}, no interval"
    ends = (round(end, digits) for end in (size.low, size.high))
    return f"{text} [{', '.join(style.number(end, digits) for end in ends)}]"


def _p(value: float) -> str:
    """Word a p value.

    >>> _p(0.04), _p(1e-9)
    ('0.0400', '< 0.0001')
    """
    return f"{value:.4f}" if value >= 0.0001 else "< 0.0001"


def _worded(row: Any) -> str:
    """Word a verdict; where equal replications decide and no interval, say so."""
    verdict = str(row.verdict)
    if not row.equal or row.replications < 2 or not row.size:
        return verdict
    return f"{verdict}: the same in all {row.replications} replications"


def _numbers(terms: pd.DataFrame) -> pd.DataFrame:
    shown = ["metric", "term", "scenario", "plan", "size", "low", "high", "share", "p_holm"]
    return terms[terms.verdict == MATTERS][shown].round(3)
