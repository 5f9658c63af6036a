"""The quick result of each question as it was last committed: ``data/answers/q1.csv`` and so on.

A report draws the answers from here without a run, and a test runs the first replication of each
again and compares it, so that no change of the model moves an answer unseen.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pandas as pd

from vmmodel.errors import InputError
from vmmodel.paths import DATA

ANSWERS = DATA / "answers"


class Asked(Protocol):
    """What has a stored table: a question, or the factorial."""

    @property
    def name(self) -> str:
        """Name of the file."""

    @property
    def columns(self) -> Mapping[str, str]:
        """Columns of the table."""


def stored_file(question: Asked) -> Path:
    """Name the file of a question."""
    return ANSWERS / f"{question.name.lower()}.csv"


def stored(question: Asked) -> pd.DataFrame:
    """Read the committed table of a question; `InputError` if it is not what it should be."""
    path = stored_file(question)
    try:
        return as_table(pd.read_csv(path, keep_default_na=False, na_values=["nan"]), question)
    except (OSError, ValueError, KeyError) as error:
        what = f"no table of {question.name} ({error})"
        again = "what ./study answer or ./study factorial writes with --store"
        raise InputError(path, what, again) from None


def as_table(table: pd.DataFrame, question: Asked) -> pd.DataFrame:
    """Give the columns that a question declares, in their order; KeyError if one is missing."""
    return table[list(question.columns)].reset_index(drop=True)


def as_csv(table: pd.DataFrame) -> str:
    """Write a table so that it is read back as it is: floats to 12 figures."""
    return table.to_csv(index=False, float_format="%.12g", na_rep="nan", lineterminator="\n")


def store(question: Asked, table: pd.DataFrame) -> Path:
    """Make *table* the committed result of a question; give the file."""
    path = stored_file(question)
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(as_csv(table), encoding="utf-8")
    draft.replace(path)
    return path


def digest(text: str) -> str:
    """Name the contents of a table in 12 hex digits, as CHANGELOG.md does."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]
