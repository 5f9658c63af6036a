"""The questions by name."""

from vmmodel.errors import InputError, meant
from vmmodel.questions.base import Question
from vmmodel.questions.q1 import Q1
from vmmodel.questions.q2 import Q2
from vmmodel.questions.q3 import Q3
from vmmodel.questions.q4 import Q4
from vmmodel.questions.q5 import Q5
from vmmodel.questions.q6 import Q6
from vmmodel.questions.q7 import Q7
from vmmodel.questions.q8 import Q8
from vmmodel.questions.q9 import Q9

QUESTIONS: dict[str, Question] = {each.name: each for each in (Q1, Q2, Q3, Q4, Q5, Q6, Q7, Q8, Q9)}


def question(name: str) -> Question:
    """Find a question; `InputError` if there is none of that name."""
    found = QUESTIONS.get(name.upper())
    if found is None:
        what = f"no question {name!r}{meant(name.upper(), QUESTIONS)}"
        raise InputError("answer", what, ", ".join(QUESTIONS))
    return found
