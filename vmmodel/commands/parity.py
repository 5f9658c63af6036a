"""Replay recorded answers of FreeBSD's own allocator and compare every row.

Exit status: 0 all rows equal, 1 a difference, 2 a file that cannot be read.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vmmodel.errors import InputError

if TYPE_CHECKING:
    from vmmodel.oracle.parity import Parity

EPILOG = """\
A trace is CSV, plain or gzip, as data/golden/README.md describes it.

  ./study parity data/golden/*.csv.gz
  VMMODEL_CHECKED=1 ./study parity data/golden/small.csv.gz     bounds-checked Python, slowly
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="a golden trace")


def run(arguments: argparse.Namespace) -> int:
    """Replay each file and print a line for it."""
    from vmmodel.commands.sweeping import compile_kernel
    from vmmodel.oracle.parity import check_parity
    from vmmodel.report.terminal import plain_console

    compile_kernel(plain_console(stderr=True))
    status = 0
    for path in arguments.files:
        try:
            parity = check_parity(path)
        except InputError as error:
            sys.stdout.flush()
            sys.stderr.write(f"study: {error}\n")
            status = 2
            continue
        print(_worded(parity), flush=True)
        if not parity.equal:
            status = max(status, 1)
    return status


def _worded(parity: "Parity") -> str:
    rate = f"{parity.rows / max(parity.seconds, 1e-9):,.0f} operations/s"
    if parity.equal:
        return f"{parity.path}: {parity.rows:,} rows equal, {rate}"
    return (
        f"{parity.path}:{parity.line}: difference after {parity.rows - 1:,} equal rows, {rate}\n"
        f"  operation  {parity.row}\n  expected   {parity.expected}\n  got        {parity.got}"
    )
