"""What the difference between two designs rests on: effects, shares of variance, robustness."""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from vmmodel.analysis import sensitivity as analysis
from vmmodel.analysis.family import Primary, primary
from vmmodel.report import style
from vmmodel.report.figure import Figure, canvas, nothing, to_svg

_MOST = 6
"""Factors that are drawn for each metric."""
_ROW, _HEAD = 0.21, 0.62


def sensitivity(folder: Path | str, designs: tuple[str, str]) -> Figure:
    """Morris' effects and Sobol's indices for each primary metric that anything moves.

    *folder* is what ``./study sensitivity`` wrote for *designs*.
    """
    tables = analysis.load(Path(folder))
    morris, sobol, robustness = (tables[name] for name in ("morris", "sobol", "robustness"))
    name = f"sensitivity-{'-'.join(designs)}".replace(":", "-")
    shown = {
        primary(metric): _strongest(morris[morris.metric == metric])
        for metric in robustness.metric
        if morris[morris.metric == metric].mu_star.any()
    }
    if not shown:
        return nothing(name, f"Nothing that was varied moves {designs[0]} minus {designs[1]}.")
    sizes = [len(rows) * _ROW + _HEAD for rows in shown.values()]
    with canvas(sum(sizes)) as drawing:
        grid = drawing.subplots(len(shown), 2, squeeze=False, height_ratios=sizes)
        drawing.subplots_adjust(
            left=0.175, right=0.97, top=1 - 0.26 / sum(sizes), bottom=0.4 / sum(sizes),
            hspace=0.8 / (sum(sizes) / len(sizes)), wspace=0.16,
        )  # fmt: skip
        for (left, right), (one, rows) in zip(grid, shown.items(), strict=True):
            _effects(left, rows, one, designs)
            _shares(right, rows, sobol[sobol.metric == one.metric])
        svg = to_svg(drawing, name)
    caption = _caption(robustness, designs)
    return Figure(name, svg, _alt(shown, designs), caption, _numbers(shown, sobol))


def _strongest(rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows[rows.mu_star > 0]
    return rows.sort_values("mu_star", ascending=False, kind="stable").head(_MOST)


def _effects(axes: Axes, rows: pd.DataFrame, one: Primary, designs: tuple[str, str]) -> None:
    seen = style.look(designs[0])
    y = np.arange(len(rows))
    low, high = (rows.mu_star - rows.mu_star_conf).clip(lower=0), rows.mu_star + rows.mu_star_conf
    axes.hlines(y, low, high, color=seen.light, linewidth=2.2)
    axes.plot(rows.mu_star, y, seen.marker, color=seen.light, markersize=5.5, linestyle="none")
    axes.axvline(one.absolute, color="#808080", linestyle=(0, (4, 2)), linewidth=1)
    axes.set_yticks(y, list(rows.factor))
    axes.set_title(f"{one.title}: size of an effect ({one.unit})")
    axes.set_xlim(0, 1.15 * max(float(high.max()), one.absolute))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: style.number(value)))
    _frame(axes, len(rows))


def _shares(axes: Axes, rows: pd.DataFrame, sobol: pd.DataFrame) -> None:
    known = sobol.set_index("factor").reindex(rows.factor)
    y = np.arange(len(rows))
    for column, shift, marker, label in (("S1", -0.14, "o", "alone"), ("ST", 0.14, "D", "in all")):
        half = known[f"{column}_conf"]
        low, high = ((known[column] + sign * half).clip(0, 1) for sign in (-1, 1))
        axes.hlines(y + shift, low, high, color="#808080", linewidth=1.6)
        fill = "none" if column == "S1" else "#808080"
        axes.plot(
            known[column].clip(0, 1), y + shift, marker, color="#808080", markersize=4.5,
            markerfacecolor=fill, linestyle="none", label=label,
        )  # fmt: skip
    for place in y[known.ST.isna().to_numpy()]:
        axes.text(0.02, place, "not carried on to Sobol", va="center", fontsize=7.5)
    axes.set_title("share of variance: alone, in all (filled)")
    axes.set_xlim(-0.03, 1.03)
    axes.set_yticks(y, [])
    _frame(axes, len(rows))


def _frame(axes: Axes, n: int) -> None:
    axes.set_ylim(n - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")


def _caption(robustness: pd.DataFrame, designs: tuple[str, str]) -> str:
    said = [_robust(row) for row in robustness.to_dict("records")]
    return (
        f"{designs[0]} minus {designs[1]}. Left: Morris, with bootstrap interval; left of the"
        " dashed line an effect is smaller than what counts as a difference. Right: Sobol on what"
        f" survived, cut to 0 to 1. {' '.join(said)}"
    )


def _robust(row: Mapping[Hashable, Any]) -> str:
    title = primary(row["metric"]).title
    text = (
        f"{title[0].upper()}{title[1:]}: the sign holds at {style.percent(row['holds'], 0)} of"
        f" {row['points']} points spread over the space"
        f" [{style.percent(row['low'], 0)}, {style.percent(row['high'], 0)}]"
    )
    if 0 < row["ties"] < 1:
        text += f", and at {style.percent(row['ties'], 0)} the two tie"
    if np.isnan(row["nearest_turn"]):
        return f"{text}; it turned at no point tried."
    return (
        f"{text}; the nearest point where it turns is {row['nearest_turn']:.2f} away ({row['by']})."
    )


def _alt(shown: dict[Primary, pd.DataFrame], designs: tuple[str, str]) -> str:
    parts = [
        f"{one.title}: {', '.join(f'{r.factor} {style.number(r.mu_star, 1)}' for r in _rows(rows))}"
        for one, rows in shown.items()
    ]
    return (
        f"Dots with intervals: what moves {designs[0]} minus {designs[1]}, strongest first."
        f" {'. '.join(parts)}."
    )


def _rows(rows: pd.DataFrame) -> list[pd.Series]:
    return [row for _, row in rows.iterrows()]


def _numbers(shown: dict[Primary, pd.DataFrame], sobol: pd.DataFrame) -> pd.DataFrame:
    rows = pd.concat(shown.values(), ignore_index=True)
    return rows.merge(sobol, on=["metric", "factor"], how="left").round(3)
