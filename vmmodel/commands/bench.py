"""Measure the compiled kernel side by side with the same algorithm in C.

Prints tables and writes all rounds as JSON.  Without a C compiler the C columns are missing.
"""

import argparse
import json
import os
import sys
from importlib import import_module
from pathlib import Path

from vmmodel.errors import InputError

PARTS = {
    "allocator": "allocate/free pairs against C, by order and size of memory",
    "traffic": "the whole page traffic, SimPy in charge, against C",
    "clocks": "the compiled clock against SimPy, and SimPy against its bare loop",
    "growth": "time of an operation by pages, CPUs and operations",
    "memory": "bytes for each modelled page",
    "startup": "first compilation, and start from the cache",
    "sweep": "what a sweep costs beside its runs",
}
"""What can be measured: modules of benchmarks/ with `measure` and `tables`."""

EXAMPLES = """\
  ./study bench --quick                three minutes
  ./study bench --part allocator       the comparison with C only

parts:
"""
EPILOG = EXAMPLES + "".join(f"  {name:<10} {what}\n" for name, what in PARTS.items())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--quick", action="store_true", help="smaller memory, fewer rounds")
    parser.add_argument(
        "--part", action="append", choices=PARTS, help="only this; may be repeated (default: all)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("reports/bench.json"), help="the JSON (%(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, write."""
    from vmmodel.commands.sweeping import compile_kernel, progress_console
    from vmmodel.kernel.cstruct import CHECKED
    from vmmodel.paths import ROOT
    from vmmodel.report.terminal import plain_console

    if CHECKED:
        sys.stderr.write("study: VMMODEL_CHECKED=1 compiles nothing: unset it to measure speed\n")
        return 2
    if not (ROOT / "benchmarks").is_dir():
        raise InputError(ROOT / "benchmarks", "is missing", "a full copy of the project")
    _make_folder(arguments.out)
    sys.path.append(str(ROOT))  # benchmarks/ is no part of the installed package
    progress, console = progress_console(), plain_console()
    compile_kernel(progress)
    from benchmarks.machine import describe
    from benchmarks.rounds import Difference

    document: dict[str, object] = {"schema": 1, "quick": arguments.quick, "machine": describe()}
    for part in arguments.part or PARTS:
        module = import_module(f"benchmarks.{part}")
        try:
            document[part] = module.measure(arguments.quick, lambda what: progress.print(what))
        except Difference as difference:
            sys.stderr.write(f"study: {difference}\n")
            return 1
        for table in module.tables(document[part]):
            console.print(table)
    _write(arguments.out, json.dumps(document, indent=1) + "\n")
    console.print(str(arguments.out))
    return 0


def _make_folder(out: Path) -> None:
    """Make the folder of *out* first, so that nothing is measured in vain."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(out, f"cannot be written ({error.strerror})", "a writable file") from None
    if out.is_dir() or not os.access(out.parent, os.W_OK):
        raise InputError(out, "cannot be written", "a writable file")


def _write(path: Path, text: str) -> None:
    """Write *text* beside *path* and rename it into place."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
