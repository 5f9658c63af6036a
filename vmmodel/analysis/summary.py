"""From tables to the few numbers the report argues with, one row per design and metric.

Runs that ended in a panic are left out of every end-state and counted on their own: what stands
in their books is the moment of the panic, not the end of the story.
"""

from dataclasses import dataclass
from functools import lru_cache

import pandas as pd

from vmmodel.analysis import histograms, metrics
from vmmodel.analysis.statistics import (
    Interval,
    median_interval,
    paired_differences,
    share_interval,
)
from vmmodel.analysis.tables import BASELINE, Case, Study


@dataclass(frozen=True)
class Metric:
    """A quantity of a run, as the summary tables print it."""

    name: str
    """Column of ``per_run``."""
    title: str
    """Heading in a table."""
    unit: str
    """Unit, as printed."""
    better: int
    """-1 when less is better, +1 when more is, 0 when neither."""
    digits: int = 0
    """Decimals to print."""


METRICS = (
    Metric("leaked", "Leaked", "pages", -1),
    Metric("lost", "Lost to the general pool", "chunk pages", -1),
    Metric("pinned_regions", "Pinned", "2 MB regions", -1),
    Metric("availability", "Superpage availability", "% of free", +1, 1),
    Metric("p99_ns", "p99 latency", "ns", -1),
)
"""What the table of designs shows; panics are counted beside them."""


OPERATIONS = {
    "nofree-page": "one NOFREE page",
    "object-page": "one NOFREE page with its object",
    "slab": "one slab, zeroing included",
}
"""Operations that stand for the cost of NOFREE memory; a case is judged by the first it has."""


NOT_COMPARED = (
    "`ordinary` is not compared in latency: before the NOFREE allocator these pages came from the"
    " per-CPU page cache, which takes no lock on a hit and is not modelled."
)


def comparable(design: str, metric: str) -> bool:
    """Whether a difference of *design* in *metric* means anything; see ``NOT_COMPARED``."""
    return not (metric == "p99_ns" and design in metrics.CHUNKLESS)


@lru_cache(maxsize=64)
def page_operation(study: Study, case: Case) -> str:
    """The operation by which the cost of NOFREE memory is judged in *case*; empty if none."""
    seen = set(study.select(study.latencies, case).operation.unique())
    return next((operation for operation in OPERATIONS if operation in seen), "")


@lru_cache(maxsize=4)
def per_run(study: Study) -> pd.DataFrame:
    """The runs table with every metric of the report as a column."""
    runs = study.runs
    final = metrics.final_samples(study.samples)
    final = final.assign(
        availability=100 * metrics.superpage_availability(final),
        fragmentation=metrics.fragmentation_index(final),
        largest_order=metrics.largest_free_order(final),
    )
    columns = [
        *metrics.KEY,
        "availability",
        "fragmentation",
        "largest_order",
        "free_regions",
    ]
    runs = runs.merge(final[columns], on=metrics.KEY, how="left", validate="1:1")
    timed = [
        study.select(histograms.per_run(study.latencies, operation, "total", 0.99), case)
        for case in study.cases
        if (operation := page_operation(study, case))
    ]
    p99 = pd.concat(timed) if timed else histograms.per_run(study.latencies, "", "", 0.99)
    p99 = p99.rename(columns={"value": "p99_ns"})
    runs = runs.merge(p99, on=metrics.KEY, how="left", validate="1:1")
    lost = metrics.lost_pages(runs)
    return runs.assign(
        live=metrics.live_pages(runs),
        ideal_regions=metrics.ideal_regions(runs),
        pinned_ratio=metrics.pinned_ratio(runs),
        footprint_ratio=metrics.footprint_ratio(runs),
        residual=metrics.books_residual(runs),
        lost=lost,
        gone=runs.leaked + lost,
    )


@lru_cache(maxsize=64)
def completed(study: Study, case: Case) -> pd.DataFrame:
    """Rows of ``per_run`` of one *case* whose run came to its end."""
    rows = study.select(per_run(study), case)
    return rows[rows.outcome == "completed"]


def median_of(study: Study, case: Case, design: str, metric: str) -> Interval:
    """Median over completed replications, with its exact interval."""
    rows = completed(study, case)
    return median_interval(rows[rows.design == design][metric])


def difference_of(study: Study, case: Case, design: str, metric: str) -> Interval:
    """Median of paired differences to the landed design, with its exact interval.

    Empty (``n`` is 0) without a completed pair, and where the model cannot compare.
    """
    if not comparable(design, metric):
        return median_interval([])
    return median_interval(paired_differences(completed(study, case), metric, design))


def equal_in_every_pair(study: Study, case: Case, design: str, metric: str) -> bool:
    """Whether *design* and the landed one agree in *metric* in every completed pair."""
    if not comparable(design, metric):
        return False
    apart = paired_differences(completed(study, case), metric, design)
    return bool(len(apart)) and bool((apart == 0).all())


def runs_with(study: Study, case: Case, design: str, metric: str) -> tuple[int, int]:
    """In how many runs *metric* is above 0, and of how many; runs that panicked count too.

    A median of 0 does not say that nothing was lost: this does.
    """
    rows = study.select(per_run(study), case)
    values = rows[rows.design == design][metric]
    return int((values > 0).sum()), len(values)


def panics(study: Study, case: Case, design: str) -> Interval:
    """Share of runs that panicked; ``n`` is the number of runs."""
    rows = study.select(study.runs, case)
    rows = rows[rows.design == design]
    return share_interval(int((rows.outcome == "panic").sum()), len(rows))


def panic_time_ns(study: Study, case: Case, design: str) -> Interval:
    """Median simulated time of the panic among the runs that panicked."""
    rows = study.select(study.runs, case)
    return median_interval(rows[(rows.design == design) & (rows.outcome == "panic")].end_ns)


LOCK_TIMES = ("lock_holds", "lock_contended", "lock_wait_ns", "lock_hold_ns")
"""Columns that differ between designs that place every page alike."""


def same_pages(study: Study, one: str, other: str) -> pd.Series:
    """Whether two designs agree in every book, region and free list, to the page, by pair of runs.

    True or False for each replication of each machine that both designs were run on.
    """
    apart = ["design", "end_ns", *LOCK_TIMES]
    keys = [key for key in metrics.KEY if key != "design"]
    mine, theirs = (
        study.runs[study.runs.design == name].set_index(keys).drop(columns=apart).sort_index()
        for name in (one, other)
    )
    both = mine.index.intersection(theirs.index)
    return (mine.loc[both] == theirs.loc[both]).all(axis=1)


def table(study: Study) -> pd.DataFrame:
    """The summary as long rows: case, design, metric, median and paired difference."""
    rows = []
    for case in study.cases:
        for design in study.designs:
            share = panics(study, case, design)
            if not share.n:
                continue
            for metric in METRICS:
                value = median_of(study, case, design, metric.name)
                apart = difference_of(study, case, design, metric.name)
                rows.append(
                    {
                        "scenario": case.scenario,
                        "variant": case.variant,
                        "design": design,
                        "metric": metric.name,
                        "unit": metric.unit,
                        "runs": share.n,
                        "panicked": round(share.estimate * share.n),
                        "completed": value.n,
                        "median": value.estimate,
                        "low": value.low,
                        "high": value.high,
                        "coverage": value.coverage,
                        "baseline": BASELINE,
                        "difference": apart.estimate,
                        "difference_low": apart.low,
                        "difference_high": apart.high,
                        "difference_coverage": apart.coverage,
                    }
                )
    return pd.DataFrame(rows)
