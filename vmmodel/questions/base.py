"""What a question is made of, and what an answer must hold."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from vmmodel.analysis.statistics import Interval
from vmmodel.analysis.summary import Metric
from vmmodel.analysis.tables import Study
from vmmodel.experiment.scenario import Scenario
from vmmodel.report.figure import Figure


class Lab(Protocol):
    """Where a question has its runs made."""

    @property
    def full(self) -> bool:
        """Whether the full profile is asked for: more machines, settings and replications."""

    @property
    def replications(self) -> int:
        """Replications of every case."""

    @property
    def seed(self) -> int:
        """Seed of all streams."""

    def study(self, name: str, scenarios: tuple[Scenario, ...], designs: tuple[str, ...]) -> Study:
        """Run *scenarios* under *designs*, unless they were; *name* tells sweeps apart."""


@dataclass(frozen=True)
class Answer:
    """What the data say."""

    sentence: str
    """The answer, with its numbers and intervals; ``code`` in backquotes."""
    turns: str
    """The condition under which it would be another one, with the number at which it turns."""
    estimate: Interval
    """Of the primary metric's difference."""
    limits: str = ""
    """What the experiment does not show."""


@dataclass(frozen=True)
class Question:
    """A question of the review with its experiment."""

    name: str
    """Q1 to Q9."""
    asks: str
    """The question, a sentence."""
    freebsd: str
    """What FreeBSD did."""
    primary: Metric
    """What decides, declared before anything is run; a column of the table."""
    judged: str
    """Which difference of the primary metric, where: declared with it."""
    columns: dict[str, str]
    """Column of the table to its meaning and unit."""
    measure: Callable[[Lab], pd.DataFrame]
    """Make the runs; give the table, one row a run, with *columns* and no others."""
    answer: Callable[[pd.DataFrame], Answer]
    """Read the table."""
    figure: Callable[[pd.DataFrame], Figure]
    """Draw the table."""
    summary: Callable[[pd.DataFrame], pd.DataFrame]
    """Give the few rows that a reader needs: medians or differences with intervals."""
