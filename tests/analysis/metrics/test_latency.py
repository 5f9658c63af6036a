"""Metrics 15, 16 and the cost by list length of 20: histograms and samples by hand."""

import math

import pandas as pd
import pytest
from analysis.metrics.runs import key_of, sample_rows
from hypothesis import given
from hypothesis import strategies as st

from vmmodel.analysis.metrics import latency

TIMES = st.lists(st.integers(1, 200), min_size=1, max_size=300)


def histogram(times: list[int]) -> pd.DataFrame:
    """One bucket for each whole nanosecond."""
    counts = pd.Series(times).value_counts().sort_index()
    low = counts.index.to_numpy()
    return pd.DataFrame({"low_ns": low, "high_ns": low + 1, "count": counts.to_numpy()})


def test_a_summary_by_hand() -> None:
    """Ninety-nine operations of 10 ns and one of 110: mean 11, p99 10, longest 110."""
    rows = histogram([10] * 99 + [110]).assign(part="total", **key_of())

    found = latency.summary(rows, "total").iloc[0]

    assert (100, 11.0, 10, 10, 10, 110, 110) == tuple(found.iloc[:7])
    assert 0.1 == found.tail_share
    assert latency.summary(rows, "wait").empty


@given(TIMES)
def test_the_tail_is_what_the_slowest_take(times: list[int]) -> None:
    """The share above p99 is that of the slowest n - ceil(0.99 n) of all operations."""
    slowest = sorted(times)[math.ceil(0.99 * len(times) - 1e-9) :]

    assert latency.tail_share(histogram(times)) == pytest.approx(sum(slowest) / sum(times))


def test_a_burst_is_the_interval_with_most_latency() -> None:
    """Of 100 ns in all 70 fall between the second and the third sample."""
    spent = [0, 10, 80, 100]
    samples = sample_rows(*({"answered_total_ns": ns} for ns in spent))

    assert [0.7] == latency.longest_burst(samples).to_list()


def test_cost_is_binned_by_the_length_of_the_list() -> None:
    """Requests between lengths 1 and 1 cost 100 ns, between 4 and 6 they cost 300, none at 90."""
    samples = sample_rows(
        {"idle_runs": 1},
        {"idle_runs": 1, "answered": 10, "answered_total_ns": 1000, "answered_wait_ns": 200},
        {"idle_runs": 4, "answered": 10, "answered_total_ns": 1000, "answered_wait_ns": 200},
        {"idle_runs": 6, "answered": 12, "answered_total_ns": 1600, "answered_wait_ns": 200},
        {"idle_runs": 90, "answered": 12, "answered_total_ns": 1600, "answered_wait_ns": 200},
    )

    found = latency.cost_by_length(samples)

    assert [1, 4] == found.low.to_list()
    assert [10, 2] == found.answered.to_list()
    assert [100.0, 300.0] == found.total_ns.to_list()
    assert [80.0, 300.0] == found.work_ns.to_list()


def test_without_lengths_there_is_no_cost_by_length() -> None:
    """Tables of an older version did not write the length down."""
    samples = sample_rows({"answered": 0}, {"answered": 9, "answered_total_ns": 9}, idle_runs=-1)

    assert latency.cost_by_length(samples).empty


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 9)), min_size=2, max_size=9))
def test_every_request_is_in_one_bin(rows: list[tuple[int, int]]) -> None:
    """The bins together have all requests that were answered after the first sample."""
    answered, samples = 0, []
    for runs, more in rows:
        answered += more
        samples.append({"idle_runs": runs, "answered": answered, "answered_total_ns": answered})

    found = latency.cost_by_length(sample_rows(*samples))

    assert answered - rows[0][1] == found.answered.sum()
