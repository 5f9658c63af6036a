"""Phases do what they say."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from vmmodel.experiment.scenario import SCENARIOS
from vmmodel.workloads.course import DAY, Course
from vmmodel.workloads.described import Described
from vmmodel.workloads.description import Population


def course(name: str, concerned: Population | None = None) -> Course:
    """Give the course of a workload."""
    parameters = SCENARIOS[name].parameters
    assert isinstance(parameters, Described)
    return Course(parameters.description, concerned)


@pytest.mark.parametrize("name", ["boot", "buildworld", "server-spike", "fileserver"])
def test_each_phase_has_its_part_of_the_load(name: str) -> None:
    """As many things come in a phase as the area under its level says."""
    found = course(name)

    drawn = found.by_day(100_000, np.random.default_rng(1))
    counts = [((drawn >= s.start) & (drawn < s.end)).sum() for s in found.spans]

    assert np.array(found.areas) / found.area * 100_000 == pytest.approx(counts, abs=1)


def test_a_spike_is_even_at_its_level() -> None:
    """In a spike three times as many come a second as in the steady phase before it."""
    before, spike = course("server-spike").spans[1:3]
    rates = [span.area / (span.end - span.start) for span in (before, spike)]
    drawn = spike.draw(20_000, np.random.default_rng(2))

    assert [1.0, 3.0] == rates
    assert (
        stats.kstest(drawn, stats.uniform(spike.start, spike.end - spike.start).cdf).pvalue > 0.01
    )


def test_a_ramp_rises_evenly_from_nothing() -> None:
    """The rate of a first ramp goes up from 0, so instants have the density of a triangle."""
    ramp = course("server-spike").spans[0]

    drawn = (ramp.draw(20_000, np.random.default_rng(3)) - ramp.start) / (ramp.end - ramp.start)

    assert stats.kstest(drawn, lambda t: np.clip(t, 0, 1) ** 2).pvalue > 0.01


def test_a_drop_takes_what_it_falls_by() -> None:
    """Two thirds of what is alive end within a drop from 3 to 1; what was gone stays gone."""
    found = course("server-spike")
    drop = found.spans[3]
    start, end = np.zeros(30_000, np.int64), np.full(30_000, found.horizon + 1)
    end[:10_000] = drop.start

    cut = found.cut(start, end, np.random.default_rng(4))

    ended = (cut[10_000:] >= drop.start) & (cut[10_000:] < drop.end)
    assert 2 / 3 == pytest.approx(ended.mean(), abs=0.01)
    assert (cut[:10_000] == drop.start).all()
    assert (cut[10_000:][~ended] == found.horizon + 1).all()


def test_what_does_not_fall_is_not_cut() -> None:
    """A population may be spared by drops, and may come in some phases only."""
    spared = course("server-spike", Population(falls=False, phases=["spike"]))
    end = np.full(1000, spared.horizon + 1)

    assert (end == spared.cut(np.zeros(1000, np.int64), end, np.random.default_rng(1))).all()
    spike = spared.spans[2]
    drawn = spared.by_day(1000, np.random.default_rng(5))
    assert spike.start <= drawn.min() <= drawn.max() < spike.end


def test_nights_come_daily() -> None:
    """A night comes at its hour of every day, and is one phase for each."""
    found = course("desktop")

    drawn = found.by_night(10_000, np.random.default_rng(6))
    hours = drawn % DAY / (DAY / 24)

    assert ((hours >= 15) & (hours < 16)).all()
    assert {0, 1} == set((drawn // DAY).tolist())
    assert ["day", "nightly-scan", "nightly-scan"] == [phase.name for phase in found.phases()]


def test_phases_cover_the_run() -> None:
    """Stretches follow one another from start to end."""
    for name in ("boot", "buildworld", "server-spike", "fileserver", "swap-storm"):
        phases = [dataclasses.astuple(phase) for phase in course(name).phases()]

        assert 0 == phases[0][1]
        assert course(name).horizon == phases[-1][2]
        assert [p[2] for p in phases[:-1]] == [p[1] for p in phases[1:]]
