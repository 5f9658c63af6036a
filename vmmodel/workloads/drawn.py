"""What a subject adds to a script, whatever its kind."""

from dataclasses import dataclass

from vmmodel.consumers.layout import SlabLayout
from vmmodel.sim.script import Action, Timeline


@dataclass(frozen=True)
class Drawn:
    """The requests of a subject, and what they need."""

    actions: list[tuple[int, Action]]
    """(time in ns, action), in the order in which they were drawn."""
    zones: tuple[tuple[str, SlabLayout], ...] = ()
    """Zones that refills name by number."""
    pressure: Timeline = ()
    """What a process of its own does beside the CPUs."""
