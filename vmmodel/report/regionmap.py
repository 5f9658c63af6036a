"""The map of physical memory: every 2 MB region over time, one panel per design."""

import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from vmmodel.analysis import metrics
from vmmodel.analysis.tables import Case, Study
from vmmodel.report import series, style
from vmmodel.report.figure import WIDTH, Figure, canvas, nothing, to_svg
from vmmodel.report.fragmentation import missing, resolve

ROWS = 256
"""Most rows of a panel; more regions are drawn several to a row."""
COLUMNS = 80
"""Most columns of a panel."""
FREE_FOR_OTHERS = ("wholly free", "ordinary in use")
"""States of regions without a NOFREE page."""
EMPTY = len(metrics.REGION_STATES)
"""Pixel value for times that a run did not reach."""


def region_map(study: Study, where: str | Case) -> Figure:
    """State of every 2 MB region over time in replication 0, small multiples by design."""
    case = resolve(study, where)
    if case is None:
        return missing("region-map", where)
    name = f"region-map-{case.slug}"
    rows = study.regions(case)
    if rows.empty:
        return nothing(name, f"No map of regions was recorded in {case.label}.")
    pictures, per_row, end_ns = _pictures(study, rows)
    regions = int(rows.region.max()) + 1
    divisor, unit = style.time_unit(end_ns)
    svg = _draw(name, case, pictures, regions, end_ns / divisor, unit, _pinned(rows))
    together = "" if per_row == 1 else f" A row of pixels is {per_row} neighbouring regions."
    last = _last(rows)
    words = "; ".join(
        f"{design}: {count['wholly free']} wholly free, {count['leaked']} with a leaked page,"
        f" {count['fallback']} with a fallback page"
        for design, count in last.iterrows()
    )
    return Figure(
        name,
        svg,
        f"Map of {regions} regions of 2 MB over time, one panel per design. At the end: {words}.",
        f"Replication 0 of {case.label}. A region has the colour of the last state in the legend"
        f" that any of its 512 pages has: one leaked page makes it red.{together}"
        " Blank: the run had panicked. Identical maps are drawn once.",
        last.reset_index(names="design, regions at the end"),
    )


def _pictures(
    study: Study, rows: pd.DataFrame
) -> tuple[list[tuple[tuple[str, ...], np.ndarray]], int, float]:
    regions = int(rows.region.max()) + 1
    per_row = -(-regions // ROWS)
    end_ns = float(rows.time_ns.max())
    times = np.sort(rows.time_ns.unique())
    grid = times if len(times) <= COLUMNS else np.linspace(times[0], end_ns, COLUMNS)
    found: list[tuple[tuple[str, ...], np.ndarray]] = []
    state = metrics.region_states(rows)
    for design in study.designs:
        mine = rows[rows.design == design]
        if mine.empty:
            continue
        seen, column = np.unique(mine.time_ns.to_numpy(), return_inverse=True)
        picture = np.zeros((per_row * -(-regions // per_row), len(seen)), dtype=np.uint8)
        picture[mine.region.to_numpy(), column] = state[mine.index].to_numpy()
        picture = picture.reshape(-1, per_row, len(seen)).max(axis=1)
        pick = np.clip(np.searchsorted(seen, grid, side="right") - 1, 0, None)
        picture = np.where(grid[None, :] > seen[-1], EMPTY, picture[:, pick])
        for index, (designs, other) in enumerate(found):
            if np.array_equal(other, picture):
                found[index] = ((*designs, design), other)
                break
        else:
            found.append(((design,), picture))
    return found, per_row, end_ns


def _draw(
    name: str,
    case: Case,
    pictures: list[tuple[tuple[str, ...], np.ndarray]],
    regions: int,
    end: float,
    unit: str,
    pinned: dict[str, str],
) -> str:
    across = 3 if len(pictures) in (3, 5, 6) else min(4, len(pictures))
    down = -(-len(pictures) // across)
    titles = [f"{series.joined(designs, 28)}\n{pinned[designs[0]]}" for designs, _ in pictures]
    tallest = max(title.count("\n") + 1 for title in titles)
    above = 0.5 + 0.14 * tallest
    height = above + 0.45 + down * 2.6
    gib = regions * 2 / 1024
    colours = ListedColormap([style.STATES[s].light for s in metrics.REGION_STATES] + ["#ffffff"])
    with canvas(height) as drawing:
        panels = drawing.subplots(down, across, sharex=True, sharey=True, squeeze=False).flat
        drawing.subplots_adjust(
            left=0.07, right=0.99, top=1 - above / height, bottom=0.5 / height,
            hspace=0.14 + 0.08 * tallest, wspace=0.07,
        )  # fmt: skip
        for axes, title, (_, picture) in zip(panels, titles, pictures, strict=False):
            reached = int((picture[0] != EMPTY).sum())
            width = end * reached / picture.shape[1]
            axes.imshow(
                picture[:, :reached], cmap=colours, vmin=0, vmax=EMPTY, aspect="auto",
                interpolation="none", origin="lower", extent=(0, width, 0, gib),
            )  # fmt: skip
            axes.set(xlim=(0, end), ylim=(0, gib))
            axes.grid(visible=False)
            axes.set_title(title, linespacing=1.05)
            if reached < picture.shape[1]:
                axes.text(width + end * 0.03, gib / 2, "panic", rotation=90, va="center")
        for axes in list(panels):
            axes.set_visible(False)
        drawing.supxlabel(f"simulated time ({unit})", fontsize=8.5, y=0.01)
        drawing.supylabel("physical address, holes left out (GiB)", fontsize=8.5, x=0.005)
        patches = [
            Patch(
                facecolor=style.STATES[s].light,
                edgecolor="#808080",
                linewidth=0.4,
                label=s,
            )
            for s in metrics.REGION_STATES
        ]
        drawing.legend(
            handles=patches, loc="upper left", ncols=len(patches), frameon=False,
            bbox_to_anchor=(0.055, 1.0), handlelength=1.1, columnspacing=2.4,
            handletextpad=0.4, title=f"2 MB regions, {case.label}", alignment="left",
            borderaxespad=0.1, title_fontproperties={"weight": "bold", "size": 8.5},
        )  # fmt: skip
        drawing.set_size_inches(WIDTH, height)
        return to_svg(drawing, name)


def _pinned(rows: pd.DataFrame) -> dict[str, str]:
    """How many regions each design pins at the end, for its panel: areas alone would mislead."""
    counts = _last(rows)
    kinds = [state for state in metrics.REGION_STATES if state not in FREE_FOR_OTHERS]
    pinned = counts[kinds].sum(axis=1)
    return {str(name): f"pins {style.number(count)} regions" for name, count in pinned.items()}


def _last(rows: pd.DataFrame) -> pd.DataFrame:
    """How many regions were in each state at the end of each design's run."""
    ends = rows.groupby("design").time_ns.transform("max")
    last = rows[rows.time_ns == ends]
    names = metrics.region_states(last).map(dict(enumerate(metrics.REGION_STATES)))
    counts = pd.crosstab(last.design, names)
    counts = counts.reindex(columns=list(metrics.REGION_STATES), fill_value=0)
    order = [name for name in style.DESIGNS if name in counts.index]
    counts.columns.name = counts.index.name = None
    return counts.loc[order + [name for name in counts.index if name not in order]]
