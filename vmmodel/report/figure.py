"""A figure for a page or a notebook: SVG, alt text, caption, and the numbers behind it.

The SVG has no background and no fixed black, so that it is readable on light and dark pages;
text stays text.  Two drawings of the same data give the same bytes: identifiers are salted
with the figure's name and no date is written.
"""

import base64
import html
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure as Canvas
from PIL import Image

from vmmodel.report import style
from vmmodel.report.markup import frame_html

_RC: dict[Any, Any] = {
    "text.parse_math": False,  # names come from files and may hold dollar signs
    "svg.fonttype": "none",
    "font.size": 8.5,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#808080",
    "grid.alpha": 0.25,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "path.simplify": True,
}

WIDTH = 8.4
"""Width of every figure in inches; pages scale it to their column."""


@dataclass(frozen=True)
class Figure:
    """One figure; shows itself in a notebook and in an exported page."""

    name: str
    """Unique on its page; letters, digits and hyphens."""
    svg: str
    """The drawing, or empty when there was nothing to draw and the caption says why."""
    alt: str
    """What a reader who cannot see it needs to know."""
    caption: str
    """One or two sentences below it; plain text."""
    data: pd.DataFrame = field(default_factory=pd.DataFrame)
    """The numbers that were drawn."""

    def _repr_html_(self) -> str:
        if not self.svg:
            return f'<p class="nothing" id="{self.name}">{html.escape(self.caption)}</p>'
        label = html.escape(self.alt, quote=True)
        return (
            f'<figure id="{self.name}"><div class="scroll" tabindex="0" role="group"'
            f' aria-label="Drawing; scrolls sideways on a narrow screen">'
            f'<div class="plot" role="img" aria-label="{label}">{self.svg}</div></div>'
            f"<figcaption>{html.escape(self.caption)}{self._numbers()}</figcaption></figure>"
        )

    def _numbers(self) -> str:
        if self.data.empty:
            return ""
        table = frame_html(self.data, f"Numbers behind the figure: {self.name}")
        return f"<details><summary>Numbers behind this figure</summary>{table}</details>"

    def __repr__(self) -> str:
        return f"Figure({self.name!r}: {self.caption})"


def nothing(name: str, sentence: str) -> Figure:
    """A figure that could not be drawn and says so in one *sentence*."""
    return Figure(name, "", sentence, sentence)


@contextmanager
def canvas(height: float) -> Iterator[Canvas]:
    """An empty drawing of the common width in the common style."""
    with mpl.rc_context(_RC):
        yield Canvas(figsize=(WIDTH, height))


def to_svg(drawing: Canvas, name: str) -> str:
    """SVG of a *drawing* to stand inside a page, salted with *name*."""
    buffer = io.BytesIO()
    with mpl.rc_context({**_RC, "svg.hashsalt": name}):
        drawing.savefig(
            buffer,
            format="svg",
            transparent=True,
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    return _clean(buffer.getvalue().decode("utf-8"))


def _clean(svg: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.S)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.S)
    referred = set(re.findall(r"#([A-Za-z][\w.-]*)", svg))
    svg = re.sub(r' id="([^"]+)"', lambda found: found[0] if found[1] in referred else "", svg)
    svg = re.sub(r'(<svg[^>]*?) (width|height)="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) (width|height)="[^"]*"', r"\1", svg, count=1)
    svg = svg.replace(
        "<svg ",
        '<svg fill="currentColor" font-family="system-ui, sans-serif" aria-hidden="true" ',
        1,
    )
    # The namespace of links is inlined HTML's own; the attribute alone serves browsers.
    svg = svg.replace("xlink:href", "href").replace(
        ' xmlns:xlink="http://www.w3.org/1999/xlink"', ""
    )
    svg = re.sub(r" ?font-family: [^;\"]*;?", "", svg)  # the page's own letters
    svg = re.sub(r' transform="rotate\(-0 [^)]*\)"', "", svg)
    # A tenth of a point is enough for places; text and style are left alone.
    svg = re.sub(
        r' (?:d|x|y|points)="[^"]*"',
        lambda place: re.sub(r"(\d\.\d)\d+", r"\1", place[0].replace("\n", "")),
        svg,
    )
    svg = svg.replace("#000000", "currentColor")
    for one in style.every_look():
        svg = svg.replace(one.light, f"var({one.variable}, {one.light})")
    svg = re.sub(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)", _palette, svg)
    return re.sub(r"\n\s*", "\n", svg)


def _palette(found: re.Match[str]) -> str:
    """Store a picture of few colours with a palette: a fifth of the size, the same pixels."""
    picture: Image.Image = Image.open(io.BytesIO(base64.b64decode(found[1])))
    picture = picture.convert("RGB").quantize(16, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
