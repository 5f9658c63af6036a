"""In which order things happen that happen at the same instant.

SimPy's own processes come first, as SimPy orders them; then the actors of page traffic by their
number, then page daemons.  Who gets a lock acts at once, before anything else.
"""

from typing import cast

import simpy
from simpy.events import URGENT, EventPriority

ACTORS = 2
"""Priority of actor 0: behind SimPy's NORMAL."""
LAST = 1 << 20
"""Priority behind all others."""


def event_at(env: simpy.Environment, time_ns: int, priority: int) -> simpy.Event:
    """Make an event that happens at *time_ns* with *priority* among those of that instant."""
    event = simpy.Event(env)
    event._ok, event._value = True, None
    env.schedule(event, priority=cast(EventPriority, priority), delay=time_ns - int(env.now))
    return event


def trigger(event: simpy.Event, priority: int = URGENT) -> None:
    """Let an event that somebody waits for happen now, with *priority*."""
    event._ok, event._value = True, None
    event.env.schedule(event, priority=cast(EventPriority, priority))
