"""An answer as files: the table, the few numbers of it, the figure, and the text to paste."""

from pathlib import Path

import pandas as pd

from vmmodel.checks.store import Outcome, write_outcome
from vmmodel.questions.base import Question
from vmmodel.report.picture import standalone


def write_answer(question: Question, table: pd.DataFrame, folder: Path, command: str) -> Path:
    """Write what *table* says to *folder*, replacing an earlier answer; give the folder."""
    name, figure = question.name.lower(), question.figure(table)
    texts = {"answer.md": markdown(question, table)}
    if figure.svg:
        texts[f"{name}.svg"] = standalone(figure)
    reports = {name: table, f"{name}-summary": question.summary(table)}
    write_outcome(folder, Outcome(reports, texts), command, figure.caption)
    return folder


def markdown(question: Question, table: pd.DataFrame) -> str:
    """Word question and answer for a review: Markdown."""
    found, metric = question.answer(table), question.primary
    limits = [f"It does not show: {found.limits}", ""] if found.limits else []
    return "\n".join(
        [
            f"### {question.name}. {question.asks}",
            "",
            f"Decided beforehand by: {metric.title} ({metric.unit}): {question.judged}",
            "",
            found.sentence,
            "",
            f"It would turn: {found.turns}",
            "",
            *limits,
            f"What FreeBSD did: {question.freebsd}",
            "",
        ]
    )
