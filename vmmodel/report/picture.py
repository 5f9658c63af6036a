"""The answer in one picture: what each design loses, and how many regions it pins.

``python -m vmmodel.report.picture SWEEP FILE`` writes it for the README.
"""

import html
import sys
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from vmmodel.analysis import summary
from vmmodel.analysis.statistics import Interval, median_interval
from vmmodel.analysis.tables import Case, Study, load
from vmmodel.report import style
from vmmodel.report.figure import Figure, canvas, to_svg

LOSING = ("syzkaller", "second-resource")
FILLED = {"syzkaller": True, "second-resource": False}
_STEP = 0.17


def answer(study: Study) -> Figure:
    """Pages that nobody can use again, by design and story, beside pinned 2 MB regions."""
    lost = {
        (design, scenario): _lost(study, Case(scenario), design)
        for design in study.designs
        for scenario in LOSING
        if scenario in set(study.runs.scenario)
    }
    host = study.main_case("hosts")
    pinned = {
        design: summary.median_of(study, host, design, "pinned_regions")
        for design in study.designs
        if host is not None
    }
    with canvas(0.32 * len(study.designs) + 0.95) as drawing:
        left, right = drawing.subplots(1, 2)
        drawing.subplots_adjust(left=0.135, right=0.97, top=0.87, bottom=0.2, wspace=0.16)
        _draw_lost(left, study, lost)
        _draw_pinned(right, study, pinned, host)
        svg = to_svg(drawing, "lost-and-pinned")
    return Figure(
        "lost-and-pinned",
        svg,
        _alt(lost, pinned),
        _caption(study, host, lost),
        _numbers(lost, pinned),
    )


def _lost(study: Study, case: Case, design: str) -> Interval:
    """Median of leaked pages and chunk pages lost to the general pool, over completed runs."""
    rows = summary.completed(study, case)
    rows = rows[rows.design == design]
    return median_interval(rows.leaked + rows.lost)


def _draw_lost(axes: Axes, study: Study, lost: dict[tuple[str, str], Interval]) -> None:
    for y, design in enumerate(study.designs):
        for (name, scenario), one in lost.items():
            if name == design and one.n:
                offset = -_STEP if FILLED[scenario] else _STEP
                _dot(axes, y + offset, one, design, filled=FILLED[scenario])
        rows = study.runs[(study.runs.design == design) & study.runs.scenario.isin(LOSING)]
        panicked = int((rows.outcome == "panic").sum())
        if panicked:
            axes.text(0.3, y, f"panics in {panicked} of {len(rows)} runs", va="center")
    axes.set_title("pages leaked or lost in a run")
    axes.set_xlabel("pages;  filled: syzkaller,  open: second-resource")
    axes.set_xlim(left=-0.6)
    _rows(axes, study)


def _draw_pinned(axes: Axes, study: Study, pinned: dict[str, Interval], host: Case | None) -> None:
    for y, design in enumerate(study.designs):
        if design in pinned and pinned[design].n:
            _dot(axes, y, pinned[design], design, filled=True)
            text = style.number(pinned[design].estimate)
            axes.annotate(text, (pinned[design].high, y), (7, 0), va="center",
                          textcoords="offset points")  # fmt: skip
    axes.set_title("2 MB regions with a NOFREE page")
    axes.set_xlabel(f"regions;  {host.label if host else 'hosts'}")
    axes.set_xlim(0, 1.2 * max((one.high for one in pinned.values() if one.n), default=1))
    _rows(axes, study)
    axes.tick_params(labelleft=False)


def _dot(axes: Axes, y: float, one: Interval, design: str, *, filled: bool) -> None:
    seen = style.look(design)
    if one.low < one.high:
        axes.plot([one.low, one.high], [y, y], color=seen.light, linewidth=1.8)
    face = seen.light if filled else "none"
    axes.plot([one.estimate], [y], seen.marker, color=seen.light, markerfacecolor=face)


def _rows(axes: Axes, study: Study) -> None:
    axes.set_yticks(range(len(study.designs)), study.designs)
    axes.set_ylim(len(study.designs) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")


def _alt(lost: dict[tuple[str, str], Interval], pinned: dict[str, Interval]) -> str:
    said = [
        f"{design} in {scenario} {style.number(one.estimate) if one.n else 'no completed run'}"
        for (design, scenario), one in lost.items()
    ]
    regions = [f"{design} {style.number(one.estimate)}" for design, one in pinned.items() if one.n]
    return (
        f"Pages leaked or lost in a run, medians: {', '.join(said)}. "
        f"2 MB regions with a NOFREE page: {', '.join(regions)}."
    )


def _caption(study: Study, host: Case | None, lost: dict[tuple[str, str], Interval]) -> str:
    some = []
    for design, scenario in lost:
        rows = study.select(summary.per_run(study), Case(scenario))
        rows = rows[rows.design == design]
        count = int((rows.leaked + rows.lost > 0).sum())
        if 0 < count < len(rows):
            some.append(f"{design} in {count} of {len(rows)} runs of {scenario}")
    seldom = f" Not in every run: {'; '.join(some)}." if some else ""
    return (
        "Medians over completed replications with exact order-statistic intervals. Leaked pages "
        "nobody can reach; lost pages left a chunk for the general pool. Regions are those of "
        f"{host.label if host else 'no host'} at the end of the run.{seldom}"
    )


def _numbers(lost: dict[tuple[str, str], Interval], pinned: dict[str, Interval]) -> pd.DataFrame:
    rows = [(design, f"pages lost, {scenario}", one) for (design, scenario), one in lost.items()]
    rows += [(design, "pinned 2 MB regions", one) for design, one in pinned.items()]
    return pd.DataFrame(
        [
            {
                "design": design,
                "what": what,
                "runs": one.n,
                "median": style.number(one.estimate, 1) if one.n else "n/a",
                "interval": style.span(one, 1) if one.n else "n/a",
            }
            for design, what, one in rows
        ]
    )


def standalone(figure: Figure) -> str:
    """Give the drawing as a file of its own, readable on light and dark pages."""
    dark = "".join(f"{one.variable}:{one.dark};" for one in style.every_look())
    css = (
        "<style>svg{color:#1f2328}@media (prefers-color-scheme:dark)"
        f"{{svg{{color:#e6e6e6;{dark}}}}}</style>"
    )
    start = figure.svg.index(">", figure.svg.index("<svg")) + 1
    svg = figure.svg[:start].replace(' aria-hidden="true"', ' role="img"')
    title = f"<title>{html.escape(figure.alt, quote=False)}</title>"
    return f"{svg}\n{title}\n{css}\n{figure.svg[start:]}\n"


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(standalone(answer(load(Path(sys.argv[1])))), encoding="utf-8")
