"""Q4: should a chunk whose pages are all idle go back to the buddy lists?

Two things are measured.  What the kernel as it is gives back: pages of slabs and objects that could
not be used, for NOFREE consumers give back nothing else.  And what would be if they did: pages in
use are given back at random, all at once, or turned over after a spike.
"""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes

from vmmodel.analysis.expected import whole_chunks
from vmmodel.analysis.metrics import KEY
from vmmodel.analysis.paired import Paired
from vmmodel.analysis.statistics import median_interval
from vmmodel.analysis.summary import Metric
from vmmodel.experiment.scenario import Scenario, scenario
from vmmodel.questions.base import Answer, Lab, Question
from vmmodel.questions.drawing import GREY, line, look, rows_of_dots
from vmmodel.questions.effects import as_interval, difference
from vmmodel.questions.giving import (
    AT_ONCE,
    CHUNKS,
    PAGES,
    SHARES,
    TURNOVER,
    Row,
    at_once,
    turnovers,
)
from vmmodel.questions.requests import pages_given_back, request_times
from vmmodel.questions.turning import crossing, reached
from vmmodel.questions.wording import brief, change, short_design
from vmmodel.report import style
from vmmodel.report.figure import Figure, canvas, to_svg

BASELINE, JUDGED = "freeable", "reclaim"
ORDERED = "reclaim,reuse=address"
BITMAP = "reclaim,structure=bitmap,reuse=address"
AS_IT_IS = (BASELINE, JUDGED, ORDERED)
IF_GIVEN = (BASELINE, JUDGED, "freeable,reuse=address", ORDERED, BITMAP)

MOST_TURNOVERS = {False: 8, True: 16}
"""By whether the full profile is asked for."""

COLUMNS = {
    "scenario": "story; at-once and turnover are of consumers that give back, with no clock",
    "setting": "what varies in it",
    "design": "design",
    "replication": "0.. ; the same number met the same requests",
    "pinned_regions": "2 MB regions with a NOFREE page, at the end",
    "taken": "NOFREE pages asked for",
    "came_back": "of them given back, pages",
    "imports": "chunks taken from the buddy lists",
    "blocks_returned": "chunks given back to them, 2 MB blocks",
    "whole_chunks": "chunks all idle or given back (at-once)",
    "whole_expected": "the same by the formula for pages drawn evenly (at-once)",
    "fewest_in_use": "pages in use in the emptiest chunk still held (no clock)",
    "request_ns": "mean time of a request, waiting and priced work, ns (with a clock)",
    "operation_ns": "priced work of the structure for a page taken or given back, ns (no clock)",
    "most_pages_touched": "page structures touched by one operation at most (no clock)",
}


def _as_it_is(full: bool) -> tuple[Scenario, ...]:
    """Give the stories in which NOFREE pages come back, and the spike in which none does."""
    rates = ("0.001", "0.01", "0.1") if full else ("0.001", "0.1")
    # 1 GB, 2 s and half the requests: what comes back depends on requests and failures alone
    small = {"memory_gb": "1", "seconds": "2"}
    cases = [("init-failure", "init_failure", rate, small | {"refills": "1000"}) for rate in rates]
    cases += [("second-resource", "second_failure", "0.001", small | {"requests": "2500"})]
    # six minutes on 8 GB, in which most connections last half a minute: some five chunks
    spike = "horizon=0.1 memory_gb=8 cpus=2 files.content.rate=10000 connections.life.mean=0.5 "
    spike += "workers.rate=1 processes.worker.pages=600 database.total_gb=0.1 database.step=256"
    made = dict(word.split("=") for word in spike.split())
    cases += [("server-spike", "connections.rate", "100", made)]
    return tuple(
        replace(scenario(name, values={**values, key: rate}), setting=f"{key}={rate}")
        for name, key, rate, values in cases
    )


def measure(lab: Lab) -> pd.DataFrame:
    """Run the stories, and give pages back directly."""
    study = lab.study("q4", _as_it_is(lab.full), AS_IT_IS)
    runs = study.runs.merge(request_times(study), on=KEY).merge(pages_given_back(study), on=KEY)
    clocked = runs.assign(blocks_returned=runs.returned // 512, taken=runs.requested_pages)
    rows = [row for r in range(lab.replications) for row in _if_given(lab, r)]
    return pd.concat([clocked, pd.DataFrame(rows)]).reindex(columns=list(COLUMNS))


def _if_given(lab: Lab, replication: int) -> Iterator[Row]:
    for name in (BASELINE, JUDGED):
        yield from at_once(name, lab.seed, replication)
    for name in IF_GIVEN:
        yield from turnovers(name, lab.seed, replication, MOST_TURNOVERS[lab.full])


CLOCKLESS = (AT_ONCE, TURNOVER)


def _judged(table: pd.DataFrame) -> Paired:
    rows = table[(table.scenario == "init-failure") & (table.setting == "init_failure=0.001")]
    return difference(rows, "pinned_regions", JUDGED, BASELINE)


def _over(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Give the turnovers as numbers, beside *column*."""
    rows = table[table.scenario == TURNOVER]
    turns = rows.setting.str.removeprefix("turnovers=").astype(int)
    return rows.assign(turnovers=turns)[["turnovers", "design", "replication", column]]


def _turn(table: pd.DataFrame, design: str) -> tuple[float, int]:
    """Give the turnovers from which *design* pins a region fewer than `freeable`, and the last."""
    wide = _over(table, "pinned_regions").pivot_table(
        index="turnovers", columns="design", values="pinned_regions"
    )
    apart = (wide[design] - wide[BASELINE]).tolist()
    turns = [float(turn) for turn in wide.index]
    return crossing(turns, apart, -1, falling=True), int(turns[-1])


def _last(table: pd.DataFrame) -> pd.DataFrame:
    """Give the rows after the last turnover."""
    rows = table[table.scenario == TURNOVER]
    last: pd.DataFrame = rows[rows.came_back == rows.came_back.max()]
    return last


def answer(table: pd.DataFrame) -> Answer:
    """Say what comes back as the kernel is, and what would if consumers gave pages back."""
    judged = _judged(table)
    sentence = (
        f"In `init-failure` with one slab in a thousand unusable, `{JUDGED}` against `{BASELINE}` "
        f"in pinned 2 MB regions: {change(judged, 'regions', 1)}. {_seen(table)} "
        f"{_given(table)} {_cost(table)}"
    )
    limits = (
        "consumers that drain NOFREE zones; the last two stories are what would be if they did, "
        "with every page as likely to go as any other."
    )
    return Answer(sentence, _turns(table), as_interval(judged), limits)


def _seen(table: pd.DataFrame) -> str:
    """Count what came back with a clock, where only failures and errors give back."""
    rows = table[~table.scenario.isin(CLOCKLESS) & (table.design == JUDGED)]
    spike = rows[rows.scenario == "server-spike"]
    return (
        f"In {len(rows)} runs of the kernel as it is, "
        f"{style.number(rows.came_back.sum())} of {style.number(rows.taken.sum())} NOFREE pages "
        f"came back ({style.number(spike.came_back.sum())} of "
        f"{style.number(spike.taken.sum())} in the spike) and "
        f"`{JUDGED}` gave back {style.number(rows.blocks_returned.sum())} of "
        f"{style.number(rows.imports.sum())} chunks: NOFREE zones never give a slab back, so what "
        "they hold only grows."
    )


def _given(table: pd.DataFrame) -> str:
    """Say what would come back if consumers gave pages back."""
    last, parts = _last(table), []
    for design in (JUDGED, ORDERED):
        one = difference(last, "pinned_regions", design, BASELINE)
        parts.append(f"`{design}` {change(one, 'regions', 1)}")
    turns = int(_over(table, "came_back").turnovers.max())
    return (
        f"If consumers did give back, then {turns} turnovers after a spike that falls to a third, "
        f"against `{BASELINE}`: {'; '.join(parts)}."
    )


def _cost(table: pd.DataFrame) -> str:
    """Say what the bookkeeping costs, for a page taken or given back."""
    last, parts = _last(table), []
    for design in (JUDGED, ORDERED, BITMAP):
        one = difference(last, "operation_ns", design, BASELINE)
        most = last[last.design == design].most_pages_touched.max()
        regained = _for_each_region(last, design)
        parts.append(
            f"`{design}` {change(one, 'ns', 1)} (one operation touches {style.number(most)} page "
            f"structures at most; {regained})"
        )
    return f"The work there for a page taken or given back, against the same: {'; '.join(parts)}."


def _for_each_region(last: pd.DataFrame, design: str) -> str:
    """Word the work that a design adds over a run, for each region that it pins less."""
    regions = -difference(last, "pinned_regions", design, BASELINE).mean
    if not regions > 0:
        return "no region regained"
    operations = (last.taken + last.came_back)[last.design == design].mean()
    work = difference(last, "operation_ns", design, BASELINE).mean * operations
    way = "rises" if work > 0 else "falls"
    each_us = style.number(abs(work) / regions / 1000, 1)
    return f"the work of a run {way} by {each_us} µs for each region regained"


def _turns(table: pd.DataFrame) -> str:
    """Say when chunks would come back: from which share at once, from how many turnovers on."""
    rows = table[(table.scenario == AT_ONCE) & (table.design == JUDGED)]
    whole = rows.groupby("came_back").whole_chunks.mean()
    found = reached(whole.tolist(), 1)
    freed = next(n for n in range(PAGES + 1) if whole_chunks(CHUNKS, n) >= 1)
    parts = [_when(table, design) for design in (JUDGED, ORDERED)]
    return (
        "if NOFREE consumers gave pages back. All at once, in no order, one of "
        f"{CHUNKS} chunks begins to be whole {_shares(found)} (by the formula from "
        f"{style.percent(freed / PAGES, 2)} on). {' '.join(parts)}"
    )


def _shares(i: int | None) -> str:
    """Word between which shares something begins that is there at share number *i*."""
    if i is None:
        return "at no measured share"
    less = style.percent(SHARES[i - 1]) if i else "none"
    return f"between {less} and {style.percent(SHARES[i])} of the pages"


def _when(table: pd.DataFrame, design: str) -> str:
    found, last = _turn(table, design)
    if found != found:
        return f"`{design}` does not pin a region less within {last} turnovers."
    return f"`{design}` pins a region less than `{BASELINE}` from {found:.1f} turnovers on."


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Give, by story, setting and design, what came back and what stayed pinned.

    Chunks are those given back / imported; the emptiest chunk is told by its pages in use.
    """
    rows = []
    for (story, setting), case in table.groupby(["scenario", "setting"], sort=False):
        for design, runs in case.groupby("design", sort=False):
            row = {"story": story, "setting": setting, "design": short_design(str(design))}
            rows.append(row | _summed(case, str(design), runs))
    return pd.DataFrame(rows)


def _summed(case: pd.DataFrame, design: str, runs: pd.DataFrame) -> dict[str, str]:
    apart = "baseline"
    if design != BASELINE:
        apart = brief(difference(case, "pinned_regions", design, BASELINE), 1)
    return {
        "pages back / taken": f"{runs.came_back.sum():,} / {runs.taken.sum():,}",
        "chunks back / in": f"{runs.blocks_returned.sum():,} / {runs.imports.sum():,}",
        "pinned, regions": style.number(median_interval(runs.pinned_regions).estimate, 1),
        f"minus {BASELINE}": apart,
        "emptiest, pages": style.number(median_interval(runs.fewest_in_use).estimate),
    }


def figure(table: pd.DataFrame) -> Figure:
    """Draw the difference as the kernel is, and what would come back in two counterfactuals."""
    with canvas(3.1) as drawing:
        left, middle, right = drawing.subplots(1, 3, width_ratios=[0.9, 0.9, 1.2])
        drawing.subplots_adjust(left=0.2, right=0.985, top=0.9, bottom=0.33, wspace=0.3)
        _draw_as_it_is(left, table)
        _draw_at_once(middle, table)
        _draw_turnovers(right, table)
        lines = right.get_legend_handles_labels()
        drawing.legend(*lines, loc="lower center", ncols=3, frameon=False)
        svg = to_svg(drawing, "q4")
    rows = summary(table)
    return Figure("q4", svg, _alt(table), _caption(table), rows)


def _draw_as_it_is(axes: Axes, table: pd.DataFrame) -> None:
    rows = []
    clocked = table[~table.scenario.isin(CLOCKLESS)]
    for (story, setting), case in clocked.groupby(["scenario", "setting"], sort=False):
        one = as_interval(difference(case, "pinned_regions", JUDGED, BASELINE))
        rows.append((f"{story}\n{setting}", one, look(JUDGED)))
    rows_of_dots(axes, rows)
    axes.set_xlim(min(-1.5, *axes.get_xlim()), max(1.5, *axes.get_xlim()))
    axes.set_title("The kernel as it is")
    axes.set_xlabel(f"pinned regions, {JUDGED}\nminus {BASELINE}, in pairs")


def _draw_at_once(axes: Axes, table: pd.DataFrame) -> None:
    rows = table[(table.scenario == AT_ONCE) & (table.design == JUDGED)]
    expected = rows.groupby("came_back").whole_expected.first()
    places = {back: i for i, back in enumerate(expected.index)}
    axes.plot(range(len(places)), expected, color=GREY, linestyle=":", label="formula")
    line(axes, rows.assign(place=rows.came_back.map(places)), "place", "whole_chunks", JUDGED)
    axes.set_xticks(range(len(places)), [f"{PAGES - back:.0f}" for back in places])
    axes.set_title("If pages went at once")
    axes.set_xlabel(f"pages still in use, of {style.number(PAGES)}")
    axes.set_ylabel(f"whole chunks, of {CHUNKS}")
    axes.legend(loc="upper left", frameon=False)


def _draw_turnovers(axes: Axes, table: pd.DataFrame) -> None:
    rows = _over(table, "pinned_regions")
    for design in rows.design.unique():
        line(axes, rows, "turnovers", "pinned_regions", str(design))
    axes.set_ylim(bottom=0)
    axes.set_title("If they turned over after a spike")
    axes.set_xlabel("turnovers since the spike fell to a third")
    axes.set_ylabel("pinned 2 MB regions")


def _alt(table: pd.DataFrame) -> str:
    medians = _last(table).groupby("design", sort=False).pinned_regions.median()
    words = ", ".join(f"{design} {style.number(value)}" for design, value in medians.items())
    return (
        f"Pinned regions as the kernel is, {JUDGED} minus {BASELINE}: "
        f"{change(_judged(table), 'regions', 1)} in init-failure. "
        f"After the last turnover, medians: {words}."
    )


def _caption(table: pd.DataFrame) -> str:
    runs = table.replication.nunique()
    return (
        f"Left: paired differences over {runs} replications with t intervals; a dot without a bar "
        "is equal in every pair. Middle: pages given back in no order; dotted, the closed formula. "
        "Right: a third of a spike's pages stays and is turned over, each page as likely to go as "
        "any other; medians, bands from least to most; equal lines lie on one another."
    )


Q4 = Question(
    name="Q4",
    asks="Should chunks be rebuilt and given back to the buddy allocator?",
    freebsd="not done in any source read: a chunk is NOFREE for good",
    primary=Metric("pinned_regions", "pinned regions at the end", "regions of 2 MB", -1, 1),
    judged=f"`{JUDGED}` minus `{BASELINE}` in init-failure, one slab in a thousand failing",
    columns=COLUMNS,
    measure=measure,
    answer=answer,
    figure=figure,
    summary=summary,
)
