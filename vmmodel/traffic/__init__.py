"""The page traffic of a machine, compiled: what CPUs and page daemons do to populations of pages.

Objects (files, anonymous memory, kernel memory) are populations whose pages fault in, are used, are
reclaimed and freed.  Actors (a CPU's timeline, a page daemon's scan) work on them one page at a
time.  What an actor does at one instant is `turn.turn`; what it does while it holds a domain's free
lock is `turn.locked`.  Both know no clock.  Two clocks run them: `vmmodel.sim.plain`, which is
SimPy and nothing else and is the definition, and `advance.advance`, which is compiled, takes a
hundredth of the time and stops wherever SimPy has to act.
"""

from vmmodel.traffic.machine import Traffic
from vmmodel.traffic.structs import Kind, Op, Policy

__all__ = ["Kind", "Op", "Policy", "Traffic"]
