"""Metric 21: every page is somewhere, once, at every sample."""

import pandas as pd

from vmmodel.analysis.metrics.common import KEY, free_pages, written

ALLOCATED = ["user_pages", "kernel_pages", "in_use", "fallback"]
STRANDED = ["idle", "leaked"]
RESERVED = ["reserved_free"]


def conservation_residual(samples: pd.DataFrame, pages: pd.Series) -> pd.Series:
    """Metric 21: ``total - (allocated + free + stranded + reserved)``, 0 in a sound row.

    *pages* is the total of each row's machine, the denominator.  Four countings must agree that
    know nothing of each other: page structures by pool (user, kernel), the design's books (in use,
    idle, leaked, fallback), free lists by order, population counts of reservations.  Pages that
    escaped are ordinary again.  NaN where an older table does not have the first and the last.
    """
    parts = [written(samples, name) for name in [*ALLOCATED, *STRANDED, *RESERVED]]
    known = sum(parts, start=free_pages(samples))
    return (pages - known).rename("conservation_residual")


def pages_of(samples: pd.DataFrame, runs: pd.DataFrame, column: str = "pages") -> pd.Series:
    """Give every sample a number of its run: its machine's *pages* or *regions*."""
    values = runs.drop_duplicates(KEY).set_index(KEY)[column]
    of_row = values.reindex(pd.MultiIndex.from_frame(samples[KEY]))
    return pd.Series(of_row.to_numpy(), samples.index, name=column)


def worst_residual(samples: pd.DataFrame, runs: pd.DataFrame) -> pd.Series:
    """Metric 21: the largest residual of every run, either way, indexed by the run."""
    apart = conservation_residual(samples, pages_of(samples, runs)).abs()
    by_run = [samples[name] for name in KEY]
    worst: pd.Series = apart.groupby(by_run, observed=True, sort=False).max()
    return worst.rename("conservation_residual")
