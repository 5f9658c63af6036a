"""In which order things happen that happen at the same instant.

SimPy's own processes come first, as SimPy orders them; then the actors of page traffic by their
number, then page daemons.  Who gets a lock acts at once, before anything else.
"""

from heapq import heappush
from typing import cast

import simpy
from simpy.events import URGENT, EventPriority

ACTORS = 2
"""Priority of actor 0: behind SimPy's NORMAL."""
LAST = 1 << 20
"""Priority behind all others."""


class At(simpy.Event):
    """Happens at *time_ns* with *priority* among what happens at that instant.

    Who waits for it gets the time.  A `simpy.Timeout` that knows when instead of how long, and of
    any priority: it puts itself into the queue of events, since `schedule` takes a delay.
    """

    def __init__(self, env: simpy.Environment, time_ns: float, priority: int) -> None:
        self.env: simpy.Environment = env
        self.callbacks = []
        self._ok, self._value = True, time_ns
        place = time_ns, cast(EventPriority, priority), next(env._eid), self
        heappush(env._queue, place)


def trigger(event: simpy.Event, priority: int = URGENT) -> None:
    """Let an event happen now, with *priority*.  Who waits for it gets the time."""
    event._ok, event._value = True, event.env.now
    event.env.schedule(event, priority=cast(EventPriority, priority))
