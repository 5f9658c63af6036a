"""What a page shows of the committed answers."""

import pytest

from vmmodel.analysis.family import FAMILY
from vmmodel.errors import InputError
from vmmodel.questions import shown
from vmmodel.questions.known import QUESTIONS
from vmmodel.questions.stored import stored


def test_overview_has_a_line_for_each_question() -> None:
    """Each line names the question, what decides, and a difference with its interval."""
    rows = shown.overview().rows

    assert list(QUESTIONS) == [row[0] for row in rows]
    assert all("[" in str(row[3]) or "within" in str(row[3]) for row in rows)


@pytest.mark.parametrize("name", QUESTIONS)
def test_answer_figure_and_numbers(name: str) -> None:
    """The answer begins with its sentence; numbers are folded and say how many rows there are."""
    asked = QUESTIONS[name]
    found = asked.answer(stored(asked))
    folded = shown.summary(name)._repr_html_()

    paragraphs = shown.answer(name).paragraphs
    assert found.sentence == paragraphs[0]
    assert f"It would turn: {found.turns}" in paragraphs
    assert asked.freebsd in paragraphs[-1]
    assert shown.figure(name).svg
    assert folded.startswith(f"<details><summary>{name} in numbers (")
    assert len(stored(asked)) == len(shown.table(name))


def test_no_such_question() -> None:
    """A question that is not there is refused with those that are."""
    with pytest.raises(
        InputError, match=r"no question .Q10. \(did you mean Q1\?\), expected Q1, Q2"
    ):
        shown.answer("Q10")


def test_choices() -> None:
    """The factorial has a sentence for each metric of the family, its limits, and a figure."""
    paragraphs = shown.choices().paragraphs

    assert len(FAMILY) + 1 == len(paragraphs)
    assert shown.choices_figure().svg
