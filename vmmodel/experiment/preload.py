"""What every worker needs: importing this module loads it, once for all of them.

The process that workers are forked from imports it, so that a worker has the compiled kernel at
once.  It is for that process alone.
"""

import atexit
import os
import shutil
from contextlib import suppress
from multiprocessing import forkserver

STARTED_BY = os.getppid()  # before what takes a second, in which it may be killed

from vmmodel.experiment import unit  # noqa: E402, F401
from vmmodel.kernel.warm import is_warm  # noqa: E402
from vmmodel.traffic.warm import warm_up  # noqa: E402


def clear() -> None:
    """Delete the folder of this process's socket, where the program that made it was killed."""
    address = forkserver._forkserver._forkserver_address  # type: ignore[attr-defined]
    if address and os.getppid() != STARTED_BY:
        shutil.rmtree(os.path.dirname(address), ignore_errors=True)


atexit.register(clear)
if is_warm():  # to compile takes a minute, in which nobody could be served
    with suppress(Exception):  # a damaged cache is met again by a worker, which can tell
        warm_up()
