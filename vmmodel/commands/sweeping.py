"""What `run` and `report` share: compile first, then run with progress."""

import shlex
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from vmmodel.errors import printable
from vmmodel.experiment.meta import describe_sweep
from vmmodel.experiment.replacing import replaced
from vmmodel.experiment.sweep import Sweep, run_sweep
from vmmodel.experiment.unit import Unit
from vmmodel.report.terminal import plain_console

if TYPE_CHECKING:
    from vmmodel.experiment.cluster import Cluster


def command_line(words: Sequence[str]) -> str:
    """Word the command that was given, for a reader to repeat."""
    return shlex.join(["./study", *words])


def compile_kernel(console: Console) -> None:
    """Compile the kernel once, before processes are started that would each do it.

    A damaged cache is told and compiled anew.  Where nothing can be written `cache_folder` has said
    so, and each process compiles what it calls.
    """
    from vmmodel.kernel.warm import forget_cache, is_warm

    if is_warm():
        try:
            _warm_up(console, quiet=True)
            return
        except Exception:  # whatever unpickling a damaged file raises
            console.print("The compiled kernel was damaged: compiling again ...")
            forget_cache()
    _warm_up(console, quiet=False)


def _warm_up(console: Console, *, quiet: bool) -> None:
    """Compile or load every function; unless *quiet*, show which one of how many."""
    from vmmodel.traffic.warm import warm_up

    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn()
    if not quiet:
        console.print("Compiling the kernel, once for this version (some 40 s) ...")
    hidden = quiet or not console.is_terminal
    with Progress(*columns, console=console, disable=hidden, transient=True) as progress:
        task = progress.add_task("")

        def tell(name: str, number: int, of: int) -> None:
            progress.update(task, description=name, completed=number - 1, total=of)
            if not quiet and not console.is_terminal and (number - 1) % 20 == 0:
                console.print(f"function {number} of {of}")

        warm_up(tell)


def sweep_with_progress(
    sweep: Sweep,
    folder: Path,
    command: str,
    workers: int | None,
    console: Console,
    *,
    keep: bool = False,
    cluster: "Cluster | None" = None,
    cost: Callable[[Unit], float] = lambda _unit: 0.0,
) -> None:
    """Run *sweep* into *folder* and show how far it is; what costs most by *cost* comes first."""
    meta = describe_sweep(sweep, command)
    lost = replaced(folder, meta)
    if lost:
        sys.stderr.write(f"study: {printable(str(folder))}: {lost}\n")
    compile_kernel(console)
    with Course(len(sweep.units()) * len(sweep.designs), console) as course:
        run_sweep(
            sweep,
            folder,
            meta,
            workers=workers,
            done=course.done,
            keep=keep,
            cluster=cluster,
            say=console.print,
            cost=cost,
        )


class Course:
    """How far a sweep is: runs, rate and time left; a line for each tenth where nobody looks."""

    def __init__(self, runs: int, console: Console) -> None:
        self._runs, self._console, self._finished = runs, console, 0
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} runs"),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self._progress.add_task("Running", total=runs, rate="")
        self._begin: tuple[float, int] | None = None

    def done(self, unit: Unit) -> None:
        """Count the runs of a unit."""
        before, self._finished = self._finished, self._finished + len(unit.designs)
        self._progress.update(self._task, completed=self._finished, rate=self._rate())
        tenth = self._finished * 10 // self._runs
        if not self._console.is_terminal and tenth > before * 10 // self._runs:
            self._console.print(f"{self._finished} of {self._runs} runs {self._rate()}".rstrip())

    def _rate(self) -> str:
        """Runs a second since the first was finished: those found finished come at once."""
        now = time.monotonic()
        if self._begin is None:
            self._begin = now, self._finished
        seconds, runs = now - self._begin[0], self._finished - self._begin[1]
        return f"({runs / seconds:.1f}/s)" if seconds > 1 else ""

    def __enter__(self) -> "Course":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


def progress_console() -> Console:
    """Give the console for progress: standard error, so that output can be piped."""
    return plain_console(stderr=True, width=None if sys.stderr.isatty() else 100)
