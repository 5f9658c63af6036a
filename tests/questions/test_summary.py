"""The few rows of every question, as a terminal shows them."""

import re

import pytest

from vmmodel.questions.known import QUESTIONS
from vmmodel.questions.stored import stored
from vmmodel.report.terminal import print_frame


@pytest.mark.parametrize("name", QUESTIONS)
def test_summary_is_printed_whole(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """No word of a heading or cell is cut, and no number is in scientific notation."""
    rows = QUESTIONS[name].summary(stored(QUESTIONS[name]))
    print_frame(rows, name)
    printed = set(capsys.readouterr().out.split())
    meant = " ".join(map(str, [*rows.columns, *rows.to_numpy().ravel()])).split()

    assert set() == set(meant) - printed
    assert not any(re.fullmatch(r"-?[\d.]+e[+-]\d+", word) for word in printed)
