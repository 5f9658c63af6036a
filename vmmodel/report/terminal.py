"""Data frames as tables on a terminal."""

import sys

import pandas as pd
from rich.console import Console
from rich.table import Table


def print_frame(frame: pd.DataFrame, title: str) -> None:
    """Print *frame* to standard output: one line a row, numbers to four figures."""
    table = Table(title=title, title_justify="left")
    for name in frame.columns:
        table.add_column(str(name), overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*map(_cell, row))
    width = None if sys.stdout.isatty() else 160
    Console(highlight=False, width=width).print(table)


def _cell(value: object) -> str:
    """Word a value; not a number is a dash.

    >>> _cell(0.000123456), _cell(float("nan")), _cell(12345)
    ('0.0001235', '-', '12345')
    """
    if isinstance(value, float):
        return "-" if value != value else f"{value:.4g}"
    return str(value)
