"""Dots and intervals: a metric of every design, and its paired difference to the landed one."""

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from vmmodel.analysis import summary
from vmmodel.analysis.statistics import Interval
from vmmodel.analysis.tables import BASELINE, Case, Study
from vmmodel.report import style
from vmmodel.report.figure import Figure, canvas, nothing, to_svg

_ROW = 0.2
_HEAD = 0.62


def forest(study: Study, scenario: str, metric: str, unit: str) -> Figure:
    """Median of *metric* with interval, and paired differences, for each machine and design."""
    name = f"{metric.replace('_', '-')}-by-design-{scenario}"
    cases = study.cases_of(scenario)
    rows = {case: _rows(study, case, metric) for case in cases}
    rows = {case: found for case, found in rows.items() if found}
    if not rows:
        return nothing(name, f"No completed run of {scenario} gives a value in {unit}.")
    sizes = [len(found) * _ROW + _HEAD for found in rows.values()]
    with canvas(sum(sizes) + 0.1) as drawing:
        grid = drawing.subplots(len(rows), 2, squeeze=False, height_ratios=sizes)
        drawing.subplots_adjust(
            left=0.13, right=0.80, top=1 - 0.26 / sum(sizes), bottom=0.4 / sum(sizes),
            hspace=0.75 / (sum(sizes) / len(sizes)), wspace=0.08,
        )  # fmt: skip
        for (left, right), (case, found) in zip(grid, rows.items(), strict=True):
            _panel(left, [(row[0], row[1]) for row in found], sign=False)
            _not_compared(right, [row[0] for row in found], metric)
            _panel(right, [(row[0], row[2]) for row in found], sign=True)
            left.set_title(f"{case.label}: {unit}")
            right.set_title(f"minus {BASELINE}, in pairs")
            right.tick_params(labelleft=False)
        svg = to_svg(drawing, name)
    data = _numbers(rows)
    caption = _caption(rows)
    if not all(summary.comparable(row[0], metric) for found in rows.values() for row in found):
        caption += " " + summary.NOT_COMPARED.replace("`", "")
    return Figure(name, svg, _alt(rows, unit), caption, data)


_Row = tuple[str, Interval, Interval]


def _rows(study: Study, case: Case, metric: str) -> list[_Row]:
    found = [
        (
            design,
            summary.median_of(study, case, design, metric),
            summary.difference_of(study, case, design, metric),
        )
        for design in study.designs
    ]
    return [row for row in found if row[1].n]


def _panel(axes: Axes, intervals: list[tuple[str, Interval]], sign: bool) -> None:
    ends = [end for _, one in intervals for end in (one.low, one.high) if not math.isnan(end)]
    widest = max((abs(end) for end in ends), default=1.0)
    smallest = min((abs(end) for end in ends if end), default=1.0)
    # Designs may differ a thousandfold; a linear axis would press all but one onto zero.
    if widest > 50 * smallest:
        axes.set_xscale("symlog", linthresh=max(1.0, smallest), linscale=0.5)
    axes.axvline(0, color="#808080", linewidth=0.8)
    for y, (design, one) in enumerate(intervals):
        if not one.n or math.isnan(one.estimate):
            continue
        seen = style.look(design)
        axes.plot([one.low, one.high], [y, y], color=seen.light, linewidth=2.2)
        axes.plot([one.estimate], [y], seen.marker, color=seen.light, markersize=5.5)
        if sign:
            same = not (one.low or one.high or one.estimate)
            text = f"{style.signed(one.estimate)} {style.span(one, sign=True)}"
            words = "baseline" if design == BASELINE else ("equal in every pair" if same else text)
            axes.text(1.03, y, words, va="center", transform=axes.get_yaxis_transform())
    axes.set_yticks(range(len(intervals)), [design for design, _ in intervals])
    axes.set_ylim(len(intervals) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.06)
    text_of = style.signed if sign else style.number
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: text_of(value)))
    _few_ticks(axes)


def _not_compared(axes: Axes, designs: list[str], metric: str) -> None:
    for y, design in enumerate(designs):
        if not summary.comparable(design, metric):
            axes.text(1.03, y, "not compared", va="center", transform=axes.get_yaxis_transform())


def _few_ticks(axes: Axes) -> None:
    """Keep at most five tick labels, zero among them, so that none covers another."""
    low, high = axes.get_xlim()
    if axes.get_xscale() == "linear":
        axes.locator_params(axis="x", nbins=4)
        return
    ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
    positive = [tick for tick in ticks if tick > 0][::-1]
    negative = [tick for tick in ticks if tick < 0]
    step = max(1, -(-len(positive) // (2 if negative else 4)))
    back = max(1, -(-len(negative) // 2))
    axes.set_xticks([*negative[::back], 0, *positive[::step]])
    axes.minorticks_off()


def _alt(rows: dict[Case, list[_Row]], unit: str) -> str:
    parts = []
    for case, found in rows.items():
        words = ", ".join(f"{design} {style.number(value.estimate)}" for design, value, _ in found)
        parts.append(f"{case.label}: {words}")
    return f"Dots with intervals, {unit}, median by design. " + ". ".join(parts) + "."


def _caption(rows: dict[Case, list[_Row]]) -> str:
    some = next(iter(rows.values()))[0][1]
    everything = [row for found in rows.values() for row in found]
    fewest = min(row[1].n for row in everything)
    text = (
        f"Median over completed replications ({some.n}) with exact order-statistic interval"
        f" (coverage {style.percent(some.coverage)}); right, the same for differences to"
        f" {BASELINE} on the same drawn events."
    )
    if fewest < some.n:
        text += f" Where runs panicked fewer are left, down to {fewest}."
    return text


def _numbers(rows: dict[Case, list[_Row]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "machine": case.label,
                "design": design,
                "runs": value.n,
                "median": style.number(value.estimate, 1),
                "interval": style.span(value, 1),
                "difference": style.signed(apart.estimate, 1),
                "its interval": style.span(apart, 1, sign=True),
                "coverage": style.percent(apart.coverage) if apart.n else "n/a",
            }
            for case, found in rows.items()
            for design, value, apart in found
        ]
    )
