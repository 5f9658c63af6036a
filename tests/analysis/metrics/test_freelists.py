"""Metrics 1 to 7: known lists of free blocks, known answers."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmmodel.analysis import metrics
from vmmodel.analysis.metrics import freelists
from vmmodel.experiment.schema import ORDERS

COUNTS = st.lists(st.integers(0, 10_000), min_size=13, max_size=13)


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


@given(COUNTS)
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


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({}, 0),
        ({"n0": 1024}, 998),  # 1000 - (1000 + 2000)/1024
        ({"n8": 1}, -500),  # 1000 - (1000 + 500)/1: memory itself is short
        ({"n0": 1024, "n9": 1}, -1000),  # a block fits, however many small ones there are
    ],
)
def test_linux_clamps_where_a_block_fits(counts: dict[str, int], expected: int) -> None:
    """Linux's index has a +1 term, and says -1000 as soon as the request can be served."""
    assert expected == freelists.linux_fragmentation_index(blocks(**counts)).item()


@given(COUNTS)
def test_the_two_indices_differ_where_a_block_fits(counts: list[int]) -> None:
    """Without a fitting block they are at most the +1 term apart; with one only Linux clamps."""
    rows = blocks(**dict(zip(ORDERS, counts, strict=True)))
    linux = freelists.linux_fragmentation_index(rows).item()
    freebsd = freelists.fragmentation_index(rows).item()

    if any(counts[9:]):
        assert -1000 == linux
        assert freebsd < 1000
    else:
        assert 0 <= freebsd - linux <= 1 + 1000 // max(sum(counts), 1)


@given(COUNTS)
def test_availability_and_unusable_index_are_one_number(counts: list[int]) -> None:
    """Metric 5 is one minus metric 1 of order 9, and its pages are whole superpages."""
    rows = blocks(**dict(zip(ORDERS, counts, strict=True)))
    free = freelists.free_pages(rows).item()
    availability = freelists.superpage_availability(rows).item()

    if free:
        assert availability == 1 - freelists.unusable_index(rows).item()
        assert round(availability * free) == 512 * freelists.free_superpages(rows).item()
    else:
        assert math.isnan(availability)


def test_the_largest_order_has_a_count() -> None:
    """Seven free blocks of order 3 and none above."""
    rows = blocks(n0=5, n3=7)

    assert (3, 7) == (
        freelists.largest_free_order(rows).item(),
        freelists.largest_free_count(rows).item(),
    )
    assert (-1, 0) == (
        freelists.largest_free_order(blocks()).item(),
        freelists.largest_free_count(blocks()).item(),
    )


def run_of(*rows: pd.DataFrame) -> pd.DataFrame:
    """Samples of one run."""
    named = dict.fromkeys(metrics.KEY[:-1], "x") | {"replication": 0}
    return pd.concat(rows, ignore_index=True).assign(**named)


def test_llfrees_score_is_a_mean_of_percentages() -> None:
    """All of three frames free, then one of two; a sample without any frame says nothing."""
    samples = run_of(blocks(n9=3), blocks(n9=1, n8=2, n0=100), blocks(n0=511))

    assert [75.0] == freelists.llfree_score(samples).to_list()


def test_extent_fragmentation_knows_no_orders() -> None:
    """Two blocks of order 8 that are neighbours, but no buddies, are one extent of 512."""
    rows = blocks(n8=3).assign(largest_extent=512)

    assert pytest.approx(1 - 512 / 768) == freelists.extent_fragmentation(rows).item()
    assert freelists.extent_fragmentation(rows.assign(largest_extent=-1)).isna().all()
