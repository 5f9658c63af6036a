"""The tables of a study's claims: paired differences, what was never seen, quantiles.

Effect sizes come first and in natural units; p values are adjusted by Holm over the whole
family of the study: every machine, design and primary metric.
"""

from collections.abc import Iterator
from dataclasses import asdict
from functools import lru_cache

import pandas as pd

from vmmodel.analysis import histograms, metrics, summary
from vmmodel.analysis.family import CONFIDENCE, FAMILY, Primary
from vmmodel.analysis.paired import RESAMPLES, Paired, compare, holm
from vmmodel.analysis.statistics import median_interval, share_interval
from vmmodel.analysis.tables import BASELINE, Case, Study

Row = dict[str, object]


def pair_values(study: Study, case: Case, design: str, metric: str) -> tuple[pd.Series, pd.Series]:
    """Values of *design* and of the baseline by replication; NaN where a run did not complete."""
    rows = summary.completed(study, case)
    if not summary.comparable(design, metric):
        rows = rows.iloc[:0]
    table = rows.pivot_table(index="replication", columns="design", values=metric, sort=True)
    table = table.reindex(columns=[design, BASELINE])
    return table[design], table[BASELINE]


def comparisons(study: Study) -> Iterator[tuple[Case, str, Primary]]:
    """Everything that the family tests: each design but the baseline, on each machine."""
    for case in study.cases:
        for design in study.designs:
            for primary in FAMILY:
                if design != BASELINE and summary.comparable(design, primary.metric):
                    yield case, design, primary


@lru_cache(maxsize=4)
def family_table(study: Study, resamples: int = RESAMPLES) -> pd.DataFrame:
    """One row for each comparison: difference, intervals, ratio, correlation, Holm's p.

    Without *resamples* the bootstrap's intervals are left out, which take nearly all of the time.
    """
    rows: list[Row] = []
    for case, design, primary in comparisons(study):
        values = pair_values(study, case, design, primary.metric)
        one = compare(*values, resamples=resamples)
        rows.append({**_named(case, design, primary), **_described(one)})
    table = pd.DataFrame(rows, columns=[*_KEYS, *_COLUMNS])
    table["p_holm"] = holm(table["p"].astype(float))
    table["different"] = table["p_holm"] < 1 - CONFIDENCE
    return table


@lru_cache(maxsize=4)
def different(study: Study) -> frozenset[tuple[Case, str, str]]:
    """Give (case, design, primary metric) of every comparison that differs by Holm's p."""
    table = family_table(study, resamples=0)
    found = zip(comparisons(study), table.different, strict=True)
    return frozenset((case, design, one.metric) for (case, design, one), so in found if so)


_KEYS = ["scenario", "variant", "design", "baseline", "metric", "unit", "kind"]
_COLUMNS = [*Paired.__dataclass_fields__]


def _named(case: Case, design: str, primary: Primary) -> Row:
    return {
        "scenario": case.scenario,
        "variant": case.variant,
        "design": design,
        "baseline": BASELINE,
        "metric": primary.metric,
        "unit": primary.unit,
        "kind": primary.kind,
    }


def _described(one: Paired) -> Row:
    return {**asdict(one), "notes": "; ".join(one.notes)}


def seen_table(study: Study) -> pd.DataFrame:
    """In how many runs a page was leaked or lost, or the kernel panicked, with exact bounds.

    Where nothing was seen the upper end says how often it may still happen: "none in 10 runs"
    allows up to 31 %.
    """
    rows: list[Row] = []
    for case in study.cases:
        for design in study.designs:
            gone, n = summary.runs_with(study, case, design, "gone")
            panicked = summary.panics(study, case, design)
            for what, events in (("gone", gone), ("panic", round(panicked.estimate * n))):
                one = share_interval(events, n, CONFIDENCE)
                named = {"scenario": case.scenario, "variant": case.variant, "design": design}
                found = {"what": what, "events": events, "runs": n}
                rows.append({**named, **found, "low": one.low, "high": one.high})
    return pd.DataFrame(rows)


def quantile_table(study: Study, case: Case, part: str = "total") -> pd.DataFrame:
    """Latency quantiles of a replication: their median over replications, exact interval.

    A quantile is read in each replication by itself; no p99 is averaged.  *enough* says whether
    every replication has about ten operations beyond it.
    """
    operation = summary.page_operation(study, case)
    latencies = study.select(study.latencies, case)
    chosen = latencies[(latencies.operation == operation) & (latencies.part == part)]
    counts = chosen.groupby(metrics.KEY, observed=True)["count"].sum().groupby("design").min()
    rows: list[Row] = []
    for share in histograms.PERCENTILES:
        values = histograms.per_run(latencies, operation, part, share)
        for design in study.designs:
            one = median_interval(values[values.design == design].value)
            if one.n:
                named = {"design": design, "operation": operation, "part": part, "share": share}
                known = histograms.enough(int(counts[design]), share)
                rows.append({**named, **asdict(one), "enough": known})
    return pd.DataFrame(rows)
