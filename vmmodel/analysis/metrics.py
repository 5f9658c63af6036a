"""Numbers computed from the tables, each with its formula and source.

Notation: ``n_k`` free blocks of order k, ``F = sum n_k 2^k`` free pages on the buddy lists,
``B = sum n_k`` free blocks, ``o`` the order asked for (9, a 2 MB superpage).  All functions take
rows of the tables and return one value per row.
"""

import numpy as np
import pandas as pd

from vmmodel.experiment.schema import ORDERS

SUPERPAGE_ORDER = 9
REGION_PAGES = 1 << SUPERPAGE_ORDER

KEY = ["scenario", "variant", "setting", "design", "replication"]
"""Columns that name a run."""
PAIR = ["scenario", "variant", "setting", "replication"]
"""Columns that name a drawing of events: every design meets the same drawn events."""

CHUNKLESS = ("ordinary",)
"""Designs that serve every NOFREE page from the general pools; an import is one page there."""

_SIZES = np.array([1 << order for order in range(len(ORDERS))], dtype=np.int64)

REGION_STATES = (
    "wholly free",
    "ordinary in use",
    "NOFREE in use",
    "NOFREE idle",
    "fallback",
    "leaked",
)
"""States of a 2 MB region; a region shows the last one of this list that any page of it has."""


def _blocks(samples: pd.DataFrame) -> np.ndarray:
    return samples[ORDERS].to_numpy(np.int64)


def free_pages(samples: pd.DataFrame) -> pd.Series:
    """Free pages on the buddy lists, ``F``; pages inside reservations are not on the lists."""
    return pd.Series(_blocks(samples) @ _SIZES, samples.index, name="free_pages")


def fragmentation_index(samples: pd.DataFrame, order: int = SUPERPAGE_ORDER) -> pd.Series:
    """FreeBSD's fragmentation index ``1000 - (F*1000/2^o)/B`` in integers; 0 without a block.

    Towards 1000 the free memory is in small pieces; below 0 blocks of the order asked for are
    plenty, and values far below 0 are usual.  There is no -1000 clamp and no +1 term as in
    Linux.  Source: review D40575, ``vm.phys_frag_idx``.
    """
    blocks = _blocks(samples)
    free, count = blocks @ _SIZES, blocks.sum(axis=1)
    index = 1000 - (free * 1000 // (1 << order)) // np.maximum(count, 1)
    return pd.Series(np.where(count == 0, 0, index), samples.index, name="fragmentation_index")


def superpage_availability(samples: pd.DataFrame) -> pd.Series:
    """Share of free pages in blocks of order 9 and above, ``A``; without free pages, NaN.

    Source: LLFree (USENIX ATC 2023), there called free huge frames.
    """
    return (1.0 - _unusable(samples, SUPERPAGE_ORDER)).rename("superpage_availability")


def unusable_index(samples: pd.DataFrame, order: int = SUPERPAGE_ORDER) -> pd.Series:
    """Share of free pages in blocks below *order*, ``U_o``; 0 without free pages.

    Source: Gorman's unusable free space index, as ``extfrag_for_order`` in Linux mm/vmstat.c.
    For order 9 it is one minus the superpage availability.
    """
    return _unusable(samples, order).fillna(0.0).rename("unusable_index")


def _unusable(samples: pd.DataFrame, order: int) -> pd.Series:
    blocks = _blocks(samples)
    free = (blocks @ _SIZES).astype(float)
    below = (blocks[:, :order] @ _SIZES[:order]).astype(float)
    share = np.divide(below, free, out=np.full(len(free), np.nan), where=free > 0)
    return pd.Series(share, samples.index)


def largest_free_order(samples: pd.DataFrame) -> pd.Series:
    """The largest order with a free block; -1 when nothing is free."""
    some = _blocks(samples) > 0
    largest = some.shape[1] - 1 - some[:, ::-1].argmax(axis=1)
    return pd.Series(np.where(some.any(axis=1), largest, -1), samples.index, name="largest_order")


def live_pages(rows: pd.DataFrame) -> pd.Series:
    """NOFREE pages that a caller has, wherever they came from, ``N``."""
    return (rows.in_use + rows.fallback).rename("live_pages")


def ideal_regions(rows: pd.DataFrame) -> pd.Series:
    """The fewest 2 MB regions that could hold the live NOFREE pages: ``ceil(N/512)``."""
    return (-(-live_pages(rows) // REGION_PAGES)).rename("ideal_regions")


def pinned_ratio(rows: pd.DataFrame) -> pd.Series:
    """Pinned 2 MB regions over the ideal; 1 is best, NaN when no NOFREE page is live."""
    ideal = ideal_regions(rows)
    return (rows.pinned_regions / ideal.where(ideal > 0)).rename("pinned_ratio")


def footprint_ratio(runs: pd.DataFrame) -> pd.Series:
    """Pages held for NOFREE use over live NOFREE pages: ``(C + fallback) / max(N, 1)``.

    ``C`` pages were imported in chunks and did not return.  Fallback pages stand on both sides.
    A design without chunks holds what is live and nothing else: ratio 1.
    """
    chunks = (runs.imported - runs.returned).where(~runs.design.isin(CHUNKLESS), runs.in_use)
    held = chunks + runs.fallback
    return (held / live_pages(runs).clip(lower=1)).rename("footprint_ratio")


def lost_pages(runs: pd.DataFrame) -> pd.Series:
    """Pages of chunks that joined the general pool: escaped pages that were not fallback."""
    return (runs.escaped - runs.escaped_fallback).rename("lost")


def books_residual(runs: pd.DataFrame) -> pd.Series:
    """Pages for which the books do not account; 0 in every row of a sound table.

    Pages imported into chunks, and fallback pages that a queue captured, are in use, idle,
    leaked, lost or returned to the buddy lists.  Leaked or escaped pages that came from fallback
    were never in a chunk.  A design without chunks has no such books: NaN.
    """
    taken = runs.imported + runs.captured
    known = runs.in_use + runs.idle + (runs.leaked - runs.leaked_fallback) + lost_pages(runs)
    return (
        (taken - known - runs.returned).where(~runs.design.isin(CHUNKLESS)).rename("books_residual")
    )


def region_states(regions: pd.DataFrame) -> pd.Series:
    """Index into ``REGION_STATES`` for every row of the map."""
    state = np.where(regions.free.to_numpy() == REGION_PAGES, 0, 1)
    for column, value in (("idle", 3), ("in_use", 2), ("fallback", 4), ("leaked", 5)):
        state = np.where(regions[column].to_numpy() > 0, value, state)
    return pd.Series(state.astype(np.uint8), regions.index, name="state")


def final_samples(samples: pd.DataFrame) -> pd.DataFrame:
    """The last sample of every run, indexed by the run."""
    return samples.sort_values("time_ns", kind="stable").groupby(KEY, observed=True).tail(1)
