"""Figures about fragmentation: FreeBSD's index, superpage availability, pinned regions."""

from collections.abc import Callable

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from vmmodel.analysis import metrics
from vmmodel.analysis.tables import Case, Study
from vmmodel.report import series, style
from vmmodel.report.figure import Figure, canvas, nothing, to_svg

BAND = "Lines are medians over replications, bands their 10th to 90th percentile."


def resolve(study: Study, where: str | Case) -> Case | None:
    """The case meant by *where*: itself, or the machine of that scenario that asks for most."""
    return where if isinstance(where, Case) else study.main_case(where)


def missing(name: str, where: str | Case) -> Figure:
    """Stand-in for a figure whose scenario was not run."""
    label = where.label if isinstance(where, Case) else where
    return nothing(name, f"This sweep has no scenario {label}, so there is nothing to draw.")


def fragmentation_index(study: Study, where: str | Case) -> Figure:
    """FreeBSD's fragmentation index for order 9 over time."""
    return _trajectory(
        study,
        where,
        "fragmentation-index",
        metrics.fragmentation_index,
        "fragmentation index (order 9)",
        "Towards 1,000 the free memory is in pieces smaller than 2 MB; far below 0 there are "
        "plenty of 2 MB blocks. FreeBSD's formula (D40575), no clamp.",
    )


def superpage_availability(study: Study, where: str | Case) -> Figure:
    """Share of free pages in blocks of at least 2 MB over time."""
    return _trajectory(
        study,
        where,
        "superpage-availability",
        lambda samples: 100 * metrics.superpage_availability(samples),
        "% of free pages in blocks ≥ 2 MB",
        "100 % means that every free page could be part of a superpage.",
    )


def pinned_over_time(study: Study, where: str | Case) -> Figure:
    """2 MB regions with at least one NOFREE page over time."""
    return _trajectory(
        study,
        where,
        "pinned-over-time",
        lambda samples: samples.pinned_regions,
        "2 MB regions with a NOFREE page",
        "Such a region can never be a superpage for anything else while the page stays.",
    )


def _trajectory(
    study: Study,
    where: str | Case,
    name: str,
    measure: Callable[[pd.DataFrame], pd.Series],
    axis: str,
    reading: str,
) -> Figure:
    case = resolve(study, where)
    if case is None:
        return missing(name, where)
    name = f"{name}-{case.slug}"
    samples = study.select(study.samples, case)
    if samples.empty:
        return nothing(name, f"No samples were taken in {case.label}.")
    found = series.lines(study, case, measure(samples).astype(float))
    divisor, unit = style.time_unit(float(samples.time_ns.max()))
    with canvas(2.75) as drawing:
        axes = drawing.subplots()
        drawing.subplots_adjust(left=0.085, right=0.735, top=0.9, bottom=0.165)
        axes.set_xlabel(f"simulated time ({unit})")
        axes.set_title(f"{axis}, {case.label}")
        axes.margins(x=0.01)
        for line in found:
            axes.plot(line.time_ns / divisor, line.low, alpha=0)
            axes.plot(line.time_ns / divisor, line.high, alpha=0)
        _scale(axes, found)
        for ghost in list(axes.lines):
            ghost.remove()
        series.draw(axes, found, divisor)
        svg = to_svg(drawing, name)
    ends = "; ".join(
        f"{' = '.join(line.designs)} ends at {style.number(line.median[-1], 1)}" for line in found
    )
    return Figure(
        name,
        svg,
        f"Line chart of {axis} over simulated time in {case.label}: {ends}.",
        f"{reading} {BAND}",
        series.numbers(found, divisor, unit),
    )


def _scale(axes: Axes, found: list[series.Line]) -> None:
    """Thousands separators; a symmetric log axis where values reach far below zero."""
    lowest = min((line.low.min() for line in found), default=0.0)
    highest = max((line.high.max() for line in found), default=1.0)
    if lowest < -5000:
        axes.set_yscale("symlog", linthresh=1000)
    else:
        room = (highest - lowest or abs(highest) or 1.0) * 0.07
        bottom = max(lowest - room, -room / 2) if lowest >= 0 else lowest - room
        axes.set_ylim(bottom, highest + room)
    shown = FuncFormatter(lambda value, _: style.number(value))
    axes.yaxis.set_major_formatter(shown)
