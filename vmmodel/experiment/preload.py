"""What every worker needs: importing this module loads it, once for all of them.

The process that workers are forked from imports it, so that a worker has the compiled kernel at
once.  It is for that process alone.
"""

from contextlib import suppress

from vmmodel.experiment import unit  # noqa: F401
from vmmodel.kernel.warm import is_warm
from vmmodel.traffic.warm import warm_up

if is_warm():  # to compile takes a minute, in which nobody could be served
    with suppress(Exception):  # a damaged cache is met again by a worker, which can tell
        warm_up()
