"""Tables of questions made up for tests: what a run gave is what the test says."""

from collections.abc import Iterable
from itertools import product
from typing import Any

import pandas as pd

from vmmodel.questions.base import Question

NOISE = (0.0, 1.0, -1.0, 2.0, -2.0, 0.0)
"""What six replications have in common; a difference without spread drops out of it."""
SPREADS = {
    "less": (-3.0,) * 6,
    "more": (3.0,) * 6,
    "mostly less": (-3.0, -2.0, -3.0, -4.0, -3.0, -2.0),
    "either": (-3.0, 3.0, -1.0, 1.0, 2.0, -2.0),
    "none": (0.0,) * 6,
}
"""Differences to the baseline, by what they show."""
WORDS = {
    "less": "the same in each of 6 pairs",
    "more": "the same in each of 6 pairs",
    "mostly less": "[",
    "either": "no difference is shown",
    "none": "no difference in any of 6 pairs",
}
"""What a sentence has to say of them."""


def rows(
    columns: dict[str, str],
    settings: dict[tuple[str, str], tuple[str, ...]],
    baseline: str,
    primary: str,
    spread: str,
    **values: Any,
) -> pd.DataFrame:
    """Give a table with *columns*: for each scenario and setting its designs, six runs each.

    *primary* is 10 and what replications have in common, and but for *baseline* the differences of
    *spread*; *values* are other columns, 0 where not named.
    """
    table = []
    for (scenario, setting), designs in settings.items():
        for design, replication in product(designs, range(len(NOISE))):
            apart = 0.0 if design == baseline else SPREADS[spread][replication]
            row: dict[str, Any] = dict.fromkeys(columns, 0) | values
            row |= {"scenario": scenario, "setting": setting, "design": design}
            row |= {"replication": replication, primary: 10 + NOISE[replication] + apart}
            table.append(row)
    return pd.DataFrame(table)


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
