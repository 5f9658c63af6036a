"""Tables of a question that nobody measured, to see what it says of them."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from vmmodel.questions.base import Question


def table(question: Question, rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Give *rows* with all columns of *question*; what a row does not name is 0."""
    made = pd.DataFrame([dict.fromkeys(question.columns, 0) | row for row in rows])
    return made.astype({"scenario": str, "setting": str, "design": str})


def check_answer(question: Question, made: pd.DataFrame, begins: str) -> None:
    """Hold an answer to what every answer must be, and its sentence to how it begins."""
    found = question.answer(made)

    assert found.sentence.startswith(begins), found.sentence
    assert found.sentence.endswith(".")
    assert found.turns.endswith(".")
    assert "nan" not in found.sentence + found.turns
    assert question.figure(made).svg
    assert not question.summary(made).empty
