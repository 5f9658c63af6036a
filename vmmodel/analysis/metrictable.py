"""All metrics of a study as long rows, each with its exact interval and its denominator."""

import csv
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import pandas as pd

from vmmodel.analysis import summary
from vmmodel.analysis.metrics.latency import LENGTHS, cost_by_length
from vmmodel.analysis.metrics.registry import METRICS, Metric, RunTables
from vmmodel.analysis.statistics import Interval, median_interval, share_interval
from vmmodel.analysis.tables import Case, Study
from vmmodel.errors import InputError


@dataclass(frozen=True)
class Row:
    """One metric of one design on one machine."""

    scenario: str
    variant: str
    setting: str
    number: str
    metric: str
    design: str
    value: float
    """Median over runs, or share of runs; NaN where no run has a value."""
    low: float
    high: float
    coverage: float
    """How often such an interval holds the truth, 0..1."""
    n: int
    """Runs with a value."""
    runs: int
    """All runs, those that panicked too."""
    unit: str
    denominator: str
    formula: str
    read_as: str
    summary: str
    """median or share."""


ANSWERED = "slab and object-page requests answered"
"""No request is part of another; see `vmmodel.sim.recorder.REQUESTS`."""

Values = tuple[Metric, pd.Series]
"""A metric and its value in every run, indexed by the run."""


def metric_rows(study: Study, designs: tuple[str, ...]) -> list[Row]:
    """One row for each case, metric and design that was run there.

    Runs that panicked are counted, not summed up.
    """
    return [row for case in study.cases for row in _case(study, case, designs)]


def _case(study: Study, case: Case, designs: tuple[str, ...]) -> Iterator[Row]:
    counts = study.select(study.runs, case).design.value_counts()
    present = [design for design in designs if design in counts.index]
    for metric, values in _values(study, case):
        of_design = values.index.get_level_values("design")
        for design in present:
            found = summed_up(metric, values[of_design == design])
            yield _row(case, metric, design, found, int(counts[design]))


def _values(study: Study, case: Case) -> list[Values]:
    """All metrics, in the order of their numbers; those of an operation for each that there is."""
    first, *others = _operations(study, case) or [""]
    tables = run_tables(study, case, first)
    values = [(_of_operation(metric, first), metric.of(tables)) for metric in METRICS]
    for operation in others:
        of_other = run_tables(study, case, operation)
        values += [
            (_named_apart(named, operation), metric.of(of_other))
            for metric in METRICS
            if (named := _of_operation(metric, operation)) != metric
        ]
    return sorted([*values, *_costs(tables)], key=lambda pair: pair[0].number)


def _named_apart(metric: Metric, operation: str) -> Metric:
    """Name the operation in the name too, so that no two rows are called alike."""
    if operation in metric.name:
        return metric
    return replace(metric, name=f"{metric.name} ({operation})")


def _operations(study: Study, case: Case) -> list[str]:
    """The operations that were timed, first the one by which the case is judged."""
    seen = set(study.select(study.latencies, case).operation.unique())
    return [operation for operation in summary.OPERATIONS if operation in seen]


def _of_operation(metric: Metric, operation: str) -> Metric:
    """Name the operation in what a metric of operations counts; give others as they are."""
    if not operation or "operations" not in (metric.name, *metric.denominator.split()):
        return metric
    words = f"{operation} operations"
    name = words if metric.name == "operations" else metric.name
    return replace(metric, name=name, denominator=metric.denominator.replace("operations", words))


def _costs(tables: RunTables) -> Iterator[Values]:
    """The cost of a request in every bin of list lengths that some run was in: metric 20."""
    costs = cost_by_length(tables.samples)
    for low, rows in costs.groupby("low", sort=True):
        by_run = rows.set_index(list(tables.runs.index.names))
        for column, name in (("total_ns", "latency"), ("work_ns", "work alone")):
            values = by_run[column]
            yield _cost_metric(f"{name} at {_bin(int(str(low)))} idle runs", values), values


def _cost_metric(name: str, values: pd.Series) -> Metric:
    flat = "the same at every length: the list costs nothing"
    formula, per = "sum / answered", ANSWERED
    return Metric(20, "d", name, formula, "ns", per, flat, lambda _tables: values)


def run_tables(study: Study, case: Case, operation: str) -> RunTables:
    """The completed runs of a case, with latencies of *operation*."""
    runs = study.select(study.runs, case)
    latencies = study.select(study.latencies, case)
    latencies = latencies[latencies.operation == operation]
    completed = runs[runs.outcome == "completed"]
    return RunTables.of(completed, study.select(study.samples, case), latencies)


def summed_up(metric: Metric, values: pd.Series) -> Interval:
    """Sum up one design's runs; those without a value are left out."""
    known = values.dropna()
    if metric.kind == "share":
        return share_interval(int(known.sum()), len(known))
    return median_interval(known)


def _row(case: Case, metric: Metric, design: str, found: Interval, runs: int) -> Row:
    return Row(
        **asdict(case),
        number=metric.label,
        metric=metric.name,
        design=design,
        value=found.estimate,
        low=found.low,
        high=found.high,
        coverage=found.coverage,
        n=found.n,
        runs=runs,
        unit=metric.unit,
        denominator=metric.denominator,
        formula=metric.formula,
        read_as=metric.read_as,
        summary=metric.kind,
    )


def _bin(low: int) -> str:
    """Name a bin of list lengths.

    >>> _bin(1), _bin(4), _bin(1024)
    ('1', '4 to 7', '1024 or more')
    """
    later = [other for other in LENGTHS if other > low]
    if not later:
        return f"{low} or more"
    return str(low) if later[0] == low + 1 else f"{low} to {later[0] - 1}"


def write_csv(rows: list[Row], path: Path) -> None:
    """Write rows under a temporary name, then rename: nothing is ever half written."""
    draft = path.with_name(f".{path.name}.draft")
    try:
        with draft.open("w", newline="", encoding="utf-8") as file:
            names = [field.name for field in fields(Row)]
            writer = csv.DictWriter(file, names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(asdict(row) for row in rows)
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):  # the first failure is the one to tell
            draft.unlink()
        raise InputError(path, f"cannot be written ({error.strerror})", "a file") from None
