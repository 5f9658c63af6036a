"""LLFree's fragmentation benchmark on FreeBSD's lists, beside LLFree's own published series."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter

from vmmodel.analysis.llfree_frag import FragRun
from vmmodel.analysis.metrics import REGION_PAGES
from vmmodel.report import style
from vmmodel.report.figure import Figure, canvas, to_svg

ROWS = 128
"""Rows of the heat map; each is the middle region of so many equal shares."""
SHADES = 12
"""Colours of the heat map: a picture keeps 16 at most."""
OURS, THEIRS = "ordinary", "LLFree"
PUBLISHED_GB = 128
"""Memory of the machine on which LLFree was measured."""

Regions = npt.NDArray[np.int64]


def fragmentation(run: FragRun, published: pd.DataFrame) -> Figure:
    """Free pages of 2 MB regions over the rounds, free 2 MB frames, and moves to compact."""
    name = "llfree-frag"
    with canvas(3.0) as drawing:
        heat, huge, moves = drawing.subplots(1, 3, gridspec_kw={"width_ratios": [1.25, 1, 1]})
        drawing.subplots_adjust(left=0.065, right=0.985, top=0.885, bottom=0.15, wspace=0.33)
        _heat(drawing, heat, run.regions)
        ours, theirs = _shares(run.rounds), _published_shares(published)
        _lines(huge, "% of free in 2 MB frames", ours.huge, theirs.huge)
        huge.set_ylim(0, 105)
        _lines(moves, "compaction moves per GB", ours.moves, theirs.moves)
        moves.set_ylim(0, 1.1 * max(ours.moves.max(), theirs.moves.max()))
        moves.yaxis.set_major_formatter(FuncFormatter(lambda value, _: style.number(value)))
        svg = to_svg(drawing, name)
    first, last = ours.iloc[0], ours.iloc[-1]
    return Figure(
        name,
        svg,
        f"Heat map of free pages by 2 MB region and two line charts over {len(ours) - 1} rounds, "
        f"{run.label}. FreeBSD's lists: {first.huge:.1f} % of free memory in free 2 MB frames at "
        f"first, {last.huge:.1f} % at the end; LLFree: {theirs.huge.iloc[0]:.1f} %, then "
        f"{theirs.huge.iloc[-1]:.1f} %.",
        f"{run.label}. Regions of a round are sorted by their free pages; a region at the top is "
        "wholly free. LLFree's series is published, for 128 GB, and scaled to a GB where it must "
        "be; its first point is after the first round.",
        _numbers(ours, theirs),
    )


def _shares(rounds: pd.DataFrame) -> pd.DataFrame:
    """Give free 2 MB frames as % of free memory, and moves per GB, by round."""
    regions = rounds.filter(like="regions_free_").iloc[0].sum()
    return _scaled(rounds, "compaction_moves_4k_pages", regions * REGION_PAGES / (1 << 18))


def _published_shares(published: pd.DataFrame) -> pd.DataFrame:
    return _scaled(published, "compaction_page_moves", PUBLISHED_GB)


def _scaled(table: pd.DataFrame, moves: str, gigabytes: float) -> pd.DataFrame:
    share = 100 * table.free_2m_frames * REGION_PAGES / table.free_4k_frames
    columns = {"huge": share, "moves": table[moves] / gigabytes}
    return pd.DataFrame(columns).set_axis(table["round"])


def _heat(drawing: Canvas, axes: Axes, regions: pd.DataFrame) -> None:
    picture = _sorted_regions(regions)
    shades = ListedColormap(_shades())
    image = axes.imshow(
        picture, cmap=shades, vmin=0, vmax=REGION_PAGES, aspect="auto", origin="lower",
        interpolation="none", extent=(-0.5, picture.shape[1] - 0.5, 0, 100),
    )  # fmt: skip
    axes.grid(visible=False)
    axes.set(xlabel="round", ylabel="% of 2 MB regions, fullest first")
    axes.set_title("free pages of a region")
    bar = drawing.colorbar(image, ax=axes, pad=0.03, ticks=[0, 128, 256, 384, REGION_PAGES])
    bar.outline.set_linewidth(0.4)


def _sorted_regions(regions: pd.DataFrame) -> Regions:
    """Give a column for each round: its regions by free pages, `ROWS` of them."""
    columns = []
    for _, rows in regions.groupby("round").free:
        free = np.sort(rows.to_numpy(np.int64))
        columns.append(free[((np.arange(ROWS) + 0.5) / ROWS * len(free)).astype(int)])
    return np.array(columns).T


def _shades() -> npt.NDArray[np.float64]:
    colours: npt.NDArray[np.float64] = colormaps["viridis"](np.linspace(0, 1, SHADES))
    return colours


def _lines(axes: Axes, title: str, ours: pd.Series, theirs: pd.Series) -> None:
    for label, line in ((OURS, ours), (THEIRS, theirs)):
        seen = style.look(label)
        axes.plot(line.index, line, color=seen.light, linestyle=seen.dash)
        axes.plot(line.index[-1:], line[-1:], seen.marker, color=seen.light, markersize=5)
    axes.set(xlabel="round")
    axes.set_title(title)
    axes.margins(x=0.02)
    _name(axes, "FreeBSD's lists", ours)
    _name(axes, THEIRS, theirs)


def _name(axes: Axes, text: str, line: pd.Series) -> None:
    axes.annotate(
        text, (line.index[-1], line.iloc[-1]), (-7, 6), textcoords="offset points", ha="right"
    )


def _numbers(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """The drawn values at every tenth round."""
    both = [ours.add_suffix(" (FreeBSD)"), theirs.add_suffix(" (LLFree)")]
    table = pd.concat(both, axis=1).reindex(ours.index).round(1)
    rounds = table.index.to_numpy()
    shown: pd.DataFrame = table[(rounds % 10 == 0) | (rounds == 1)].reset_index()
    return shown
