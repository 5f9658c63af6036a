"""Back tests: what the model says today is what the committed answers were made from."""

from pathlib import Path

import pandas as pd
import pytest

from vmmodel.experiment.meta import describe_sweep
from vmmodel.experiment.sweep import Sweep, run_sweep
from vmmodel.paths import ROOT
from vmmodel.questions.base import Question
from vmmodel.questions.known import QUESTIONS
from vmmodel.questions.stored import as_csv, as_table, digest, stored, stored_file
from vmmodel.questions.sweeps import REPLICATIONS, SweepLab


def perform(sweep: Sweep, folder: Path) -> None:
    """Run a sweep here, without progress."""
    run_sweep(sweep, folder, describe_sweep(sweep, "a test"), workers=1)


@pytest.mark.parametrize("name", QUESTIONS)
def test_first_replication_is_what_was_stored(name: str, tmp_path: Path) -> None:
    """One replication of each question gives the rows that its committed table has for it."""
    asked = QUESTIONS[name]
    kept = stored(asked)

    table = as_table(asked.measure(SweepLab(tmp_path, perform, replications=1)), asked)

    first = kept[kept.replication == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(first, table, check_dtype=False, rtol=1e-9)


@pytest.mark.parametrize("name", QUESTIONS)
def test_changelog_explains_what_is_stored(name: str) -> None:
    """A committed answer that moved is named, by its digest, in what readers of results read."""
    text = stored_file(QUESTIONS[name]).read_text(encoding="utf-8")

    assert f"{name.lower()} {digest(text)}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("asked", QUESTIONS.values(), ids=QUESTIONS)
def test_answer_follows_from_the_stored_table(asked: Question) -> None:
    """Sentence, turning condition, figure and summary are made from the table alone."""
    table = stored(asked)

    found, figure = asked.answer(table), asked.figure(table)

    assert found.sentence.endswith(".")
    assert found.turns.endswith(".")
    assert any(letter.isdigit() for letter in found.sentence)
    assert found.estimate.low <= found.estimate.estimate <= found.estimate.high
    assert figure.svg
    assert figure.caption.endswith(".")
    assert figure.alt.endswith(".")
    assert not asked.summary(table).empty
    assert set(asked.columns) == set(table.columns)
    assert asked.primary.name in asked.columns
    assert REPLICATIONS["quick"] == table.replication.nunique()
    assert as_csv(table) == stored_file(asked).read_text(encoding="utf-8")
