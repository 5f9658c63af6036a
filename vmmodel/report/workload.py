"""A workload's load over time, as it was drawn before any design saw it."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from vmmodel.report.figure import Figure, canvas, to_svg

INK = "#000000"
"""Colours are those of designs, which do not matter here; a page makes black its own."""
_DASHES = ("-", (0, (4, 2)), (0, (1, 1)))
MEMORY = (
    "file MiB", "anonymous MiB", "file+anon MiB", "kernel MiB", "held MiB", "at most MiB",
    "at least MiB",
)  # fmt: skip
PANELS = (
    ("memory asked for", "GiB", MEMORY, 1024.0),
    ("items held", "items", ("processes", "VM objects"), 1.0),
    ("NOFREE pages needed if nothing fails", "pages", ("NOFREE pages",), 1.0),
    ("requests in a slice", "requests", ("NOFREE requests",), 1.0),
    ("failures, wrong frees and squeezes in a slice", "events",
     ("failures drawn", "wrong frees", "squeezes"), 1.0),
    ("page requests in a slice", "pages", ("page requests",), 1.0),
    ("pages in a slice", "pages", ("pages moved", "allocated", "freed"), 1.0),
)  # fmt: skip
"""Title, unit, columns and divisor of each drawing, one under the other, where it has columns."""


def load_figure(
    name: str, columns: Mapping[str, Any], phases: list[tuple[str, float, float]]
) -> Figure:
    """Draw what workload *name* asks for over the first of its *columns*.

    *phases* are (name, start, end) in the unit of that column.
    """
    data = pd.DataFrame(dict(columns))
    drawn = [panel for panel in PANELS if any(column in data for column in panel[2])]
    with canvas(1.8 * len(drawn)) as drawing:
        panels = drawing.subplots(len(drawn), 1, sharex=True, squeeze=False)[:, 0]
        drawing.subplots_adjust(left=0.09, right=0.86, top=0.94, bottom=0.09, hspace=0.38)
        for axes, (title, unit, wanted, divisor) in zip(panels, drawn, strict=True):
            _panel(axes, data, [column for column in wanted if column in data], divisor)
            axes.set_title(title)
            axes.set_ylabel(unit)
        _phases(panels, phases)
        x = data[data.columns[0]]
        panels[-1].set_xlabel(x.name)
        panels[-1].set_xlim(0, max([x.iloc[-1], *(end for _, _, end in phases)]))
        svg = to_svg(drawing, f"load-{name}")
    return Figure(f"load-{name}", svg, _alt(name, data), _caption(name), data)


def _panel(axes: Axes, data: pd.DataFrame, wanted: list[str], divisor: float) -> None:
    """Draw lines that name themselves at their end; those far below the largest get a scale."""
    for column, dash in zip(wanted, _DASHES, strict=False):
        values = data[column] / divisor
        axes.plot(data[data.columns[0]], values, color=INK, linestyle=dash)
        label = column.removesuffix(" MiB")
        axes.annotate(label, (1.01, values.iloc[-1]), xycoords=("axes fraction", "data"),
                      va="center")  # fmt: skip
    peaks = [data[column].max() for column in wanted]
    if len(peaks) > 1 and min(peaks) > 0 and max(peaks) > 100 * min(peaks):
        axes.set_yscale("log")
    else:
        axes.set_ylim(0, 1.25 * max([*peaks, 1e-9]) / divisor)  # room for the names of phases


def _phases(panels: Any, phases: list[tuple[str, float, float]]) -> None:
    for i, (name, start, _) in enumerate(phases):
        for axes in panels:
            axes.axvline(start, color="#808080", linewidth=0.6, linestyle=(0, (2, 2)))
        axes, low = panels[0], 0.97 - 0.1 * (i % 2)
        axes.annotate(f" {name}", (start, low), xycoords=("data", "axes fraction"), va="top")


def _alt(name: str, data: pd.DataFrame) -> str:
    memory = [column for column in MEMORY if column in data and column != "at least MiB"]
    peak = data[memory].sum(axis=1).max() / 1024
    x = data.columns[0]
    return f"Load of {name} over {data[x].iloc[-1]:.3g} {x}: at most {peak:.3g} GiB asked."


def _caption(name: str) -> str:
    return (
        f"What {name} asks for, drawn before any design sees it. Memory is what was asked for and "
        "not given back, whatever the page daemon takes meanwhile."
    )
