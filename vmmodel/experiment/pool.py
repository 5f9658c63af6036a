"""Do many things on local processes; Ctrl-C lets what has begun end and begins nothing else."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context, parent_process
from typing import TypeVar

T = TypeVar("T")


def each(work: Callable[[T], None], items: Sequence[T], workers: int) -> Iterator[T]:
    """Call *work* for each item on *workers* processes; give the items as they are done."""
    if workers == 1 or len(items) < 2:
        for item in items:
            work(item)
            yield item
        return
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin)
    try:
        with _deaf_to_interrupts():  # the processes that are started inherit it
            waiting = {pool.submit(work, item): item for item in items}
        for future in as_completed(waiting):
            future.result()
            yield waiting[future]
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _begin() -> None:
    """End when the process that started this one is gone, however that ended."""
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
