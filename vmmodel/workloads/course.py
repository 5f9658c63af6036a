"""The course of a run: when what arrives comes, and what ends early, as its phases say."""

from dataclasses import dataclass, replace

import numpy as np

from vmmodel.sim.phases import Phase
from vmmodel.workloads.description import Description, Night, Population, Stretch
from vmmodel.workloads.population import HOUR, Ints

DAY = 24 * HOUR


@dataclass(frozen=True)
class Span:
    """A phase with its times in ns; the level moves evenly from *before* to *level*."""

    phase: Stretch
    start: int
    end: int
    before: float
    """Level of the phase before."""

    @property
    def level(self) -> float:
        """Level at the end."""
        return float(self.phase.level.value)

    @property
    def first(self) -> float:
        """Level at the start."""
        return self.before if self.phase.kind in ("ramp", "drop") else self.level

    @property
    def area(self) -> float:
        """Integral of the level, in ns."""
        return (self.first + self.level) / 2 * (self.end - self.start)

    def draw(self, n: int, rng: np.random.Generator) -> Ints:
        """Draw *n* instants with a density that follows the level."""
        a, b, length = self.first, self.level, self.end - self.start
        if a == b:
            return self.start + rng.integers(0, max(length, 1), n)
        # Inverse of the integral of a + (b - a) t over [0, 1].
        t = (np.sqrt(a * a + rng.random(n) * (b * b - a * a)) - a) / (b - a)
        return self.start + (t * length).astype(np.int64)


class Course:
    """The phases of a description on the clock of a run, as they concern one population of it."""

    def __init__(self, description: Description, concerned: Population | None = None) -> None:
        self.horizon = description.horizon.ns
        self.only = concerned.phases if concerned else None
        self.falls = concerned.falls if concerned else True
        stretches = [phase for phase in description.phases if isinstance(phase, Stretch)]
        self.nights = [phase for phase in description.phases if isinstance(phase, Night)]
        self.spans: list[Span] = []
        start, before = 0, 0.0
        for phase in stretches:
            end = round(self.horizon * phase.until.value)
            self.spans.append(Span(phase, start, end, before))
            start, before = end, float(phase.level.value)

    @property
    def areas(self) -> list[float]:
        """Integral of the level over each phase in ns; nothing comes in phases of no concern."""
        comes = [self.only is None or span.phase.name in self.only for span in self.spans]
        return [span.area * here for span, here in zip(self.spans, comes, strict=True)]

    @property
    def area(self) -> float:
        """Their sum: the length of a run at level 1 throughout."""
        return sum(self.areas)

    @property
    def days(self) -> int:
        """Days of the run, begun ones counted."""
        return -(-self.horizon // DAY)

    def by_day(self, n: int, rng: np.random.Generator) -> Ints:
        """Draw *n* instants over the phases, as many in each as belong to it."""
        ends = np.floor(np.cumsum(self.areas) / max(self.area, 1) * n + 1e-6)
        counts = np.diff(np.append(0, ends)).astype(np.int64)
        drawn = [span.draw(int(k), rng) for span, k in zip(self.spans, counts, strict=True) if k]
        return np.concatenate([np.empty(0, np.int64), *drawn])

    def one(self, latest: int, rng: np.random.Generator) -> int:
        """Draw one instant before *latest*, in a phase chosen by its part of the load."""
        areas = np.array(self.areas)
        several = len(areas) > 1
        which = int(rng.choice(len(areas), p=areas / areas.sum())) if several else 0
        span = self.spans[which]
        span = replace(span, end=max(min(span.end, latest), span.start + 1))
        return min(int(span.draw(1, rng)[0]), latest)

    def by_night(self, n: int, rng: np.random.Generator) -> Ints:
        """Draw *n* instants in the first of the nights, any of them."""
        night = self.nights[0]
        start = rng.integers(0, self.days, n) * DAY + night.at.ns
        return start + rng.integers(0, night.length.ns, n)

    def cut(self, start: Ints, end: Ints, rng: np.random.Generator) -> Ints:
        """End early what a drop takes: of all that is alive as it begins, the part it falls by.

        Each goes at any instant of the drop.  Nothing is drawn where there is no drop.
        """
        for span in self.spans:
            if span.phase.kind == "drop" and self.falls:
                share = 1 - min(span.level / span.before, 1) if span.before else 0.0
                taken = (start < span.start) & (end > span.start) & (rng.random(len(end)) < share)
                when = rng.integers(span.start, max(span.end, span.start + 1), len(end))
                end = np.where(taken, np.minimum(end, when), end)
        return end

    def phases(self) -> tuple[Phase, ...]:
        """Name the phases for the run, in order of their starts."""
        named = [Phase(span.phase.name, span.start, span.end) for span in self.spans]
        for night in self.nights:
            for day in range(self.days):
                start = day * DAY + night.at.ns
                named.append(Phase(night.name, start, start + night.length.ns))
        return tuple(sorted((p for p in named if p.start_ns < self.horizon), key=_start))


def _start(phase: Phase) -> tuple[int, str]:
    return phase.start_ns, phase.name
