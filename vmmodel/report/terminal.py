"""What is printed on a terminal: text as it stands, and data frames as tables."""

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd


def plain_console(*, stderr: bool = False, width: int | None = None) -> Console:
    """Give a console that prints text as it stands: brackets in a name or story are no markup."""
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def print_frame(frame: "pd.DataFrame", title: str) -> None:
    """Print *frame* to standard output: one line a row, numbers to four figures."""
    table = Table(title=title, title_justify="left")
    for name in frame.columns:
        table.add_column(str(name), overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*map(_cell, row))
    width = None if sys.stdout.isatty() else 160
    plain_console(width=width).print(table)


def _cell(value: object) -> str:
    """Word a value; not a number is a dash.

    >>> _cell(0.000123456), _cell(float("nan")), _cell(12345)
    ('0.0001235', '-', '12345')
    """
    if isinstance(value, float):
        return "-" if value != value else f"{value:.4g}"
    return str(value)
