"""The questions by name."""

from vmmodel.errors import InputError, meant
from vmmodel.questions.base import Question
from vmmodel.questions.q4 import Q4
from vmmodel.questions.q5 import Q5
from vmmodel.questions.q6 import Q6
from vmmodel.questions.q8 import Q8

QUESTIONS: dict[str, Question] = {each.name: each for each in (Q4, Q5, Q6, Q8)}


def question(name: str) -> Question:
    """Find a question; `InputError` if there is none of that name."""
    found = QUESTIONS.get(name.upper())
    if found is None:
        what = f"no question {name!r}{meant(name.upper(), QUESTIONS)}"
        raise InputError("answer", what, ", ".join(QUESTIONS))
    return found
