"""Figures of the checks: frequencies beside what they should be, and power curves."""

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator, PercentFormatter

from vmmodel.report import style
from vmmodel.report.figure import Figure, canvas, to_svg
from vmmodel.report.markup import Cell, Table

INK, GREY = "#000000", "#808080"
ERRORS = "Bars are two Monte-Carlo standard errors to either side."


def frequencies(table: pd.DataFrame, name: str, label: list[str], should: str) -> Figure:
    """Dots for the share found in each row of *table*, a tick for the share that *should* be.

    The columns *label* name a row; ``share``, ``error`` and ``studies`` are what was found.
    """
    names = [", ".join(_word(row[column], column) for column in label) for row in _rows(table)]
    y = np.arange(len(table))
    height = 0.21 * len(table) + 0.55
    with canvas(height) as drawing:
        axes = drawing.subplots()
        drawing.subplots_adjust(left=0.42, right=0.97, top=1 - 0.1 / height, bottom=0.44 / height)
        axes.plot(table[should], y, "|", color=GREY, markersize=13, markeredgewidth=2.4)
        low, high = table.share - 2 * table.error, table.share + 2 * table.error
        axes.hlines(y, low.clip(lower=0), high.clip(upper=1), color=INK, linewidth=1.4)
        axes.plot(table.share, y, "o", color=INK, markersize=4.5)
        axes.set_yticks(y, names)
        axes.set_ylim(len(table) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_xlabel("share of made-up studies")
        svg = to_svg(drawing, name)
    said = "; ".join(
        f"{one} {style.percent(row['share'])}, {should} {style.percent(row[should])}"
        for one, row in zip(names, _rows(table), strict=True)
    )
    caption = f"Dots: found in {_studies(table)} made-up studies. Ticks: {should}. {ERRORS}"
    return Figure(name, svg, f"Dots beside ticks: {said}.", caption, table.round(4))


def power_curves(table: pd.DataFrame) -> Figure:
    """How often a planted difference is found, by its size, beside the formula for one test."""
    name = "power"
    with canvas(2.6) as drawing:
        axes = drawing.subplots()
        drawing.subplots_adjust(left=0.085, right=0.735, top=0.97, bottom=0.175)
        for (test, rows), marker in zip(table.groupby("test", sort=False), "oD", strict=False):
            axes.errorbar(
                rows.effect, rows.share, 2 * rows.error, color=INK, marker=marker, markersize=4.5,
                linewidth=1.2, linestyle="-" if marker == "o" else (0, (4, 2)), label=str(test),
            )  # fmt: skip
        known = table[table.theory.notna()]
        axes.plot(
            known.effect, known.theory, "_", color=GREY, markersize=14, markeredgewidth=2.4,
            label="noncentral t",
        )  # fmt: skip
        axes.set_ylim(-0.03, 1.05)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_xlabel("planted difference / its standard deviation between pairs")
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
        svg = to_svg(drawing, name)
    said = "; ".join(
        f"{row['test']} at {row['effect']:g}: {style.percent(row['share'], 0)}"
        for row in _rows(table)
    )
    n = int(table.n.iloc[0])
    caption = (
        f"A difference planted in one comparison, {n} pairs, {_studies(table)} made-up studies for"
        f" each point. Ticks: the noncentral t distribution, for one comparison. {ERRORS}"
    )
    return Figure(name, svg, f"Power by effect: {said}.", caption, table.round(4))


def pairing_table(table: pd.DataFrame) -> Table:
    """What pairing gains, by the correlation of what the two designs meet."""
    rows: list[list[str | Cell]] = [
        [
            style.number(row["correlation"], 1),
            style.number(row["reported"], 2),
            style.number(row["paired"], 2),
            style.number(row["broken up"], 2),
        ]
        for row in _rows(table)
    ]
    columns = ["planted correlation", "reported, on average", "in pairs", "pairs broken up"]
    return Table(
        "Half width of the t interval, in standard deviations of one value; ten pairs,"
        f" {_studies(table)} made-up studies for each row.",
        columns,
        rows,
    )


def _word(value: object, column: str) -> str:
    return f"{value} pairs" if column == "n" else str(value)


def _studies(table: pd.DataFrame) -> str:
    least, most = int(table.studies.min()), int(table.studies.max())
    few, many = style.number(least), style.number(most)
    return few if least == most else f"{few} to {many}"


def _rows(table: pd.DataFrame) -> list[pd.Series]:
    return [row for _, row in table.iterrows()]
