"""What every workload file says first: its name, its story, what it asks and does not show."""

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from vmmodel.workloads.quantity import PRINTABLE, Part

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Sentence = Annotated[str, StringConstraints(min_length=1, max_length=600), PRINTABLE]


class Story(Part):
    """The words of a workload; what its numbers mean is the matter of its model."""

    plain_names: ClassVar[bool] = False
    """Whether its parameters go by the last part of their dotted names, as no two share it."""

    name: Name
    title: Sentence
    story: Sentence
    question: Sentence
    limits: list[Sentence] = Field(max_length=20)
    """What it does not show."""
    profiles: list[Literal["quick", "full"]] = Field(default_factory=list, max_length=2)
    """Profiles of the report that run it."""


def listed(names: Iterable[str]) -> str:
    """Name what is allowed."""
    return ", ".join(list(names)[:30]) or "none"
