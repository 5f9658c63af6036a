"""The bulk benchmark against the free lock: what is published, and what is predicted."""

import pandas as pd
from matplotlib.axes import Axes

from vmmodel.report import style
from vmmodel.report.figure import Figure, canvas, to_svg

LOOKS = {"alloc": "LLFree", "free": "ordinary"}
"""Looks of the two phases: the lines are of no design."""
WORDS = {"alloc": "allocating", "free": "freeing"}


def bulk_curve(table: pd.DataFrame) -> Figure:
    """Time of one page against cores, with the fitted range shaded.

    *table* has a row for each phase and number of cores: `phase`, `cores`, `predicted_ns`,
    `low_ns`, `high_ns`, `published_ns` (NaN where nothing is published), `fitted`, and whether the
    machine that was measured has so many cores, `within_machine`.
    """
    name = "lock-bulk"
    fitted = table[table.fitted].cores
    machine = int(table[table.within_machine].cores.max())
    with canvas(3.0) as drawing:
        both = drawing.subplots(1, 2)
        drawing.subplots_adjust(left=0.075, right=0.985, top=0.885, bottom=0.15, wspace=0.18)
        for axes, most in zip(both, (int(fitted.max()), int(table.cores.max())), strict=True):
            _draw(axes, table[table.cores <= most], (fitted.min(), fitted.max()))
            axes.set_xlim(0.5, most + 0.5)
            axes.set_ylim(bottom=0)
        both[0].set_title("fitted range")
        both[1].set_title("prediction, 95 % interval")
        both[1].axvline(machine, color="#808080", linewidth=0.8, linestyle=(0, (2, 2)))
        both[1].text(machine + 0.8, 60, "cores of the machine end here")
        svg = to_svg(drawing, name)
    ends = table[table.cores == table.cores.max()].set_index("phase")
    words = "; ".join(
        f"{WORDS[str(phase)]} {row.predicted_ns:,.0f} ns [{row.low_ns:,.0f}, {row.high_ns:,.0f}]"
        for phase, row in ends.iterrows()
    )
    return Figure(
        name,
        svg,
        f"Time of one order-0 page against cores, published points and model. "
        f"With {table.cores.max()} cores: {words}.",
        "Points are published (Linux 6.0, mean of four runs), lines the model. Shaded: the cores "
        "that were fitted. The model knows one queue and one cost of a hand-off; hardware threads "
        "and a second socket are not in it.",
        _numbers(table),
    )


def _draw(axes: Axes, table: pd.DataFrame, fitted: tuple[int, int]) -> None:
    axes.axvspan(fitted[0] - 0.5, fitted[1] + 0.5, color="#808080", alpha=0.13, linewidth=0)
    for phase, rows in table.groupby("phase", sort=False):
        seen = style.look(LOOKS[str(phase)])
        axes.fill_between(
            rows.cores, rows.low_ns, rows.high_ns, color=seen.light, alpha=0.2, linewidth=0
        )
        axes.plot(rows.cores, rows.predicted_ns, color=seen.light, linestyle=seen.dash)
        axes.plot(rows.cores, rows.published_ns, seen.marker, color=seen.light, markersize=4.5)
        axes.annotate(
            WORDS[str(phase)],
            (rows.cores.iloc[-1], rows.predicted_ns.iloc[-1]),
            (-4, 9 if phase == "free" else -34),
            textcoords="offset points",
            ha="right",
        )
    axes.set(xlabel="cores", ylabel="ns per page")


def _numbers(table: pd.DataFrame) -> pd.DataFrame:
    shown = [1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 26, 32, 48, 52, 64]
    return table[table.cores.isin(shown)].round(1).reset_index(drop=True)
