"""Latency as a distribution: tails on two logarithmic axes, waiting apart from work."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from vmmodel.analysis import histograms, metrics, summary
from vmmodel.analysis.tables import BASELINE, Case, Study
from vmmodel.report import style
from vmmodel.report.figure import Figure, canvas, nothing, to_svg
from vmmodel.report.fragmentation import missing, resolve
from vmmodel.report.markup import Cell, Table

TITLES = {
    "wait": "waiting for the free lock",
    "work": "work, priced",
    "total": "waiting and work",
}
_POINTS = 160


def tails(
    study: Study,
    where: str | Case,
    operation: str = "",
    parts: tuple[str, ...] = ("wait", "work"),
) -> Figure:
    """Share of operations that last longer than a duration, one panel for each part.

    Without an *operation* it is the one by which the cost of NOFREE memory is judged there.
    """
    case = resolve(study, where)
    if case is None:
        return missing(f"tails-{operation or 'page'}", where)
    operation = operation or summary.page_operation(study, case) or "nofree-page"
    name = f"tails-{operation}-{case.slug}"
    rows = study.select(study.latencies, case)
    rows = rows[rows.operation == operation]
    merged = {part: _merged(study, rows[rows.part == part]) for part in parts}
    merged = {part: found for part, found in merged.items() if found}
    if not merged:
        return nothing(
            name,
            f"No {operation} happened in {case.label}, so there is no distribution to draw.",
        )
    most = max(int(h["count"].sum()) for found in merged.values() for _, h in found)
    with canvas(3.6) as drawing:
        panels = drawing.subplots(1, len(merged), sharey=True, squeeze=False)[0]
        drawing.subplots_adjust(left=0.115, right=0.975, top=0.77, bottom=0.135, wspace=0.06)
        for axes, (part, found) in zip(panels, merged.items(), strict=True):
            _panel(axes, found)
            axes.set_title(TITLES[part])
        panels[0].set_ylim(max(0.3 / most, 1e-6), 1.6)
        panels[0].set_ylabel("share that lasts longer")
        handles = _handles(merged)
        drawing.legend(
            handles=handles, loc="upper left", ncols=min(4, len(handles)), frameon=False,
            bbox_to_anchor=(0.1, 1.0), title=f"{operation}, {case.label}", alignment="left",
            title_fontproperties={"weight": "bold", "size": 8.5}, columnspacing=3,
        )  # fmt: skip
        drawing.supxlabel("duration", fontsize=8.5, y=0.01)
        svg = to_svg(drawing, name)
    data = _numbers(merged)
    words = "; ".join(
        f"{row.part}, {row.design}: p50 {row.p50}, p99 {row.p99}" for row in data.itertuples()
    )
    never = _never(merged)
    return Figure(
        name,
        svg,
        f"Tail distributions of {operation} in {case.label} on two logarithmic axes. {words}.",
        "Read down: at the line p99 one operation in a hundred lasts longer. Markers are p50, p99"
        f" and p99.9 of the merged histograms of all replications.{never}"
        f" Panicked runs count up to the panic.{_apart(study)}",
        data,
    )


_Found = list[tuple[tuple[str, ...], pd.DataFrame]]


def _merged(study: Study, rows: pd.DataFrame) -> _Found:
    found: _Found = []
    for design in study.designs:
        histogram = histograms.merge(rows[rows.design == design])
        if histogram.empty:
            continue
        for index, (designs, other) in enumerate(found):
            if other.equals(histogram):
                found[index] = ((*designs, design), other)
                break
        else:
            found.append(((design,), histogram))
    return found


def _lead(designs: tuple[str, ...]) -> str:
    return BASELINE if BASELINE in designs else designs[0]


def _panel(axes: Axes, found: _Found) -> None:
    axes.set(xscale="log", yscale="log")
    longest = shortest = None
    for designs, histogram in found:
        seen = style.look(_lead(designs))
        duration, longer = histograms.tail(histogram)
        if duration[0] <= 0:
            duration, longer = duration[1:], longer[1:]
            # Operations without any waiting have no place on a logarithmic axis.
            start = float((histogram["count"].iloc[1:]).sum() / histogram["count"].sum())
        else:
            start = 1.0
        if not len(duration):
            continue
        x, y = _thin(np.r_[duration[0], duration], np.r_[start, longer])
        axes.step(x, y, where="post", color=seen.light, linestyle=seen.dash, linewidth=1.5)
        for share in histograms.PERCENTILES:
            at = histograms.percentile(histogram, share)
            enough = histograms.enough(int(histogram["count"].sum()), share)
            if at > 0 and enough:
                axes.plot([at], [1 - share], seen.marker, color=seen.light, markersize=5)
        longest = max(longest or 0, float(duration[-1]))
        shortest = min(shortest or 1e18, float(duration[0]))
    for share, text in zip(histograms.PERCENTILES, ("p50", "p99", "p99.9"), strict=True):
        axes.axhline(1 - share, color="#808080", linewidth=0.6, linestyle=(0, (2, 2)))
        axes.text(
            0.995,
            (1 - share) * 1.12,
            text,
            ha="right",
            transform=axes.get_yaxis_transform(),
        )
    if longest and shortest:
        axes.set_xlim(shortest / 1.3, longest * 2)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: style.duration(value)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    axes.minorticks_off()
    if longest and shortest and longest / shortest < 30:
        ticks = [t for e in range(10) for t in (10**e, 2 * 10**e, 5 * 10**e)]
        axes.set_xticks([t for t in ticks if shortest / 1.3 <= t <= longest * 2])


def _thin(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keep about 160 steps, spread evenly over the logarithmic axis, and the last one."""
    keep = y > 0
    x, y = x[keep], y[keep]
    if len(x) <= _POINTS:
        return x, y
    spot = np.log(np.maximum(x, 1)) / np.log(max(x[-1], 2)) + np.log(y[0] / y) / np.log(
        y[0] / y[-1]
    )
    pick = np.unique(np.searchsorted(spot, np.linspace(spot[0], spot[-1], _POINTS)))
    pick = pick[pick < len(x)]
    return x[np.r_[pick, len(x) - 1]], y[np.r_[pick, len(x) - 1]]


def _handles(merged: dict[str, _Found]) -> list[Line2D]:
    names: dict[tuple[str, ...], None] = {}
    for found in merged.values():
        names.update({designs: None for designs, _ in found})
    # A design may be equal to another in one panel only: then each is listed by itself.
    singles = {design for found in merged.values() for designs, _ in found for design in designs}
    together = len(names) <= max(len(found) for found in merged.values())
    shown = list(names) if together else [(d,) for d in style.DESIGNS if d in singles]
    looks = [(style.look(_lead(designs)), " = ".join(designs)) for designs in shown]
    return [
        Line2D(
            [], [], color=seen.light, linestyle=seen.dash, marker=seen.marker, markersize=5,
            label=label,
        )
        for seen, label in looks
    ]  # fmt: skip


def _never(merged: dict[str, _Found]) -> str:
    found = merged.get("wait", [])
    shares = [
        float(h["count"][h.high_ns <= 1].sum() / h["count"].sum()) for _, h in found if len(h)
    ]
    if not shares or not max(shares):
        return ""
    low, high = min(shares), max(shares)
    text = style.percent(low) if low == high else f"{style.percent(low)} to {style.percent(high)}"
    return f" {text} of the operations do not wait at all and lie left of the axis."


def _numbers(merged: dict[str, _Found]) -> pd.DataFrame:
    rows = []
    for part, found in merged.items():
        for designs, histogram in found:
            count = int(histogram["count"].sum())
            row = {"part": part, "design": " = ".join(designs), "operations": count}
            for share, title in zip(histograms.PERCENTILES, ("p50", "p99", "p99.9"), strict=True):
                row[title] = _percentile(histogram, count, share)
            rows.append(row)
    return pd.DataFrame(rows)


def _percentile(histogram: pd.DataFrame, count: int, share: float) -> str:
    if not histograms.enough(count, share):
        return "too few"
    return style.duration(histograms.percentile(histogram, share))


def _apart(study: Study) -> str:
    """Why a design without chunks is shown and not compared; captions are plain text."""
    if not set(metrics.CHUNKLESS) & set(study.designs):
        return ""
    return " " + summary.NOT_COMPARED.replace("`", "")


def percentile_table(study: Study, where: str | Case, operation: str) -> Table:
    """p50, p99 and p99.9 of waiting, work and both, for every design."""
    case = resolve(study, where)
    if case is None:
        return Table(f"This sweep has no scenario {where}.", ["design"], [])
    rows = study.select(study.latencies, case)
    rows = rows[rows.operation == operation]
    table: list[list[str | Cell]] = []
    for design in study.designs:
        mine = rows[rows.design == design]
        if mine.empty:
            continue
        cells: list[str | Cell] = [design]
        for part in TITLES:
            histogram = histograms.merge(mine[mine.part == part])
            count = int(histogram["count"].sum())
            cells += [_percentile(histogram, count, share) for share in histograms.PERCENTILES]
        total = int(mine[mine.part == "total"]["count"].sum())
        table.append([*cells, style.number(total)])
    names = [f"{part} {p}" for part in TITLES for p in ("p50", "p99", "p99.9")]
    return Table(
        f"{operation} in {case.label}, all replications merged."
        f" “Too few” means fewer than ten operations beyond the percentile.{_apart(study)}",
        ["design", *names, "operations"],
        table,
    )
