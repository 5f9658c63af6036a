"""A workload that is a trace from a file."""

from typing import Annotated, Literal

from pydantic import Field

from vmmodel.workloads.story import Story


class Traced(Story):
    """A trace: the machine and all its events are in it, so there are no parameters."""

    model: Literal["replay"]
    trace: Annotated[str, Field(min_length=1, max_length=200)]
    """The file, named from the folder of the workload file, in it or below."""
