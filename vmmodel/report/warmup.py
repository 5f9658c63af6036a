"""Welch's plot: latency over time, averaged over replications, and where MSER-5 would cut it."""

import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter, MaxNLocator

from vmmodel.analysis.metrics import CHUNKLESS
from vmmodel.analysis.steady import Warmup, latency_series, mser, welch
from vmmodel.analysis.tables import Case, Study
from vmmodel.report import style
from vmmodel.report.figure import Figure, canvas, nothing, to_svg
from vmmodel.report.fragmentation import missing, resolve
from vmmodel.report.series import joined

WINDOW = 4
"""Welch's window: nine intervals at a time."""

Curve = tuple[tuple[str, ...], np.ndarray, np.ndarray, Warmup]
"""Designs that share it, times in ns, means over replications, and the cut."""


def warmup(study: Study, where: str | Case) -> Figure:
    """Mean latency of a request in each interval: raw, smoothed, and MSER-5's cut.

    One panel for each set of designs that agree in every interval.
    """
    case = resolve(study, where)
    if case is None:
        return missing("warmup", where)
    name = f"warmup-{case.slug}"
    curves = _curves(study, case)
    if not curves:
        return nothing(name, f"No request for NOFREE memory was answered in {case.label}.")
    divisor, unit = style.time_unit(float(max(curve[1][-1] for curve in curves)))
    height = 1.15 * len(curves) + 0.45
    with canvas(height) as drawing:
        panels = drawing.subplots(len(curves), 1, sharex=True, squeeze=False)[:, 0]
        drawing.subplots_adjust(
            left=0.085, right=0.735, top=1 - 0.28 / height, bottom=0.42 / height, hspace=0.3
        )
        for axes, (designs, times, means, found) in zip(panels, curves, strict=True):
            seen = style.look(designs[0])
            x = times / divisor
            axes.plot(x, means, color=seen.light, linewidth=0.7, alpha=0.55)
            axes.plot(x, welch(means, WINDOW), color=seen.light, linewidth=2)
            if found.settled:
                axes.axvline(x[found.cut], color="#808080", linestyle=(0, (4, 2)), linewidth=1)
            axes.set_ylim(0, 1.1 * means.max())
            axes.margins(x=0.01)
            axes.yaxis.set_major_locator(MaxNLocator(3))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda ns, _: style.number(ns)))
            words = f"{joined(designs)}\n{_said(found, len(means))}"
            axes.text(1.02, 0.5, words, va="center", transform=axes.transAxes)
        panels[0].set_title(f"mean latency of a request for NOFREE memory (ns), {case.label}")
        panels[-1].set_xlabel(f"simulated time ({unit})")
        svg = to_svg(drawing, name)
    return Figure(name, svg, _alt(curves, case), _caption(curves), _numbers(curves, divisor, unit))


def _curves(study: Study, case: Case) -> list[Curve]:
    """Means over the replications that answered requests in an interval; none, no point."""
    found: list[Curve] = []
    for design in study.designs:
        if design in CHUNKLESS:
            continue
        table = latency_series(study, case, design).dropna(how="all")
        if table.empty:
            continue
        means = table.mean(axis=1).to_numpy(float)
        same = next((i for i, one in enumerate(found) if np.array_equal(one[2], means)), None)
        if same is None:
            found.append(((design,), table.index.to_numpy(np.int64), means, mser(means)))
        else:
            found[same] = ((*found[same][0], design), *found[same][1:])
    return found


def _said(found: Warmup, n: int) -> str:
    if not found.statistic.size:
        return f"{n} intervals: too few"
    return f"MSER-5 cuts {found.cut} of {n}" if found.settled else "MSER-5: not settled"


def _caption(curves: list[Curve]) -> str:
    n = max(len(curve[2]) for curve in curves)
    return (
        f"Thin: mean over replications in each of {n} sampling intervals. Thick: Welch's moving"
        f" average over {2 * WINDOW + 1} of them. Dashed: what MSER-5 leaves out at the start; in"
        " a flat series that is chance."
        " Designs that agree in every interval share a panel. Intervals without a request are left"
        " out, and so is what follows the first panic of a design."
    )


def _alt(curves: list[Curve], case: Case) -> str:
    parts = [
        f"{' = '.join(designs)}: {style.number(means[0])} ns at first, {style.number(means[-1])}"
        f" ns at the end, {_said(found, len(means))}"
        for designs, _, means, found in curves
    ]
    return f"Line charts of mean latency over time in {case.label}. {'. '.join(parts)}."


def _numbers(curves: list[Curve], divisor: float, unit: str) -> pd.DataFrame:
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "design": " = ".join(designs),
                    f"time ({unit})": (times / divisor).round(3),
                    "mean (ns)": means.round(1),
                    "moving average (ns)": welch(means, WINDOW).round(1),
                }
            )
            for designs, times, means, _ in curves
        ],
        ignore_index=True,
    )
