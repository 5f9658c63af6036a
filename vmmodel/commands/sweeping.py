"""What `run` and `report` share: compile first, then run with progress."""

import shlex
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from vmmodel.experiment.meta import describe_sweep
from vmmodel.experiment.sweep import Sweep, Unit, run_sweep


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

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
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
) -> None:
    """Run *sweep* into *folder* and show how far it is."""
    compile_kernel(console)
    units, runs = len(sweep.units()), len(sweep.designs)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} runs"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    finished = count(1)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("Running", total=units * runs)

        def done(_unit: Unit) -> None:
            n = next(finished)
            progress.update(task, completed=n * runs)
            if not console.is_terminal and n * 10 // units > (n - 1) * 10 // units:
                console.print(f"{n * runs} of {units * runs} runs")

        meta = describe_sweep(sweep, command)
        run_sweep(sweep, folder, meta, workers=workers, done=done, keep=keep)


def progress_console() -> Console:
    """Give the console for progress: standard error, so that output can be piped."""
    return Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 100)
