"""What became of bugs, drawn as shares: one bar for each design and kind of bug."""

import pandas as pd
from matplotlib.axes import Axes

from vmmodel.report import style
from vmmodel.report.figure import canvas, to_svg

Kinds = dict[str, tuple[str, str]]
"""Column of counts to its label, and to the design or marker whose colour it borrows."""

_ROW = 0.23


def outcome_bars(counts: pd.DataFrame, kinds: Kinds, panels: list[str], name: str) -> str:
    """Draw *counts* as an SVG: columns ``panel``, ``row`` (label) and those of *kinds*."""
    rows = list(dict.fromkeys(counts.row))
    with canvas(_ROW * len(rows) + 1.05) as drawing:
        height = float(drawing.get_figheight())
        grid = drawing.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        drawing.subplots_adjust(
            left=0.27, right=0.98, top=1 - 0.62 / height, bottom=0.42 / height, wspace=0.08
        )
        for axes, panel in zip(grid, panels, strict=True):
            _panel(axes, counts[counts.panel == panel], rows, kinds)
            axes.set_title(panel)
        grid[0].set_yticks(range(len(rows)), rows)
        grid[0].set_ylim(len(rows) - 0.4, -0.6)
        drawing.supxlabel("share of what was met, and how often it was", fontsize=8.5, y=0.01)
        drawing.legend(
            *grid[0].get_legend_handles_labels(), loc="upper left", ncols=len(kinds),
            frameon=False, bbox_to_anchor=(0.0, 1.0), columnspacing=1.4, handlelength=1.2,
        )  # fmt: skip
        return to_svg(drawing, name)


def _panel(axes: Axes, counts: pd.DataFrame, rows: list[str], kinds: Kinds) -> None:
    places = [rows.index(row) for row in counts.row]
    total = counts[list(kinds)].sum(axis=1)
    start = pd.Series(0.0, counts.index)
    for column, (label, colour) in kinds.items():
        part = counts[column] / total.where(total > 0)
        axes.barh(places, part.fillna(0), 0.62, start, color=style.look(colour).light, label=label)
        start += part.fillna(0)
    for place, n in zip(places, total, strict=True):
        axes.text(1.015, place, style.number(n) if n else "none", va="center")
    axes.set_xlim(0, 1.14)
    axes.set_xticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
