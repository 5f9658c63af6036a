"""Processes of this machine that do work, made so that they start at once and end with this one.

They are forked from a server, a process with a single thread of Python that has loaded all they
need.  It is started once for a program; whoever knows early that there will be workers calls
`prepare`, and the server loads beside what else there is to do.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import forkserver, get_context, parent_process
from multiprocessing.resource_tracker import ensure_running

from vmmodel.experiment.interrupts import slow_to_stop

PRELOADED = "vmmodel.experiment.preload"


def prepare() -> str:
    """Start the server unless it runs, and do not wait until it has loaded; give how workers start.

    Where there can be no server, as below a temporary folder whose name is too long for a socket,
    each worker is started by itself and takes two seconds to load.
    """
    forkserver.set_forkserver_preload([PRELOADED])
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, sys.path))  # the same model
    try:
        with deaf_to_interrupts():
            forkserver.ensure_running()
        return "forkserver"
    except OSError:
        return "spawn"
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def stop() -> None:
    """End the server and wait for it, for who counts what it and its workers used."""
    forkserver._forkserver._stop()  # type: ignore[attr-defined]


@contextmanager
def processes(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Give a pool; when stopped, what has begun ends and nothing else begins."""
    context = get_context(prepare())
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent)
    with slow_to_stop():
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """Hold SIGINT back: from processes started meanwhile for good, from this one until the end.

    They inherit the mask.  Here the system may give the signal to any other thread, which does not
    have it, so the press is also noted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ensure_running()  # its start would take SIGINT off the mask
    presses: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _frame: presses.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
        if presses:
            signal.raise_signal(signal.SIGINT)


def _end_with_parent() -> None:
    """Let this worker end when the process that started it is gone, however that ended."""
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
