"""Rows of runs and samples that tests fill in by hand."""

from typing import Any

import pandas as pd

from vmmodel.analysis.metrics import KEY
from vmmodel.experiment.schema import ORDERS

HOUR_NS = 3_600_000_000_000


def key_of(replication: int = 0, design: str = "freeable") -> dict[str, Any]:
    """Columns that name a run."""
    return dict(zip(KEY, ("made", "", "", design, replication), strict=True))


def sample_rows(*rows: dict[str, Any], replication: int = 0, **common: Any) -> pd.DataFrame:
    """Samples of one run, an hour apart; what is not given is 0."""
    zero = dict.fromkeys([*ORDERS, *COLUMNS], 0)
    named = key_of(replication)
    hours = [{"time_ns": i * HOUR_NS} | row for i, row in enumerate(rows)]
    return pd.DataFrame([zero | named | common | row for row in hours])


COLUMNS = [
    *("in_use", "idle", "leaked", "escaped", "fallback", "user_pages", "kernel_pages"),
    *("reserved_free", "chunk_pages", "idle_runs", "answered", "answered_total_ns"),
    *("answered_wait_ns",),
]


def run_rows(**columns: Any) -> pd.DataFrame:
    """One run."""
    return pd.DataFrame([key_of() | columns])
