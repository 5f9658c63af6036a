"""The committed answers as a page shows them: text, figure and table of each question."""

from dataclasses import dataclass
from functools import cache

import pandas as pd

from vmmodel.questions.base import Question
from vmmodel.questions.choices import LIMITS, sentences
from vmmodel.questions.factorial import FACTORIAL, Effects, effects
from vmmodel.questions.known import QUESTIONS, question
from vmmodel.questions.plans import BASE
from vmmodel.questions.stored import stored
from vmmodel.questions.wording import apart, points
from vmmodel.report.factorial import factorial
from vmmodel.report.figure import Figure
from vmmodel.report.markup import Prose, Table, frame_table


def overview() -> Table:
    """A line for each question: what decides, and by how much."""
    return Table(
        "What each question asks, the metric that was declared to decide it, and its difference"
        " with a 95 % interval.",
        ["number", "question", "decided by", "difference"],
        [[each.name, each.asks, _decides(each), _apart(each)] for each in QUESTIONS.values()],
        text=True,
    )


def _decides(asked: Question) -> str:
    return f"{asked.primary.title}: {asked.judged}"


def _apart(asked: Question) -> str:
    found, metric = asked.answer(stored(asked)).estimate, asked.primary
    if metric.unit.startswith("share of"):
        return points(found)
    return apart(found, metric.unit, metric.digits)


def answer(name: str) -> Prose:
    """What the data say, what would turn it, and what they do not show."""
    asked = question(name)
    found = asked.answer(stored(asked))
    limits = [f"It does not show: {found.limits}"] if found.limits else []
    return Prose(
        [
            found.sentence,
            f"Decided beforehand by: {asked.primary.title} ({asked.primary.unit}), {asked.judged}.",
            f"It would turn: {found.turns}",
            *limits,
            f"What FreeBSD did: {asked.freebsd}",
        ]
    )


def figure(name: str) -> Figure:
    """The figure of a question, drawn from its committed table."""
    asked = question(name)
    return asked.figure(stored(asked))


@dataclass(frozen=True)
class Folded:
    """A table that a reader unfolds: the numbers behind an answer, next to its figure."""

    table: Table

    def _repr_html_(self) -> str:
        head = f"{self.table.caption} ({len(self.table.rows)} rows)"
        return f"<details><summary>{head}</summary>{self.table._repr_html_()}</details>"


def summary(name: str) -> Folded:
    """The few numbers of a question, with their intervals."""
    asked = question(name)
    return Folded(frame_table(asked.summary(stored(asked)), f"{asked.name} in numbers"))


def table(name: str) -> pd.DataFrame:
    """Every run of a question: its committed table."""
    return stored(question(name))


@cache
def _effects() -> Effects:
    return effects(stored(FACTORIAL))


def choices() -> Prose:
    """Which choice of a design matters for which metric, and what the factorial leaves out."""
    return Prose([*sentences(_effects()), f"It does not show: {LIMITS}"])


def choices_figure() -> Figure:
    """Main effects of every choice, and which of them act together."""
    return factorial(_effects().terms, _effects().levels, list(BASE))
