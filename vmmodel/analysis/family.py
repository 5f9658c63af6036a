"""What the study claims, declared before it is run: one metric each for harm, safety and cost.

Every claim of the report rests on this family, and p values are adjusted over all of it.  All
other numbers are secondary: they are shown with intervals and carry no claim.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Primary:
    """One metric of the family, a column of ``summary.per_run``."""

    metric: str
    """Name of the column."""
    role: Literal["harm", "safety", "cost"]
    """What it stands for; the family has one of each."""
    title: str
    """As printed."""
    unit: str
    """Unit of the metric and of its differences."""
    better: int
    """-1 when less is better, +1 when more is."""
    absolute: float
    """In *unit*: near zero a half width of this is precise enough, and less is no difference."""
    kind: Literal["terminating", "steady"]
    """Terminating: a value at the end of a fixed horizon.  Steady: may have a long-run mean."""


FAMILY = (
    Primary("pinned_regions", "harm", "pinned regions", "2 MB regions", -1, 1.0, "terminating"),
    Primary("gone", "safety", "pages leaked or lost", "pages", -1, 1.0, "terminating"),
    Primary("p99_ns", "cost", "p99 latency", "ns", -1, 10.0, "steady"),
)
"""NOFREE growth is a ratchet: what it pins, leaks and loses only grows, so those metrics have no
steady state and are reported at the horizon and as trajectories.  10 ns are a little more than
the width of a latency bucket (0.8 %) at the p99 of these runs."""

CONFIDENCE = 0.95
"""Of every interval; the family as a whole is tested at one minus this."""


def primary(metric: str) -> Primary:
    """The member of the family that judges *metric*; KeyError if it is secondary."""
    return {one.metric: one for one in FAMILY}[metric]
