"""The tables of claims, on a made-up study with known answers."""

import math
from pathlib import Path

import pandas as pd
import pytest

from tests.report.synthetic import DESIGNS, STORIES, write_sweep
from vmmodel.analysis import comparisons, summary, tables
from vmmodel.analysis.family import FAMILY, primary
from vmmodel.analysis.paired import compare
from vmmodel.analysis.tables import Case, Study

CASE = Case("second-resource")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Eight replications of two stories."""
    return tables.load(write_sweep(tmp_path_factory.mktemp("sweep"), 8, 10, STORIES[3:]))


@pytest.fixture(scope="module")
def claims(study: Study) -> pd.DataFrame:
    """The family's table."""
    return comparisons.family_table(study)


def row(table: pd.DataFrame, scenario: str, design: str, metric: str) -> pd.Series:
    """The one row of a comparison."""
    chosen = (table.scenario == scenario) & (table.design == design) & (table.metric == metric)
    [index] = table.index[chosen]
    return table.loc[index]


def test_the_family_is_declared() -> None:
    """One metric each for harm, safety and cost; growth is terminating, latency alone is not."""
    assert ["harm", "safety", "cost"] == [one.role for one in FAMILY]
    assert ["p99_ns"] == [one.metric for one in FAMILY if one.kind == "steady"]
    assert all(one.absolute > 0 for one in FAMILY)
    assert "pages" == primary("gone").unit
    with pytest.raises(KeyError):
        primary("fragmentation")


def test_every_comparison_is_a_row(claims: pd.DataFrame) -> None:
    """Two machines, six designs, three metrics, less the latency of the chunkless design."""
    assert 2 * ((len(DESIGNS) - 1) * 3 - 1) == len(claims)
    assert not ((claims.design == "ordinary") & (claims.metric == "p99_ns")).any()


def test_a_row_is_the_comparison_of_its_pairs(study: Study, claims: pd.DataFrame) -> None:
    """What the table says of the leaks of batch is what the pairs give."""
    runs = summary.per_run(study)
    runs = runs[runs.scenario == "second-resource"].set_index("replication")
    mine, theirs = (runs[runs.design == name].gone.sort_index() for name in ("batch", "freeable"))
    one = compare(mine, theirs)
    found = row(claims, "second-resource", "batch", "gone")

    assert (mine > 0).all()
    assert (one.n, one.mean, one.low, one.bca_high) == (
        found.n, found["mean"], found.low, found.bca_high,
    )  # fmt: skip
    assert found.different
    assert found.p_holm >= found.p


def test_panicked_runs_are_in_no_pair(claims: pd.DataFrame) -> None:
    """Four of five runs of bump:panic panic, so one or two pairs of eight are left."""
    assert 1 == row(claims, "syzkaller", "bump:panic", "gone").n


def test_equal_designs_are_not_different(claims: pd.DataFrame) -> None:
    """Separate places every page as freeable does."""
    found = row(claims, "syzkaller", "separate", "pinned_regions")

    assert (0.0, 1.0, False) == (found["mean"], found.p_holm, found.different)


def test_nothing_seen_has_a_bound(study: Study) -> None:
    """None in eight runs allows 1 - 0.025^(1/8), and panics are counted apart."""
    seen = comparisons.seen_table(study).set_index(["scenario", "design", "what"])

    none = seen.loc[("syzkaller", "freeable", "gone")]
    assert (0, 8) == (none.events, none.runs)
    assert pytest.approx(1 - 0.025 ** (1 / 8)) == none.high
    assert 7 == seen.loc[("syzkaller", "bump:panic", "panic")].events
    assert 8 == seen.loc[("second-resource", "batch", "gone")].events


def test_quantiles_are_read_in_each_replication(study: Study) -> None:
    """Median over replications of the p99 of each, with its exact interval; tails say enough."""
    table = comparisons.quantile_table(study, CASE).set_index(["design", "share"])
    p99 = summary.median_of(study, CASE, "batch", "p99_ns")
    found = table.loc[("batch", 0.99)]

    assert (p99.estimate, p99.low, p99.high, p99.coverage) == (
        found.estimate, found.low, found.high, found.coverage,
    )  # fmt: skip
    assert found.enough
    assert not table.loc[("batch", 0.999)].enough
    assert {"object-page"} == set(table.operation)


def test_one_replication_is_said_to_be_one(tmp_path: Path) -> None:
    """With a single pair there is a difference, and no interval, p or verdict."""
    lone = tables.load(write_sweep(tmp_path, 1, 4, STORIES[4:], ("freeable", "batch")))
    found = row(comparisons.family_table(lone), "second-resource", "batch", "gone")

    assert (1, False) == (found.n, found.different)
    assert found["mean"] > 0
    assert math.isnan(found.p_holm)


def test_without_the_baseline_there_is_nothing_to_compare(tmp_path: Path) -> None:
    """A sweep of one design gives rows without a pair, not an error."""
    lone = tables.load(write_sweep(tmp_path, 2, 4, STORIES[4:], ("batch",)))

    assert {0} == set(comparisons.family_table(lone).n)
