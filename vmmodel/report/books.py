"""Where NOFREE pages are over time and at the end: in use, idle, leaked, escaped, fallback."""

import pandas as pd
from matplotlib.ticker import FuncFormatter, MaxNLocator

from vmmodel.analysis import summary
from vmmodel.analysis.statistics import median_interval
from vmmodel.analysis.tables import Case, Study
from vmmodel.report import series, style
from vmmodel.report.figure import Figure, canvas, nothing, to_svg
from vmmodel.report.fragmentation import BAND, missing, resolve
from vmmodel.report.markup import Cell, Table

BOOKS = {
    "in_use": "in use: a caller has them, from a chunk",
    "idle": "idle: waiting for the next NOFREE request",
    "leaked": "leaked: nobody has them, nothing can reach them",
    "escaped": "joined the general pool (release kernel)",
    "fallback": "fallback: in use, served outside any chunk",
}


def books_over_time(study: Study, where: str | Case) -> Figure:
    """One panel for each kind of NOFREE page, so that the kinds are never added up."""
    case = resolve(study, where)
    if case is None:
        return missing("books-over-time", where)
    name = f"books-over-time-{case.slug}"
    samples = study.select(study.samples, case)
    shown = [kind for kind in BOOKS if samples[kind].any()]
    if not shown:
        return nothing(name, f"No NOFREE page was recorded in {case.label}.")
    absent = [BOOKS[kind].split(":")[0] for kind in BOOKS if kind not in shown]
    divisor, unit = style.time_unit(float(samples.time_ns.max()))
    height = 1.62 * len(shown) + 0.3
    tables, ends = [], []
    with canvas(height) as drawing:
        panels = drawing.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
        drawing.subplots_adjust(
            left=0.09,
            right=0.735,
            top=1 - 0.25 / height,
            bottom=0.42 / height,
            hspace=0.32,
        )
        for axes, kind in zip(panels, shown, strict=True):
            found = series.lines(study, case, samples[kind].astype(float))
            top = max(line.high.max() for line in found)
            axes.set_ylim(-0.04 * top, 1.08 * top or 1)
            axes.margins(x=0.01)
            axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: style.number(value)))
            axes.set_title(f"{BOOKS[kind]} (pages)")
            series.draw(axes, found, divisor)
            tables.append(series.numbers(found, divisor, unit, 5).assign(kind=kind))
            ends += [
                f"{kind.replace('_', ' ')} {' = '.join(line.designs)}"
                f" {style.number(line.median[-1])}"
                for line in found
            ]
        panels[-1].set_xlabel(f"simulated time ({unit}), {case.label}")
        svg = to_svg(drawing, name)
    zero = f" Zero throughout and not drawn: {', '.join(absent)}." if absent else ""
    data = pd.concat(tables, ignore_index=True)
    return Figure(
        name,
        svg,
        f"Line charts over time in {case.label}, one for each kind of NOFREE page, in pages. "
        f"At the end: {'; '.join(ends)}.",
        f"256 pages are 1 MiB. {BAND}{zero}",
        data[["kind", *[column for column in data if column != "kind"]]],
    )


def leak_table(study: Study, where: str | Case) -> Table:
    """The books of every design at the end: medians with ranges, panicked runs apart."""
    case = resolve(study, where)
    columns = {
        "in_use": "in use",
        "idle": "idle",
        "leaked": "leaked",
        "leaked_fallback": "of them fallback",
        "lost": "lost to the general pool",
        "escaped_fallback": "fallback gone back to it",
        "fallback": "fallback",
        "captured": "captured",
        "rollbacks": "rollbacks",
    }
    if case is None:
        return Table(f"This sweep has no scenario {where}.", ["design"], [])
    rows: list[list[str | Cell]] = []
    for design in study.designs:
        share = summary.panics(study, case, design)
        if not share.n:
            continue
        done = summary.completed(study, case)
        done = done[done.design == design]
        ended = f"{len(done)} of {share.n}"
        rows.append([design, ended, *[_cell(done[column]) for column in columns]])
    return Table(
        f"Pages at the end of {case.label}, medians over the runs that completed"
        " with exact intervals; rollbacks are requests.",
        ["design", "runs completed", *columns.values()],
        rows,
    )


def _cell(values: pd.Series) -> Cell:
    one = median_interval(values)
    if not one.n:
        return Cell("-")
    note = "" if one.low == one.high else style.span(one)
    some = int((values > 0).sum())
    if not one.estimate and some:
        # A median of 0 must not hide that it happened.
        note = f"{note} in {some} of {one.n} runs".strip()
    return Cell(style.number(one.estimate), note)
