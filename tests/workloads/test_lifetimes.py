"""Lifetimes follow what was published, and what a file says."""

import numpy as np
import pytest
from scipy import stats

from vmmodel.workloads.description import Exponential, Forever, Histogram
from vmmodel.workloads.lifetimes import draw_from_histogram, draw_lives, kernel_build
from vmmodel.workloads.quantity import Quantity

MINUTE = 60 * 10**9
STARTS = np.zeros(20_000, np.int64)


def minutes(value: float) -> Quantity:
    """Give a duration."""
    return Quantity(value=value, unit="min", mark="assumed", source="", low=1, high=1000)


def test_histogram_is_the_published_one() -> None:
    """Bins go up to the length of the trace; nearly all lives are in the first."""
    edges, shares = kernel_build()

    assert 1 == pytest.approx(edges[-1], rel=1e-3)
    assert 1 == pytest.approx(shares.sum())
    assert 126_285 / 42_140_230 == pytest.approx(shares[-1], rel=0.02)
    assert 0.987 == pytest.approx(shares[0], abs=0.003)


def test_draws_follow_the_histogram() -> None:
    """A chi-square test cannot tell the draws from the published counts; never freed is one."""
    edges, shares = kernel_build()
    lives = draw_from_histogram(2_000_000, np.random.default_rng(1))

    counts = np.append(np.histogram(lives[np.isfinite(lives)], edges)[0], np.isinf(lives).sum())
    frequent = shares * len(lives) >= 5
    expected = np.append(shares[frequent], shares[~frequent].sum()) * len(lives)
    found = np.append(counts[frequent], counts[~frequent].sum())
    kept = expected > 0

    assert frequent.sum() > 50
    assert stats.chisquare(found[kept], expected[kept]).pvalue > 0.01


def test_draws_are_even_within_a_bin() -> None:
    """Within the first bin lives are even: a KS test cannot tell."""
    edges, _ = kernel_build()
    lives = draw_from_histogram(50_000, np.random.default_rng(2))
    first = lives[lives < edges[1]] / edges[1]

    assert stats.kstest(first, "uniform").pvalue > 0.01


def test_lives_are_scaled_to_the_trace() -> None:
    """A life is its share of the trace; what is never freed outlives the run."""
    life = Histogram(shape="histogram", data="kernel-build", trace=minutes(30))

    lives = draw_lives(life, STARTS, 60 * MINUTE, np.random.default_rng(3))

    assert (lives[lives <= 60 * MINUTE] <= 30 * MINUTE * 1.001).all()
    assert 0.001 < (lives > 60 * MINUTE).mean() < 0.006


def test_exponential_and_forever() -> None:
    """Exponential lives have their mean; what lives forever outlives the run."""
    life = Exponential(shape="exponential", mean=minutes(5))
    lives = draw_lives(life, STARTS, 60 * MINUTE, np.random.default_rng(4))

    assert stats.kstest(lives / (5 * MINUTE), "expon").pvalue > 0.01
    assert (draw_lives(Forever(shape="forever"), STARTS, 9, np.random.default_rng(1)) > 9).all()
