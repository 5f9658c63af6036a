"""The list of metrics is complete, and every one of them has a number where there is one."""

import math
from pathlib import Path

import pytest
from experiment.small import small_sweep

from tests.report.synthetic import STORIES, write_sweep
from vmmodel.analysis import tables
from vmmodel.analysis.metrics.registry import METRICS, Metric
from vmmodel.analysis.metrictable import Row, metric_rows, run_tables
from vmmodel.experiment.meta import describe_sweep
from vmmodel.experiment.sweep import run_sweep

NOT_HERE = {"11c", "14a", "14b", "18i", "18k", "18l", "19b", "19c", "19d", "20b"}
"""Of a run of a second on a small machine: nothing to gain or to count, or too short to tell."""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tables.Study:
    """A real sweep."""
    folder = tmp_path_factory.mktemp("made") / "out"
    run_sweep(small_sweep(3), folder, describe_sweep(small_sweep(3), "./study"), workers=1)
    return tables.load(folder)


@pytest.fixture(scope="module")
def rows(study: tables.Study) -> list[Row]:
    """All metrics of it."""
    return metric_rows(study, tuple(study.designs))


def of(rows: list[Row], number: str, design: str = "freeable") -> Row:
    """The one row of a metric and design."""
    (row,) = [row for row in rows if (row.number, row.design) == (number, design)]
    return row


def test_all_twenty_one_are_there() -> None:
    """Numbers run from 1 to 21 without a gap, and no two metrics share a label."""
    assert list(range(1, 22)) == sorted({metric.number for metric in METRICS})
    assert [metric.number for metric in METRICS] == sorted(metric.number for metric in METRICS)
    assert len(METRICS) == len({metric.label for metric in METRICS})


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.label)
def test_a_metric_says_what_it_is(metric: Metric) -> None:
    """Formula, unit, denominator and how to read it stand beside every metric."""
    assert all([metric.name, metric.formula, metric.unit, metric.denominator, metric.read_as])


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.label)
def test_a_metric_has_one_value_for_each_run(metric: Metric, study: tables.Study) -> None:
    """Values are indexed by the run, each once; those that panicked are not among them."""
    found = run_tables(study, study.cases[0], "object-page")
    values = metric.of(found)

    assert sorted(found.runs.index) == sorted(values.index)
    assert set(found.runs.outcome) == {"completed"}


def test_numbers_are_there(rows: list[Row]) -> None:
    """All but those that a short run on a small machine cannot have are numbers."""
    missing = {row.number for row in rows if row.design == "freeable" and math.isnan(row.value)}

    assert missing - {"18b", "18d", "18e", "18f", "18g", "18h"} <= NOT_HERE


def test_numbers_agree_with_the_tables(rows: list[Row], study: tables.Study) -> None:
    """Medians of three runs are those of the columns; nothing is lost and every page is known."""
    runs = study.runs[study.runs.design == "freeable"]

    assert runs.lock_holds.median() == of(rows, "17a").value
    assert (runs.failed / runs.requests).median() == of(rows, "18a").value
    assert 1.0 == of(rows, "18c").value  # every failure is the injected one
    assert 0 == of(rows, "13a").value == of(rows, "13b").value
    assert (0, 0, 0) == (of(rows, "21").value, of(rows, "21").low, of(rows, "21").high)
    assert of(rows, "5a").value == pytest.approx(1 - of(rows, "1").value)


def test_panicked_runs_are_counted_not_summed_up(rows: list[Row], study: tables.Study) -> None:
    """Of the three runs of the panicking design only the completed ones have values."""
    runs = study.runs[study.runs.design == "bump:panic"]
    row = of(rows, "9a", "bump:panic")

    assert (3, (runs.outcome == "completed").sum()) == (row.runs, row.n)
    assert row.n < 3


def test_cost_by_length_stands_with_its_number(rows: list[Row]) -> None:
    """The bins of metric 20 come before metric 21, each as latency and as work alone."""
    numbers = [row.number for row in rows]
    names = {row.metric for row in rows if row.number == "20d"}

    assert numbers.index("20d") < numbers.index("21")
    assert {name.partition(" at ")[0] for name in names} == {"latency", "work alone"}


def test_latency_names_its_operation(rows: list[Row]) -> None:
    """The operation that is timed stands in the denominator, and in what counts it."""
    assert "object-page operations" == of(rows, "15a").denominator
    assert "object-page operations" == of(rows, "15g").metric
    assert "slab and object-page requests answered" == of_cost(rows).denominator


def of_cost(rows: list[Row]) -> Row:
    """The first row of what a request costs by length."""
    return next(row for row in rows if row.number == "20d")


def test_older_tables_have_fewer_numbers(tmp_path: Path) -> None:
    """What was not written down is no number; what could always be computed still is."""
    study = tables.load(write_sweep(tmp_path / "sweep", 6, 12, STORIES[2:3]))
    rows = metric_rows(study, ("freeable", "batch"))

    missing = {row.number for row in rows if math.isnan(row.value)}
    assert {"7", "9d", "10a", "11a", "13d", "17e", "18e", "19a", "20a", "21"} <= missing
    assert not {"1", "2", "3", "6", "8a", "9a", "12", "13a", "15d", "16b"} & missing
    assert not [row for row in rows if row.n and row.value < 0 and row.number not in ("2", "3")]
