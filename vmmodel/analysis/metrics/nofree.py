"""Metrics 8, 9, 12, 13: what NOFREE pages hold, pin and lose.  One value for each row of runs."""

import pandas as pd

from vmmodel.analysis.metrics.common import CHUNKLESS, REGION_PAGES, share, written


def live_pages(rows: pd.DataFrame) -> pd.Series:
    """NOFREE pages that a caller has, wherever they came from, ``N``."""
    return (rows.in_use + rows.fallback).rename("live_pages")


def ideal_regions(rows: pd.DataFrame) -> pd.Series:
    """The fewest 2 MB regions that could hold the live NOFREE pages: ``ceil(N/512)``."""
    return (-(-live_pages(rows) // REGION_PAGES)).rename("ideal_regions")


def chunk_pages(runs: pd.DataFrame) -> pd.Series:
    """Pages of chunks that did not return, ``C*P``; NaN for a design without chunks."""
    held = runs.imported - runs.returned
    return held.where(~runs.design.isin(CHUNKLESS)).rename("chunk_pages")


def chunk_ratio(runs: pd.DataFrame) -> pd.Series:
    """Metric 8: ``C*P / max(N, 1)``; 1 is best.  Denominator: N, fallback pages among them.

    Below 1 some live pages are outside of chunks: see `footprint_ratio`, which has them on both
    sides.  NaN for a design without chunks.  Source: the intent of D45863.
    """
    return (chunk_pages(runs) / live_pages(runs).clip(lower=1)).rename("chunk_ratio")


def excess_chunks(runs: pd.DataFrame) -> pd.Series:
    """Metric 8: ``C - ceil(N/P)``, chunks more than the live pages need; no denominator."""
    return (chunk_pages(runs) / REGION_PAGES - ideal_regions(runs)).rename("excess_chunks")


def footprint_ratio(runs: pd.DataFrame) -> pd.Series:
    """Pages held for NOFREE use over live NOFREE pages: ``(C*P + fallback) / max(N, 1)``.

    Metric 8 with fallback pages on both sides.  A design without chunks holds what is live and
    nothing else: ratio 1.
    """
    held = chunk_pages(runs).fillna(runs.in_use) + runs.fallback
    return (held / live_pages(runs).clip(lower=1)).rename("footprint_ratio")


def pinned_ratio(rows: pd.DataFrame) -> pd.Series:
    """Metric 9: ``R / ceil(N/P)``, R the 2 MB regions with a NOFREE page; 1 is best.

    Denominator: the fewest regions that could hold N.  NaN when no NOFREE page is live.
    """
    return share(rows.pinned_regions, ideal_regions(rows)).rename("pinned_ratio")


def live_share(runs: pd.DataFrame) -> pd.Series:
    """Metric 12: share of the chunks' pages that a caller has, ``in_use / (C*P)``.

    The N of chunks is *in_use*: fallback pages lie outside.  The complement is idle, and with it
    what was leaked or lost.  Denominator: pages of chunks.  NaN without chunks.
    """
    return share(runs.in_use, chunk_pages(runs)).rename("live_share")


def lost_pages(runs: pd.DataFrame) -> pd.Series:
    """Pages of chunks that joined the general pool: escaped pages that were not fallback."""
    return (runs.escaped - runs.escaped_fallback).rename("lost")


def not_reusable(runs: pd.DataFrame) -> pd.Series:
    """Metric 13a: pages freed to NOFREE that no NOFREE request can get, cumulative.

    ``leaked + escaped``; what is leaked never comes back, so *leaked* is the current count.
    """
    return (runs.leaked + runs.escaped).rename("not_reusable")


def books_residual(runs: pd.DataFrame) -> pd.Series:
    """Metric 13b: pages of chunks for which the books do not account, as a discarded tail.

    Pages imported into chunks, and fallback pages that a queue captured, are in use, idle,
    leaked, lost or returned to the buddy lists.  Leaked or escaped pages that came from fallback
    were never in a chunk.  0 in every row of a sound table, since no design here discards a tail.
    A design without chunks has no such books: NaN.
    """
    taken = runs.imported + runs.captured
    known = runs.in_use + runs.idle + (runs.leaked - runs.leaked_fallback) + lost_pages(runs)
    return (
        (taken - known - runs.returned).where(~runs.design.isin(CHUNKLESS)).rename("books_residual")
    )


def rollback_share(runs: pd.DataFrame) -> pd.Series:
    """Metric 13c: partial allocations rolled back.  Denominator: requests."""
    return share(runs.rollbacks, runs.requests).rename("rollback_share")


def most_chunks(runs: pd.DataFrame) -> pd.Series:
    """Metric 13d: high water ``max_t C``, in chunks; NaN for a design without chunks.

    With several domains it is the sum of each one's, an upper bound.
    """
    most = written(runs, "most_chunk_pages").where(~runs.design.isin(CHUNKLESS))
    return (most / REGION_PAGES).rename("most_chunks")
