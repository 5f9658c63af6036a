"""Metrics 17 to 20: ratios by hand, each with its denominator."""

import pandas as pd
import pytest
from analysis.metrics.runs import run_rows

from vmmodel.analysis.metrics import machine

RUN = {
    "lock_holds": 200,
    "lock_contended": 50,
    "lock_wait_ns": 1000,
    "lock_hold_ns": 4000,
    "lock_pages": 1024,
    "requests": 100,
    "requested_pages": 400,
    "failed": 8,
    "page_failures": 2,
    "second_failures": 1,
    "init_failures": 1,
    "refused_class": 4,
    "refused_empty": 0,
    "refused_lists": 0,
    "refused_chunk": 0,
    "imports": 6,
    "failed_imports": 2,
    "refused_imports": 1,
    "superpage_failures": 3,
    "reservations": 9,
    "fallbacks": 20,
    "steals": 10,
    "steals_small": 5,
    "steals_unmovable": 4,
    "steals_mixing": 2,
    "list_insertions": 8,
    "list_passed": 24,
}

EXPECTED = {
    "contended_share": 0.25,
    "wait_of_contended": 20,
    "mean_hold": 20,
    "pages_per_hold": 5.12,
    "failed_share": 0.08,
    "failures": 8,
    "import_failures": 0.25,
    "imports_without_block": 0.5,
    "superpage_failures": 0.25,
    "fallback_share": 0.05,
    "mean_walk": 3,
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_ratio_by_hand(name: str) -> None:
    """Each number is a part of its own denominator."""
    assert EXPECTED[name] == getattr(machine, name)(run_rows(**RUN)).item()


def test_causes_are_shares_of_all_failures() -> None:
    """Half of the failures are for want of pages of the class; the shares add up to one."""
    shares = {cause: machine.cause_share(run_rows(**RUN), cause).item() for cause in machine.CAUSES}

    assert 0.5 == shares["refused_class"]
    assert 1.0 == sum(shares.values())


def test_steals_are_shares_of_all_steals() -> None:
    """Five of ten blocks were small, four went to unmovable pages, two were both."""
    kinds = ("steals_small", "steals_unmovable", "steals_mixing")

    assert [0.5, 0.4, 0.2] == [machine.steal_share(run_rows(**RUN), kind).item() for kind in kinds]


def test_nothing_happened_is_no_share() -> None:
    """Without failures, imports, steals or walks there is no denominator, hence no number."""
    nothing = run_rows(**dict.fromkeys(RUN, 0))
    values = [getattr(machine, name)(nothing) for name in EXPECTED if name != "failures"]

    assert all(value.isna().all() for value in values)


def test_older_tables_have_no_causes() -> None:
    """One cause that was not written down leaves all shares unknown."""
    rows: pd.DataFrame = run_rows(**RUN | {"refused_class": -1})

    assert machine.failures(rows).isna().all()
    assert machine.cause_share(rows, "page_failures").isna().all()
