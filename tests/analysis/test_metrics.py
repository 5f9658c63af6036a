"""Known lists of free blocks, known answers."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmmodel.analysis import metrics
from vmmodel.experiment.schema import ORDERS

BOOKS = {"in_use": 0, "idle": 0, "leaked": 0, "escaped": 0, "fallback": 0, "returned": 0}


def blocks(**counts: int) -> pd.DataFrame:
    """One sample with the given numbers of free blocks, ``n0`` to ``n12``."""
    return pd.DataFrame([{name: counts.get(name, 0) for name in ORDERS}])


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({}, 0),
        ({"n0": 1024}, 999),  # 1000 - (1024*1000/512)/1024 = 1000 - 2000/1024 -> 999
        ({"n9": 1}, 0),  # exactly one fitting block
        ({"n12": 10}, -7000),  # no clamp: eight superpages in each block
        ({"n0": 3, "n9": 1}, 749),  # 1000 - 1005/4, both divisions truncate
    ],
)
def test_the_fragmentation_index_is_freebsds(counts: dict[str, int], expected: int) -> None:
    """FreeBSD's index divides in integers, twice, and has neither clamp nor +1 term."""
    assert expected == metrics.fragmentation_index(blocks(**counts)).item()


def test_availability_is_the_share_of_large_blocks() -> None:
    """Half of the free pages in one order-9 block give one half."""
    rows = blocks(n9=1, n0=512)

    assert 0.5 == metrics.superpage_availability(rows).item()
    assert 0.5 == metrics.unusable_index(rows).item()


def test_without_free_pages_nothing_is_unusable() -> None:
    """No free page: the index is 0 as in Linux, and availability has no value."""
    assert 0.0 == metrics.unusable_index(blocks()).item()
    assert math.isnan(metrics.superpage_availability(blocks()).item())


@given(st.lists(st.integers(0, 10_000), min_size=13, max_size=13))
def test_indices_stay_in_bounds(counts: list[int]) -> None:
    """Unusable index lies in 0..1, grows with the order, and the largest order is free."""
    rows = blocks(**dict(zip(ORDERS, counts, strict=True)))
    unusable = [metrics.unusable_index(rows, order).item() for order in range(13)]
    largest = metrics.largest_free_order(rows).item()

    assert sorted(unusable) == unusable
    assert 0 <= unusable[0]
    assert unusable[-1] <= 1
    assert metrics.fragmentation_index(rows).item() < 1001
    assert (largest == -1 and not any(counts)) or counts[largest] > 0
    assert not any(counts[largest + 1 :])


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


def test_a_region_shows_its_worst_page() -> None:
    """One leaked page outranks 500 in use, and only 512 free pages are wholly free."""
    rows = pd.DataFrame(
        [
            {"free": 512, "in_use": 0, "idle": 0, "leaked": 0, "fallback": 0},
            {"free": 511, "in_use": 0, "idle": 0, "leaked": 0, "fallback": 0},
            {"free": 0, "in_use": 12, "idle": 500, "leaked": 0, "fallback": 0},
            {"free": 0, "in_use": 0, "idle": 512, "leaked": 0, "fallback": 0},
            {"free": 9, "in_use": 2, "idle": 0, "leaked": 0, "fallback": 1},
            {"free": 0, "in_use": 500, "idle": 0, "leaked": 1, "fallback": 1},
        ]
    )
    names = [metrics.REGION_STATES[state] for state in metrics.region_states(rows)]

    assert [
        "wholly free",
        "ordinary in use",
        "NOFREE in use",
        "NOFREE idle",
        "fallback",
        "leaked",
    ] == names
