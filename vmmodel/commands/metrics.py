"""Print all 21 metrics of a folder of tables, per design and machine by machine.

Every number is the median over replications with its exact interval, beside the denominator that
it rests on; verdicts are the share of runs that got them.  Designs that agree to the last digit
share a line.  Runs that panicked are left out and counted; a sentence says so where that is all of
them.  A dash, or a design that is missing, says that there is nothing to count: no chunks, no
reservations, no free page, too short a run, no run that came to its end, or tables of an older
version.
"""

import argparse
import math
import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from vmmodel.analysis.metrictable import Row
    from vmmodel.analysis.tables import Case

EPILOG = """\
  ./study run second-resource --replications 10 --out /tmp/r
  ./study metrics /tmp/r                                     every design
  ./study metrics /tmp/r --design freeable --design batch    two of them
  ./study metrics /tmp/r --csv /tmp/r.csv                    also formulas and how to read them

how to read it: 9a is the harm, 13a the safety, 15d (p99) the cost; 14 is what FreeBSD's own leak
scripts would say, 18 why requests failed with memory free (nobody in the model asks for contiguous
memory), 20d what a longer list of idle runs costs, and 21 must be 0.  The interval of a median over
10 runs holds the truth in 97.9 % of studies; with fewer than 6 runs it is the whole range and holds
it in less than 95 %.
"""

WIDTH = 160
"""Columns where the output is no terminal."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="the folder of a sweep")
    parser.add_argument(
        "--design", action="append", default=[], help="a design; may be repeated (default: all)"
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="also write the rows to FILE")


def run(arguments: argparse.Namespace) -> int:
    """Print a table for each machine, and write all rows if asked to."""
    from vmmodel.analysis.metrictable import metric_rows, write_csv
    from vmmodel.analysis.tables import Case, load
    from vmmodel.report.terminal import plain_console

    study = load(arguments.folder)
    chosen = _designs(arguments.folder, arguments.design, study.designs)
    if arguments.csv is not None:
        _check_place(arguments.csv, arguments.folder)
    rows = metric_rows(study, chosen)
    console = plain_console(width=None if sys.stdout.isatty() else WIDTH)
    for case, of_case in groupby(rows, lambda row: Case(row.scenario, row.variant, row.setting)):
        shown = list(of_case)
        console.print(_table(case, shown) if any(row.n for row in shown) else _nothing(case, shown))
    if arguments.csv is not None:
        write_csv(rows, arguments.csv)
        print(arguments.csv)
    return 0


def _designs(folder: Path, wanted: list[str], known: list[str]) -> tuple[str, ...]:
    from vmmodel.errors import InputError, meant, shown

    for name in wanted:
        if name not in known:
            what = f"has no design {shown(name)}{meant(name, known)}"
            raise InputError(folder, what, f"one of {', '.join(known)}")
    return tuple(name for name in known if not wanted or name in wanted)


def _check_place(path: Path, sweep: Path) -> None:
    """Refuse, before any work, a place where the rows cannot or must not be written."""
    from vmmodel.commands.files import check_file
    from vmmodel.errors import InputError

    check_file(path)
    if path.parent.resolve() == sweep.resolve():
        raise InputError(path, "would lie among the tables of the sweep", "another folder")


def _nothing(case: "Case", rows: "list[Row]") -> str:
    """Word that a case has no run to sum up."""
    runs = sum({row.design: row.runs for row in rows}.values())
    return f"{case.label}: every run panicked ({runs} of {runs}), so there is nothing to sum up."


def _table(case: "Case", rows: "list[Row]") -> "Table":
    from rich.table import Table

    names = ("", "metric", "unit", "of what", "design", "value", "interval", "covers", "runs")
    table = Table(*names, title=case.label, title_justify="left")
    for _, group in groupby(rows, lambda row: (row.number, row.metric)):
        lines = list(group)
        heads = [lines[0].number, lines[0].metric, lines[0].unit, lines[0].denominator]
        for designs, words in _lines(lines).items():
            table.add_row(*heads, designs, *words)
            heads = [""] * len(heads)
    return table


def _lines(rows: "list[Row]") -> dict[str, tuple[str, ...]]:
    """Give one line for all designs with the same numbers, in the order of the first of them.

    A design without a number has no line, unless none has one.
    """
    agree: dict[tuple[str, ...], list[str]] = {}
    for row in [row for row in rows if row.n] or rows:
        agree.setdefault(_words(row), []).append(row.design)
    if len(agree) == 1 and len(rows) == len(next(iter(agree.values()))) > 1:
        return {"all designs": next(iter(agree))}
    return {", ".join(designs): words for words, designs in agree.items()}


def _words(row: "Row") -> tuple[str, ...]:
    interval, covers = "-", "-"
    if row.n > 1:
        interval = f"{_number(row.low)} to {_number(row.high)}"
        covers = f"{100 * row.coverage:.3g} %"
    return _number(row.value), interval, covers, f"{row.n}/{row.runs}"


def _number(value: float) -> str:
    """Print a number with five digits that count.

    >>> _number(1234567.0), _number(0.0123456), _number(12.0), _number(float("nan"))
    ('1,234,567', '0.012346', '12', '-')
    """
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 1e5 else f"{value:,.5g}"
