"""What LLFree's artifact reports of its fragmentation benchmark, from the tables of a run."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from vmmodel.analysis.metrics import REGION_PAGES, SUPERPAGE_ORDER, free_pages
from vmmodel.analysis.published import read_published
from vmmodel.experiment.schema import ORDERS
from vmmodel.paths import DATA

PUBLISHED = DATA / "llfree" / "frag_series.csv"
"""The series of the artifact for LLFree itself; its iteration *i* is round *i* + 1 here."""
PUBLISHED_COLUMNS = {
    "iteration": "int64",
    "free_4k_frames": "int64",
    "free_2m_frames": "int64",
    "metric_0_to_50": "float64",
    "compaction_page_moves": "int64",
}

LEVELS = (0, 1, 128, 256, 384, REGION_PAGES)
"""Least free pages of each fill level; the last one is a region that is wholly free."""

SCALE = 50
"""Full scale of the artifact's metric: half of memory is free in this benchmark."""


def free_2m_frames(rounds: pd.DataFrame) -> pd.Series:
    """Free 2 MB frames, ``sum n_k 2^(k-9)`` over k from 9."""
    large = ORDERS[SUPERPAGE_ORDER:]
    frames = rounds[large].to_numpy(np.int64) @ (1 << np.arange(len(large)))
    return pd.Series(frames, rounds.index, name="free_2m_frames")


def metric(huge: pd.Series, first: float, possible: float) -> pd.Series:
    """Scale free 2 MB frames as the artifact does: 0 is *first*, 50 is *possible*.

    ``(huge - first) / ((possible - first) / 50)``; *possible* is the free 4 KB frames over 512.  It
    is no percentage, and below 0 where there are fewer than at first.
    """
    return ((huge - first) / ((possible - first) / SCALE)).rename("metric_0_to_50")


def compaction_moves(free: npt.NDArray[np.integer]) -> int:
    """Count the 4 KB pages that compaction must move, from the free pages of each 2 MB region.

    Regions are sorted by free pages; the fullest is filled from the emptiest until the two meet.
    In the end some regions are full, at most one is partly filled, the others are free.  The walk
    itself is not needed: the pages that come into a region are those it lacked.
    """
    used = np.sort(REGION_PAGES - free.astype(np.int64))[::-1]
    full, rest = divmod(int(used.sum()), REGION_PAGES)
    moves = int((REGION_PAGES - used[:full]).sum())
    return moves + (max(0, rest - int(used[full])) if rest else 0)


def report(rounds: pd.DataFrame, regions: pd.DataFrame) -> pd.DataFrame:
    """One row a round: what the artifact reports, and regions by fill level.

    Units: frames of 4 KB or 2 MB, the artifact's metric on its scale of 0 to 50 with *first* and
    *possible* beside it, moves of 4 KB pages, regions of 2 MB.
    """
    free, huge = free_pages(rounds), free_2m_frames(rounds)
    start = rounds.index[rounds["round"] == min(1, rounds["round"].max())][0]
    first, possible = float(huge[start]), float(free[start]) / REGION_PAGES
    by_round = [rows.to_numpy() for _, rows in regions.groupby("round").free]
    table = pd.DataFrame(
        {
            "round": rounds["round"],
            "free_4k_frames": free,
            "free_2m_frames": huge,
            "free_huge_share_of_free": (huge * REGION_PAGES / free).round(6),
            "metric_0_to_50": metric(huge, first, possible).round(6),
            "metric_zero_2m_frames": first,
            "metric_fifty_2m_frames": round(possible, 3),
            "compaction_moves_4k_pages": [compaction_moves(some) for some in by_round],
            "cached_4k_pages": rounds.cached,
            "lock_holds": rounds.lock_holds,
        }
    )
    counts = pd.DataFrame([_levels(some) for some in by_round], rounds.index, level_names())
    return pd.concat([table, counts], axis=1)


def level_names() -> list[str]:
    """Name the fill levels by the free pages of a region.

    >>> level_names()[:3]
    ['regions_free_0', 'regions_free_1_127', 'regions_free_128_255']
    """
    ends = [low - 1 for low in LEVELS[1:]] + [REGION_PAGES]
    return [
        f"regions_free_{low}" + (f"_{high}" if high > low else "")
        for low, high in zip(LEVELS, ends, strict=True)
    ]


def _levels(free: npt.NDArray[np.integer]) -> list[int]:
    edges = [*LEVELS, REGION_PAGES + 1]
    counts: list[int] = np.histogram(free, edges)[0].tolist()
    return counts


@dataclass(frozen=True)
class FragRun:
    """One run of the benchmark, as a figure takes it."""

    rounds: pd.DataFrame
    """What `report` gives."""
    regions: pd.DataFrame
    """Free pages of each region after each round."""
    label: str
    """Size and kind of the machine, for a title."""


def load_published() -> pd.DataFrame:
    """Read LLFree's own published series, with `round` as here."""
    table = read_published(PUBLISHED, PUBLISHED_COLUMNS)
    return table.assign(round=table.iteration + 1)
