"""Compare two sweeps: what changed beyond noise, for each case, design and metric.

Runs that drew the same requests are compared in pairs; intervals are of mean differences, and
what is noise is decided over all comparisons together.

Exit status: 0 nothing changed, 1 something did.
"""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

EPILOG = """\
  ./study diff data/runs/before data/runs/after
  ./study diff A B --all                  also what is equal or within noise
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("before", type=Path, metavar="A", help="the folder of a sweep")
    parser.add_argument("after", type=Path, metavar="B", help="the folder of another")
    parser.add_argument("--all", action="store_true", help="show what did not change, too")


def run(arguments: argparse.Namespace) -> int:
    """Print the table of changes and how many there are of each verdict."""
    from vmmodel.analysis.changes import compare
    from vmmodel.analysis.tables import load
    from vmmodel.errors import printable
    from vmmodel.report.terminal import plain_console

    before, after = load(arguments.before), load(arguments.after)
    changes = compare(before, after)
    quiet = changes.verdict.isin(["equal", "within noise"])
    shown = changes if arguments.all else changes[~quiet]
    if len(shown):
        plain_console().print(_table(shown.to_dict("records")))
    counted = changes.verdict.value_counts()
    print(", ".join(f"{verdict}: {n}" for verdict, n in counted.items()))
    digests = [printable(study.meta["model_digest"][:16]) for study in (before, after)]
    same = f"both of model {digests[0]}" if digests[0] == digests[1] else " and ".join(digests)
    print(f"{len(changes)} comparisons of {arguments.before} and {arguments.after}, {same}")
    return 0 if quiet.all() else 1


def _table(rows: list[dict[Any, Any]]) -> "Table":
    from rich.table import Table

    table = Table("case", "design", "metric", "runs", "A", "B", "difference", "95 % interval", "")
    for row in rows:
        case = " ".join(row[key] for key in ("scenario", "variant", "setting") if row[key])
        low, high = row["low"], row["high"]
        interval = "-" if math.isnan(low) else f"{low:,.4g} to {high:,.4g}"
        numbers = (f"{row[key]:,.5g}" for key in ("before", "after", "difference"))
        metric = f"{row['metric']} ({row['unit']})"
        words = (case, row["design"], metric, row["runs"], *numbers, interval)
        table.add_row(*words, row["verdict"])
    return table
