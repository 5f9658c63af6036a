"""Tables and paragraphs as HTML that a screen reader can follow.

Every table has a caption, a header for each column and a header for each row, and scrolls in its
own box when the screen is narrower than the table.
"""

import html
import math
import numbers
from dataclasses import dataclass, field

import pandas as pd

from vmmodel.report import style


@dataclass(frozen=True)
class Cell:
    """A table cell of two lines: a value, and under it what it is compared with."""

    value: str
    """First line."""
    note: str = ""
    """Second line, small."""
    mark: str = ""
    """``better``, ``worse`` or empty; said in words as well as in colour."""

    def html(self) -> str:
        """Contents of the cell."""
        text = f"<span>{html.escape(self.value)}</span>"
        if self.note:
            text += f" <small>{html.escape(self.note)}</small>"
        if self.mark:
            text += f' <small class="{self.mark}">{self.mark}</small>'
        return text


@dataclass(frozen=True)
class Table:
    """A table; shows itself in a notebook and in an exported page."""

    caption: str
    """What the rows are."""
    columns: list[str]
    """Headings; the first one stands above the row headings."""
    rows: list[list[str | Cell]]
    """Cells; the first of each row is its heading."""
    text: bool = False
    """Whether the cells are words (left-aligned) rather than numbers."""

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in self.columns)
        body = "".join(
            f'<tr><th scope="row">{_dot(row[0])}{_cell(row[0])}</th>'
            + "".join(f"<td>{_cell(cell)}</td>" for cell in row[1:])
            + "</tr>"
            for row in self.rows
        )
        kind = "words" if self.text else "figures"
        label = html.escape(self.caption.split(".")[0], quote=True)
        return (
            f'<div class="scroll" tabindex="0" role="region" aria-label="Table: {label}">'
            f'<table class="{kind}"><caption>{html.escape(self.caption)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )


@dataclass(frozen=True)
class Prose:
    """Sentences made from the data, as paragraphs; ``code`` in backquotes is kept."""

    paragraphs: list[str] = field(default_factory=list)

    def _repr_html_(self) -> str:
        return "".join(f"<p>{inline(text)}</p>" for text in self.paragraphs)

    def __repr__(self) -> str:
        return "\n\n".join(self.paragraphs)


def inline(text: str) -> str:
    """Escape *text* and turn backquotes into code.

    >>> inline("`a` < b")
    '<code>a</code> &lt; b'
    """
    parts = html.escape(text, quote=False).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


def frame_table(frame: pd.DataFrame, caption: str) -> Table:
    """A data frame as a table; its first column gives the row headings."""
    rows: list[list[str | Cell]] = [
        [_plain(value) for value in row] for row in frame.itertuples(index=False)
    ]
    return Table(caption, [str(name) for name in frame.columns], rows)


def frame_html(frame: pd.DataFrame, caption: str) -> str:
    """The same as HTML."""
    return frame_table(frame, caption)._repr_html_()


def _plain(value: object) -> str:
    if not isinstance(value, numbers.Real):
        return str(value)
    exact = float(value)
    if math.isnan(exact) or exact == round(exact):
        return style.number(exact)
    return style.number(exact, 4 if abs(exact) < 1 else 1)


def _dot(cell: str | Cell) -> str:
    """The colour of a design beside its name, so that tables and figures agree at a glance."""
    name = cell.strip("`") if isinstance(cell, str) else ""
    if name not in style.DESIGNS:
        return ""
    seen = style.DESIGNS[name]
    return f'<span class="dot" style="background: var({seen.variable}, {seen.light})"></span>'


def _cell(cell: str | Cell) -> str:
    return cell.html() if isinstance(cell, Cell) else inline(cell)
