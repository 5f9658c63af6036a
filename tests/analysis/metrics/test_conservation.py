"""Metric 21: pages add up, or somebody is told."""

import pandas as pd
import pytest
from analysis.metrics.runs import key_of, sample_rows

from vmmodel.analysis.metrics import conservation

SAMPLE = {"user_pages": 100, "kernel_pages": 50, "in_use": 20, "fallback": 3, "idle": 7}
SAMPLE |= {"leaked": 2, "n0": 10, "n4": 2, "reserved_free": 30}
PAGES = 100 + 50 + 20 + 3 + 7 + 2 + 10 + 32 + 30


def runs(pages: int = PAGES) -> pd.DataFrame:
    """Two runs on equal machines."""
    return pd.DataFrame([key_of(r) | {"pages": pages} for r in range(2)])


def samples(**changed: int) -> pd.DataFrame:
    """One sample of the first run, two of the second, of which the last is changed."""
    return pd.concat(
        [
            sample_rows(SAMPLE),
            sample_rows(SAMPLE, SAMPLE | changed, replication=1),
        ],
        ignore_index=True,
    )


def test_pages_add_up() -> None:
    """Allocated, free, stranded and reserved pages are all pages, in every sample."""
    assert [0, 0] == conservation.worst_residual(samples(), runs()).to_list()


@pytest.mark.parametrize("name", sorted(SAMPLE))
def test_a_page_too_many_is_seen_wherever_it_is(name: str) -> None:
    """One more of anything in one sample, and the run that it belongs to is named."""
    by = 16 if name == "n4" else 1

    found = conservation.worst_residual(samples(**{name: SAMPLE[name] + 1}), runs())

    assert {0: 0, 1: by} == found.droplevel([0, 1, 2, 3]).to_dict()


def test_escaped_pages_are_ordinary_again() -> None:
    """They are counted where they are now, not a second time as escaped."""
    found = conservation.worst_residual(samples(escaped=5), runs())

    assert [0, 0] == found.to_list()


def test_older_tables_do_not_tell() -> None:
    """Without the count of user pages nothing is claimed."""
    rows = samples().assign(user_pages=-1)

    assert conservation.worst_residual(rows, runs()).isna().all()
