"""Do many things on local processes; Ctrl-C lets what has begun end and begins nothing else."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from typing import TypeVar

from vmmodel.experiment.workers import deaf_to_interrupts, processes

T = TypeVar("T")


def each(work: Callable[[T], None], items: Sequence[T], workers: int) -> Iterator[T]:
    """Call *work* for each item on *workers* processes; give the items as they are done."""
    if workers == 1 or len(items) < 2:
        for item in items:
            work(item)
            yield item
        return
    with processes(workers) as pool:
        with deaf_to_interrupts():  # the processes that are started inherit it
            waiting = {pool.submit(work, item): item for item in items}
        for future in as_completed(waiting):
            future.result()
            yield waiting[future]
