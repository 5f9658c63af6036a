"""The questions by name."""

from vmmodel.errors import InputError, meant
from vmmodel.questions.base import Question

QUESTIONS: dict[str, Question] = {}


def question(name: str) -> Question:
    """Find a question; `InputError` if there is none of that name."""
    found = QUESTIONS.get(name.upper())
    if found is None:
        what = f"no question {name!r}{meant(name.upper(), QUESTIONS)}"
        raise InputError("answer", what, ", ".join(QUESTIONS))
    return found
