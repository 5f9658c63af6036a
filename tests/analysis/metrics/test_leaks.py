"""Metrics 13e and 14: slopes and verdicts."""

import math

import numpy as np
import pandas as pd
import pytest
from analysis.metrics.runs import HOUR_NS, run_rows, sample_rows

from vmmodel.analysis.metrics import leaks


def test_a_slope_holds_against_one_wild_value() -> None:
    """Two an hour but for one value: the median of all slopes is two an hour."""
    time = pd.Series(np.arange(9) * HOUR_NS)
    values = pd.Series([0.0, 2, 4, 6, 500, 10, 12, 14, 16])

    found = leaks.slope(time, values)

    assert 2.0 == found.per_hour
    assert found.low <= 2.0 <= found.high


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [math.nan] * 5])
def test_too_few_values_have_no_slope(values: list[float]) -> None:
    """Below three known values there is neither a slope nor an interval."""
    time = pd.Series(np.arange(len(values)) * HOUR_NS)

    assert math.isnan(leaks.slope(time, pd.Series(values, dtype=float)).low)


def test_chunks_grow_by_the_hour() -> None:
    """A chunk every second hour is half a chunk an hour, and nothing without chunks."""
    samples = sample_rows(*({"chunk_pages": 512 * (i // 2)} for i in range(20)))
    ordinary = samples.assign(design="ordinary")

    assert 0.5 == pytest.approx(leaks.chunk_slope(samples).item(), abs=0.05)
    assert leaks.chunk_slope(ordinary).isna().all()


def test_growth_is_a_trend_and_noise_is_none() -> None:
    """Pages that only grow are called a leak; pages that go up and down are not."""
    grows = sample_rows(*({"in_use": 10 * i} for i in range(20)))
    swings = sample_rows(*({"in_use": 100 + 10 * (-1) ** i} for i in range(20)), replication=1)

    assert [1.0, 0.0] == leaks.trend_verdict(pd.concat([grows, swings])).to_list()


def test_a_leaked_page_counts_as_handed_out() -> None:
    """Pages in use, fallback pages and leaked ones were handed out and not taken back."""
    samples = sample_rows({"in_use": 3, "fallback": 2, "leaked": 1, "idle": 9, "escaped": 4})

    assert 6 == leaks.handed_out(samples).item()


@pytest.mark.parametrize(
    ("warnings", "samples", "expected"), [(0, 60, 0.0), (2, 60, 1.0), (0, 50, None), (-1, -1, None)]
)
def test_a_script_that_could_not_speak_has_no_verdict(
    warnings: int, samples: int, expected: float | None
) -> None:
    """Fewer than 51 samples cannot have more than 50 maxima; older tables have none at all."""
    rows = run_rows(leak_warnings=warnings, leak_samples=samples, leak2_warnings=warnings)
    rows["leak2_samples"] = samples * 121 // 51

    for verdict in (leaks.maxima_verdict, leaks.minima_verdict):
        found = verdict(rows).item()
        assert expected == (None if math.isnan(found) else found)
