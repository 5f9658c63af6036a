"""Trajectories over replications: medians, bands, and designs that agree to the number.

Designs that behave alike draw the same line.  Instead of hiding one under the other, equal ones
are drawn once and named together.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from vmmodel.analysis.tables import BASELINE, Case, Study
from vmmodel.report import style


@dataclass(frozen=True)
class Line:
    """One trajectory and the designs that follow it."""

    designs: tuple[str, ...]
    """Designs with exactly these values in every replication."""
    time_ns: np.ndarray
    """Sample times."""
    median: np.ndarray
    """Median over replications."""
    low: np.ndarray
    """Tenth percentile over replications."""
    high: np.ndarray
    """Ninetieth percentile over replications."""
    panicked: bool = False
    """Whether the line stops because runs panicked."""

    @property
    def lead(self) -> str:
        """The design whose colour is used: the landed one if it is among them."""
        return BASELINE if BASELINE in self.designs else self.designs[0]


def lines(study: Study, case: Case, values: pd.Series) -> list[Line]:
    """Trajectories of *values* (one per sample of the study) in one *case*.

    A design of which runs panicked is followed up to the first panic only: later medians would
    be over the runs that happened to survive.
    """
    samples = study.select(study.samples, case)
    found: list[Line] = []
    keys: list[bytes] = []
    for design in study.designs:
        rows = samples[samples.design == design]
        if rows.empty:
            continue
        table = rows.assign(value=values[rows.index]).pivot_table(
            index="time_ns",
            columns="replication",
            values="value",
            sort=True,
            dropna=False,
        )
        runs = study.select(study.runs, case)
        ended = runs[(runs.design == design) & (runs.outcome == "panic")].end_ns
        if len(ended):
            table = table.loc[: ended.min()]
        table = table.dropna(how="any") if table.notna().all(axis=1).any() else table
        key = table.to_numpy(float).tobytes()
        if key in keys:
            same = found[keys.index(key)]
            found[keys.index(key)] = Line((*same.designs, design), *_rest(same))
            continue
        low, middle, high = np.nanquantile(table.to_numpy(float), [0.1, 0.5, 0.9], axis=1)
        times = table.index.to_numpy(np.int64)
        keys.append(key)
        found.append(Line((design,), times, middle, low, high, bool(len(ended))))
    return found


def _rest(line: Line) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, bool]:
    return line.time_ns, line.median, line.low, line.high, line.panicked


def draw(axes: Axes, found: list[Line], divisor: float) -> None:
    """Draw *found* with bands, marker at the end, and names at the right edge."""
    for line in found:
        seen = style.look(line.lead)
        x = line.time_ns / divisor
        axes.fill_between(x, line.low, line.high, color=seen.light, alpha=0.16, linewidth=0)
        axes.plot(x, line.median, color=seen.light, linestyle=seen.dash)
        axes.plot(x[-1:], line.median[-1:], seen.marker, color=seen.light, markersize=5)
    _name(axes, found)


def joined(designs: tuple[str, ...], width: int = 26) -> str:
    r"""Names of equal designs, on as few lines as fit *width* characters.

    >>> joined(("freeable", "separate", "batch")).splitlines()
    ['freeable = separate', '= batch']
    """
    rows = [designs[0]]
    for name in designs[1:]:
        if len(rows[-1]) + len(name) + 3 <= width:
            rows[-1] += f" = {name}"
        else:
            rows.append(f"= {name}")
    return "\n".join(rows)


def _name(axes: Axes, found: list[Line]) -> None:
    """Write the names beside the line ends, pushed apart so that none covers another."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    to_share = axes.transLimits.transform
    scaled = axes.transScale.transform
    drawing = axes.figure
    inches = axes.get_position().height * drawing.get_figure(root=True).get_figheight()
    pitch = 0.135 / inches
    marks = []
    for line in found:
        text = joined(line.designs)
        if line.panicked:
            text += "\n(until a run panics)"
        at = to_share(scaled((0, line.median[-1])))[1]
        marks.append((min(max(at, 0.0), 1.0), text, line))
    marks.sort(key=lambda mark: mark[0])
    heights = [pitch * (mark[1].count("\n") + 1) for mark in marks]
    spots = _apart([mark[0] for mark in marks], heights)
    for (at, text, line), spot in zip(marks, spots, strict=True):
        seen = style.look(line.lead)
        kwargs: dict[str, Any] = {"transform": axes.transAxes, "clip_on": False}
        if not line.panicked:
            axes.plot([1.005, 1.03], [at, spot], color=seen.light, linewidth=0.7, **kwargs)
        axes.plot([1.04], [spot], seen.marker, color=seen.light, markersize=4.5, **kwargs)
        axes.text(1.055, spot, text, va="center", transform=axes.transAxes, linespacing=1.1)


def _apart(wanted: list[float], heights: list[float]) -> list[float]:
    """Positions near *wanted* (ascending) at which boxes of *heights* do not overlap."""
    spots: list[float] = []
    for at, height in zip(wanted, heights, strict=True):
        floor = spots[-1] + (heights[len(spots) - 1] + height) / 2 if spots else -1.0
        spots.append(max(at, floor))
    over = (spots[-1] + heights[-1] / 2 - 1.05) if spots else 0.0
    for index in range(len(spots) - 1, -1, -1):
        if over <= 0:
            break
        spots[index] -= over
        if index:
            gap = (heights[index] + heights[index - 1]) / 2
            over = spots[index - 1] + gap - spots[index]
    return spots


def numbers(found: list[Line], divisor: float, unit: str, rows: int = 9) -> pd.DataFrame:
    """The drawn medians and bands at about *rows* times, one row per line and time."""
    parts = []
    for line in found:
        pick = np.unique(np.linspace(0, len(line.time_ns) - 1, rows).round().astype(int))
        parts.append(
            pd.DataFrame(
                {
                    "design": " = ".join(line.designs),
                    f"time ({unit})": (line.time_ns[pick] / divisor).round(3),
                    "median": line.median[pick],
                    "10 %": line.low[pick],
                    "90 %": line.high[pick],
                }
            )
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
