"""Metrics 9 to 11 and the map: regions by hand."""

import pandas as pd
import pytest

from vmmodel.analysis import metrics
from vmmodel.analysis.metrics import regions

SAMPLE = {
    "pinned_regions": 2,
    "free_regions": 10,
    "unmovable_regions": 5,
    "nofree_regions": 2,
    "kernel_regions": 4,
    "user_regions": 0,
    "mixed_nofree_regions": 1,
    "mixed_kernel_regions": 3,
    "mixed_user_regions": 0,
    "compaction_moves": 900,
    "compaction_moves_user": 1200,
    "compacted_regions_user": 13,
}


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


def test_shares_of_regions_have_their_denominators() -> None:
    """Of 20 regions 2 are pinned and 5 unmovable; of 4 kernel regions 3 are mixed."""
    rows, total = pd.DataFrame([SAMPLE]), pd.Series([20])

    assert 0.1 == regions.pinned_share(rows, total).item()
    assert 0.25 == regions.unmovable_share(rows, total).item()
    assert 4 == regions.mixed_regions(rows).item()
    assert [0.5, 0.75] == [regions.mixed_share(rows, c).item() for c in ("nofree", "kernel")]
    assert regions.mixed_share(rows, "user").isna().all()


def test_compaction_costs_moves_for_each_region_it_frees() -> None:
    """1200 moves free three more regions, 400 each; where none is freed nothing is claimed."""
    rows, total = pd.DataFrame([SAMPLE]), pd.Series([20])

    assert (900, 1200) == (
        regions.compaction_moves(rows).item(),
        regions.compaction_moves_user(rows).item(),
    )
    assert 400 == regions.moves_per_region(rows).item()
    assert 0.65 == regions.compacted_share(rows, total).item()
    assert regions.moves_per_region(rows.assign(free_regions=13)).isna().all()


@pytest.mark.parametrize("name", sorted(SAMPLE.keys() - {"pinned_regions", "free_regions"}))
def test_what_was_not_written_down_is_no_number(name: str) -> None:
    """In tables of an older version the columns say -1, and nothing is computed from that."""
    rows, total = pd.DataFrame([SAMPLE | {"user_regions": 3, name: -1}]), pd.Series([20])
    values = [
        regions.unmovable_share(rows, total),
        regions.mixed_regions(rows),
        *(regions.mixed_share(rows, c) for c in ("nofree", "kernel", "user")),
        regions.compaction_moves(rows),
        regions.moves_per_region(rows),
        regions.compacted_share(rows, total),
    ]

    assert any(value.isna().all() for value in values)
    assert not any((value < 0).any() for value in values)
