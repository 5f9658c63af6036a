"""Differences between designs in the table of a question: in pairs, with intervals."""

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from vmmodel.analysis.family import CONFIDENCE
from vmmodel.analysis.paired import Paired, compare
from vmmodel.analysis.statistics import Interval, median_interval, share_interval
from vmmodel.report import style


def difference(
    table: pd.DataFrame, column: str, design: str, baseline: str, resamples: int = 0
) -> Paired:
    """Compare two designs in *column*, replication by replication.

    *table* holds one case: a row for each design and replication.  Runs that gave no value (NaN)
    leave their pair out.
    """
    wide = table.pivot(index="replication", columns="design", values=column)
    wide = wide.reindex(columns=[design, baseline])
    return compare(wide[design], wide[baseline], resamples=resamples)


def as_interval(one: Paired) -> Interval:
    """Give the mean difference with its t interval."""
    return Interval(one.mean, one.low, one.high, CONFIDENCE, one.n)


def medians(table: pd.DataFrame, by: list[str], columns: list[str]) -> pd.DataFrame:
    """Give the median of each of *columns* with its exact interval, a row for each group."""
    rows = []
    for names, group in table.groupby(by, sort=False):
        row = dict(zip(by, names, strict=True))
        for column in columns:
            one = median_interval(group[column])
            row |= {column: one.estimate, f"{column} low": one.low, f"{column} high": one.high}
        rows.append(row | {"runs": len(group)})
    return pd.DataFrame(rows)


def mean_text(values: Iterable[float], digits: int = 0) -> str:
    """Word the mean of runs with its t interval; of one run there is none.

    >>> mean_text([1, 2, 3]), mean_text([4])
    ('2 [−0.5, 4.5]', '4 (no interval)')
    """
    known = list(values)
    one = as_interval(compare(known, [0] * len(known), resamples=0))
    ends = "(no interval)" if one.n < 2 else style.span(one, digits)
    return f"{style.number(one.estimate, digits)} {ends}"


def per_run(runs: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Give the keys of a row in a question's table, and *columns* of the runs."""
    keys = ["scenario", "setting", "design", "replication"]
    return runs[[*keys, *columns]].reset_index(drop=True)


def exact_if_equal(one: Paired) -> Interval:
    """Give the mean difference of shares; where all are equal, with the interval of a sure event.

    No spread can be estimated from equal differences.  What n pairs of n show is a share of at
    least Clopper and Pearson's lower end; the other pairs might differ by as much as shares can.

    >>> one = exact_if_equal(compare([0] * 10, [1] * 10, resamples=0))
    >>> one.estimate, round(one.low, 2), round(one.high, 2)
    (-1.0, -1.0, -0.38)
    """
    if not one.n or one.low < one.high:
        return as_interval(one)
    sure = share_interval(one.n, one.n).low
    low, high = one.mean * sure - (1 - sure), one.mean * sure + (1 - sure)
    return Interval(one.mean, max(low, -1.0), min(high, 1.0), CONFIDENCE, one.n)


def each(table: pd.DataFrame) -> Iterator[Any]:
    """Go through rows, whose columns are attributes."""
    yield from table.itertuples(index=False)
