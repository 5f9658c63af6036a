"""What `run` and `report` share: compile first, then run with progress."""

import shlex
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from vmmodel.experiment.meta import describe_sweep
from vmmodel.experiment.sweep import Sweep, Unit, run_sweep


def command_line(words: Sequence[str]) -> str:
    """Word the command that was given, for a reader to repeat."""
    return shlex.join(["./study", *words])


def compile_kernel(console: Console) -> None:
    """Compile the kernel once, before processes are started that would each do it."""
    from vmmodel.kernel.warm import forget_cache, is_warm, warm_up

    if not is_warm():
        console.print("Compiling the kernel, once for this version (some 15 s) ...")
    try:
        warm_up()
    except Exception:  # whatever unpickling a damaged file raises
        if not forget_cache():
            raise
        console.print("The compiled kernel was damaged: compiling again ...")
        warm_up()


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
