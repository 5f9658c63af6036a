"""Metrics 8, 9, 12 and 13: books by hand."""

import math

import pandas as pd

from vmmodel.analysis import metrics
from vmmodel.analysis.metrics import nofree

BOOKS = {"in_use": 0, "idle": 0, "leaked": 0, "escaped": 0, "fallback": 0, "returned": 0}


def test_the_ideal_is_the_fewest_regions() -> None:
    """513 live pages need two regions; four pinned ones are twice the ideal."""
    rows = pd.DataFrame([{**BOOKS, "in_use": 500, "fallback": 13, "pinned_regions": 4}])

    assert 2 == metrics.ideal_regions(rows).item()
    assert 2.0 == metrics.pinned_ratio(rows).item()


def test_without_live_pages_no_ratio_is_claimed() -> None:
    """No live NOFREE page: the ratio to the ideal is not a number."""
    rows = pd.DataFrame([{**BOOKS, "pinned_regions": 3}])

    assert math.isnan(metrics.pinned_ratio(rows).item())


def test_footprint_counts_what_is_held() -> None:
    """Two chunks for 512 pages are twice what is needed; without chunks the ratio is one."""
    rows = pd.DataFrame(
        [
            {**BOOKS, "design": "batch", "imported": 1024, "in_use": 512},
            {**BOOKS, "design": "ordinary", "imported": 9, "in_use": 7},
        ]
    )

    assert [2.0, 1.0] == metrics.footprint_ratio(rows).to_list()


BALANCED = {**BOOKS, "design": "freeable", "fallbacks": 0, "captured": 0, "leaked_fallback": 0}
BALANCED["escaped_fallback"] = 0


def test_books_count_captured_and_leave_out_leaked_fallback() -> None:
    """A captured fallback page joins the queue; a leaked fallback page never was in a chunk."""
    books = {"in_use": 506, "idle": 6, "leaked": 5, "captured": 3, "fallbacks": 5}
    rows = pd.DataFrame([{**BALANCED, **books, "imported": 512, "leaked_fallback": 2}])

    assert 0 == metrics.books_residual(rows).item()


def test_an_escaped_fallback_page_is_not_lost() -> None:
    """Of three escaped pages two had come from the general pool: one is lost."""
    books = {"in_use": 500, "idle": 11, "escaped": 3, "escaped_fallback": 2}
    rows = pd.DataFrame([{**BALANCED, **books, "imported": 512}])

    assert 1 == metrics.lost_pages(rows).item()
    assert 0 == metrics.books_residual(rows).item()


def test_returned_chunks_are_held_no_more() -> None:
    """Of two chunks one went back: the books balance, and one chunk is held for 512 pages."""
    books = {"in_use": 512, "imported": 1024, "returned": 512}
    rows = pd.DataFrame([{**BALANCED, **books}])

    assert 0 == metrics.books_residual(rows).item()
    assert 1.0 == metrics.footprint_ratio(rows).item()


def test_without_chunks_there_are_no_chunk_books() -> None:
    """An import of the ordinary design is one page, so nothing is claimed about chunks."""
    rows = pd.DataFrame([{**BALANCED, "design": "ordinary", "imported": 7, "in_use": 7}])

    assert metrics.books_residual(rows).isna().all()


def test_a_chunk_too_many_is_in_excess() -> None:
    """1024 pages of chunks hold 300, and 10 more are fallback: one chunk would do."""
    books = {"imported": 1536, "returned": 512, "in_use": 300, "fallback": 10}
    rows = pd.DataFrame([{**BALANCED, **books}])

    assert 1024 / 310 == nofree.chunk_ratio(rows).item()
    assert 1 == nofree.excess_chunks(rows).item()
    assert 300 / 1024 == nofree.live_share(rows).item()
    assert 1034 / 310 == nofree.footprint_ratio(rows).item()


def test_without_chunks_there_is_no_ratio_of_chunks() -> None:
    """The ordinary design has neither chunks nor an excess, a live share or a high water."""
    books = {"imported": 9, "in_use": 7, "most_chunk_pages": 9}
    rows = pd.DataFrame([{**BALANCED, "design": "ordinary", **books}])

    for metric in (nofree.chunk_ratio, nofree.excess_chunks, nofree.live_share, nofree.most_chunks):
        assert metric(rows).isna().all()


def test_what_is_not_reusable_is_leaked_or_escaped() -> None:
    """Three leaked, four escaped, and of a hundred requests five were rolled back."""
    more = {"leaked": 3, "escaped": 4, "rollbacks": 5, "requests": 100, "most_chunk_pages": 1536}
    rows = pd.DataFrame([{**BALANCED, **more}])

    assert 7 == nofree.not_reusable(rows).item()
    assert 0.05 == nofree.rollback_share(rows).item()
    assert 3 == nofree.most_chunks(rows).item()


def test_a_tail_that_nobody_knows_is_a_residual() -> None:
    """Of a chunk 12 pages are neither in use nor idle nor gone: they are stranded."""
    rows = pd.DataFrame([{**BALANCED, "imported": 512, "in_use": 500}])

    assert 12 == nofree.books_residual(rows).item()
