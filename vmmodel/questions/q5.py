"""Q5: should NOFREE pages be had by a batch, and may a batch give fewer than were asked for?

The designs compared are the landed one and the same with a batch in place of the loop over pages,
so that nothing else differs.  Near exhaustion the two batches of the thread, which have no free
path, stand beside them.
"""

from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes

from vmmodel.analysis.expected import stranded_tail
from vmmodel.analysis.metrics import KEY
from vmmodel.analysis.paired import Paired, compare
from vmmodel.analysis.statistics import share_interval
from vmmodel.analysis.summary import Metric
from vmmodel.experiment.scenario import Scenario, scenario
from vmmodel.paths import DATA
from vmmodel.questions.base import Answer, Lab, Question
from vmmodel.questions.drawing import GREY, line, share_text
from vmmodel.questions.effects import as_interval, difference
from vmmodel.questions.requests import request_times
from vmmodel.questions.turning import crossing
from vmmodel.questions.wording import brief, change, short_design
from vmmodel.report import style
from vmmodel.report.figure import Figure, canvas, to_svg

LOOP, BATCH, PARTIAL = "freeable", "freeable,multi=batch", "freeable,multi=partial"
WITHOUT_FREE = ("batch", "batch-partial")
JUDGED = 4
SIZES = (1, 2, 3, 4, 5, 16, 64)
"""2 to 5 are what FreeBSD 13 has; a batch of vm_page_alloc_pages() may have more."""
SHORT_SIZES = (2, 4, 16)
EPISODES = 4
"""Of exhaustion in a run, each with twenty levels of what is left."""

COLUMNS = {
    "scenario": "story",
    "setting": "pages of a request, and whether memory is free or short",
    "design": "design; freeable loops over the pages",
    "replication": "0.. ; the same number met the same requests",
    "pages": "pages of a request",
    "memory": "free, or short: at most twice the pages of a request are left",
    "tries": "requests, a try after a sleep counted again",
    "failed": "of them not served",
    "request_ns": "mean time of a request, waiting for the free lock and priced work, ns",
    "wait_ns": "of that waiting for the free lock, ns",
    "holds": "holds of the free lock for a request (memory free), mean",
    "rollbacks": "requests undone half way",
    "rolled_back": "pages given back by them",
    "captured": "of them not from a chunk, which the NOFREE queue keeps from then on, pages",
    "leaked": "pages that nobody can reach",
    "outside": "pages in use from outside any chunk",
    "idle": "pages waiting at the end: the tail of the last chunk, if memory is free",
    "idle_expected": "the same by the formula of a bump pointer (sizes that divide a chunk)",
}


STORY = scenario(str(DATA / "questions" / "several-pages.toml"))
REQUESTS = int(STORY.parameters.described()["requests"]["value"])


def _setting(pages: int, memory: str) -> Scenario:
    """Give the story for one size; short memory leaves 0 to twice the pages of a request."""
    values = {"slab_pages": str(pages)}
    if memory == "short":
        values |= {"episodes": str(EPISODES), "leave_pages": str(2 * pages)}
    return replace(STORY.with_values(values), setting=f"pages={pages} memory={memory}")


def measure(lab: Lab) -> pd.DataFrame:
    """Run every size with memory free, and some with memory nearly exhausted."""
    sizes = range(1, 65) if lab.full else SIZES
    short_sizes = (2, 3, 4, 5, 8, 16, 32, 64) if lab.full else SHORT_SIZES
    free = tuple(_setting(n, "free") for n in sizes)
    short = tuple(_setting(n, "short") for n in short_sizes)
    studies = (
        lab.study("q5-free", free, (LOOP, BATCH, PARTIAL)),
        lab.study("q5-short", short, (LOOP, BATCH, PARTIAL, *WITHOUT_FREE)),
    )
    tables = [study.runs.merge(request_times(study), on=KEY) for study in studies]
    return _columns(pd.concat(tables, ignore_index=True))


def _columns(runs: pd.DataFrame) -> pd.DataFrame:
    varied = runs.setting.str.extract(r"pages=(?P<pages>\d+) memory=(?P<memory>\S+)")
    pages, free = varied.pages.astype(int), varied.memory == "free"
    expected = {n: _tail(n) for n in set(pages)}
    return runs.assign(
        pages=pages,
        memory=varied.memory,
        tries=runs.requests,
        holds=(runs.lock_holds / runs.requests).where(free),  # with pressure, others hold it too
        rolled_back=runs.rolled_back_pages,
        outside=runs.fallback,
        idle_expected=pages.map(expected).where(free),
    )[list(COLUMNS)]


def _tail(pages: int) -> float:
    """Expect the tail of the last chunk after a Poisson number of requests; NaN where it splits."""
    if 512 % pages:
        return float("nan")
    return pages * stranded_tail(REQUESTS, 512 // pages)


def _of(table: pd.DataFrame, pages: int, memory: str = "free") -> pd.DataFrame:
    return table[(table.pages == pages) & (table.memory == memory)]


def _saved(table: pd.DataFrame, pages: int, design: str = BATCH) -> Paired:
    return difference(_of(table, pages), "request_ns", design, LOOP)


def answer(table: pd.DataFrame) -> Answer:
    """Say what a batch saves with memory free, and what it does near exhaustion."""
    judged, rows = _saved(table, JUDGED), _of(table, JUDGED)
    loop = rows[rows.design == LOOP]
    largest = int(table[table.memory == "free"].pages.max())
    sentence = (
        f"With memory free, a request of {JUDGED} pages takes {loop.request_ns.mean():,.0f} ns in "
        f"a loop; a batch against it: {change(judged, 'ns', 1)}, with {_holds(rows, BATCH)} "
        f"instead of {_holds(rows, LOOP)} holds of the free lock. For {largest} pages: "
        f"{change(_saved(table, largest), 'ns')}. {_exhausted(table)} {_lost(table)} "
        f"{_tails(table)}"
    )
    limits = (
        "page caches, which a batch of ordinary pages would use; and other work that meets these "
        "requests at the free lock."
    )
    return Answer(sentence, _turns(table), as_interval(judged), limits)


def _holds(rows: pd.DataFrame, design: str) -> str:
    return f"{rows[rows.design == design].holds.mean():.2f}"


def _exhausted(table: pd.DataFrame) -> str:
    """Say how often requests fail near exhaustion, and what is undone."""
    sizes = sorted({JUDGED, table[table.memory == "short"].pages.max()})
    return f"Near exhaustion: {' '.join(_fails(table, n) for n in sizes)} {_kept(table)}"


def _fails(table: pd.DataFrame, pages: int) -> str:
    """Compare how many tries of one size fail, and what is given back."""
    rows, parts = _of(table, pages, "short"), []
    for design in (LOOP, BATCH, PARTIAL):
        runs = rows[rows.design == design]
        parts.append(
            f"`{design}` {share_text(runs.failed, runs.tries)}, with "
            f"{style.number(runs.rolled_back.sum())} pages rolled back"
        )
    shares = rows.assign(share=100 * rows.failed / rows.tries)
    apart = change(difference(shares, "share", BATCH, LOOP), "percentage points", 1)
    return f"Tries of {pages} pages fail: {'; '.join(parts)}; the batch against the loop: {apart}."


def _kept(table: pd.DataFrame) -> str:
    """Say how many ordinary pages the queue keeps, and whether more pages are idle for it."""
    rows = _of(table, JUDGED, "short")
    captured = rows[rows.design == LOOP].captured.sum()
    apart = change(difference(rows, "idle", LOOP, BATCH), "pages", 1)
    return (
        f"Of the pages of the loop's rollbacks at {JUDGED} pages, {style.number(captured)} were "
        f"ordinary and stay with the NOFREE queue; idle at the end, the loop against the batch: "
        f"{apart}."
    )


def _lost(table: pd.DataFrame) -> str:
    """Say what the batches without a free path lose."""
    rows = table[table.memory == "short"]
    parts = []
    for design in WITHOUT_FREE:
        runs = rows[rows.design == design]
        lossy = share_interval(int((runs.leaked > 0).sum()), len(runs))
        parts.append(
            f"`{design}` leaks {style.number(runs.leaked.sum())} pages, in "
            f"{int((runs.leaked > 0).sum())} of {len(runs)} runs "
            f"({style.percent(lossy.low)} to {style.percent(lossy.high)} of such runs)"
        )
    return f"Without a free path {'; '.join(parts)}."


def _tails(table: pd.DataFrame) -> str:
    """Compare tails of chunks with the formula, and between loop and batch."""
    rows = _of(table, JUDGED)
    apart = difference(rows, "idle", BATCH, LOOP)
    loop = rows[rows.design == LOOP]
    chance = compare(loop.idle, loop.idle_expected, resamples=0)
    return (
        f"The tail of the last chunk has {loop.idle.mean():.0f} pages on average, against the "
        f"formula {change(chance, 'pages')}; with a batch instead of a loop: "
        f"{change(apart, 'pages', 1)}."
    )


def _turns(table: pd.DataFrame) -> str:
    """Say at which size a batch would not be faster, and what it is worth for one page."""
    sizes = sorted(n for n in set(table[table.memory == "free"].pages) if n > 1)
    means = [_saved(table, n).mean for n in sizes]
    found = crossing([float(n) for n in sizes], means, 0)
    where = f"at {found:.1f} pages" if found == found else f"at no size from 2 to {sizes[-1]} pages"
    shares = [-mean / _loop_ns(table, n) for n, mean in zip(sizes, means, strict=True)]
    return (
        f"where a batch is no faster than the loop: {where}; it saves "
        f"{style.percent(min(shares))} to {style.percent(max(shares))} of a request. For single "
        f"pages, which are at least 95 % of NOFREE requests on production amd64: "
        f"{change(_saved(table, 1), 'ns', 1)}."
    )


def _loop_ns(table: pd.DataFrame, pages: int) -> float:
    rows = _of(table, pages)
    return float(rows[rows.design == LOOP].request_ns.mean())


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Give, by setting and design, time, holds, failures and what was undone."""
    rows = []
    for (setting, design), runs in table.groupby(["setting", "design"], sort=False):
        case = table[table.setting == setting]
        timed = runs.memory.iloc[0] == "free"
        apart = difference(case, "request_ns", str(design), LOOP) if design != LOOP else None
        rows.append(
            {
                "pages": runs.pages.iloc[0],
                "memory": runs.memory.iloc[0],
                "design": short_design(str(design)),
                "request, ns": style.number(runs.request_ns.mean()) if timed else "n/a",
                "minus loop, ns": brief(apart, 1) if timed and apart else "n/a",
                "waiting, ns": style.number(runs.wait_ns.mean(), 1) if timed else "n/a",
                "holds": f"{runs.holds.mean():.2f}" if timed else "n/a",
                "failed / tries": f"{runs.failed.sum():,} / {runs.tries.sum():,}",
                "rolled back": f"{runs.rolled_back.sum():,}",
                "captured": f"{runs.captured.sum():,}",
                "leaked": f"{runs.leaked.sum():,}",
                "idle": style.number(runs.idle.mean()),
            }
        )
    return pd.DataFrame(rows)


def figure(table: pd.DataFrame) -> Figure:
    """Draw what a batch saves by size, and what fails and is undone near exhaustion."""
    with canvas(3.0) as drawing:
        left, middle, right = drawing.subplots(1, 3)
        drawing.subplots_adjust(left=0.075, right=0.985, top=0.88, bottom=0.31, wspace=0.32)
        _draw_saved(left, table)
        short = table[table.memory == "short"]
        short = short.assign(
            failing=100 * short.failed / short.tries,
            undone=short.rolled_back / short.failed.where(short.failed > 0),
        )
        _draw_short(middle, short, "failing")
        middle.set_title("Near exhaustion: tries that fail")
        middle.set_ylabel("% of tries")
        middle.set_ylim(bottom=0)
        _draw_short(right, short, "undone")
        right.set_title("and pages rolled back for each")
        right.set_ylabel("pages")
        right.set_ylim(bottom=0)
        middle.legend(
            loc="upper center", bbox_to_anchor=(0.5, -0.2), frameon=False, ncols=5,
            columnspacing=1.2,
        )  # fmt: skip
        svg = to_svg(drawing, "q5")
    return Figure("q5", svg, _alt(table), _caption(table), summary(table))


def _draw_saved(axes: Axes, table: pd.DataFrame) -> None:
    """Draw the difference to the loop as a share of the loop's time."""
    free = table[table.memory == "free"]
    key = ["pages", "replication"]
    loop = free[free.design == LOOP].set_index(key).request_ns
    axes.axhline(0, color=GREY, linewidth=0.8)
    for design in (BATCH, PARTIAL):
        mine = free[free.design == design].set_index(key).request_ns
        apart = (100 * (mine / loop - 1)).rename("apart").reset_index().assign(design=design)
        line(axes, apart, "pages", "apart", design)
    _sizes(axes, sorted(set(free.pages)))
    axes.set_title("Memory free: batch minus loop")
    axes.set_ylabel("% of the loop's time")


def _draw_short(axes: Axes, short: pd.DataFrame, column: str) -> None:
    for design in dict.fromkeys(short.design):
        line(axes, short, "pages", column, design)
    _sizes(axes, sorted(set(short.pages)))


def _sizes(axes: Axes, sizes: list[int]) -> None:
    axes.set_xscale("log", base=2)
    shown = [n for n in sizes if n in (1, 2, 4, 8, 16, 32, 64)]
    axes.set_xticks(shown, [str(n) for n in shown])
    axes.minorticks_off()
    axes.set_xlabel("pages of a request")


def _alt(table: pd.DataFrame) -> str:
    sizes = sorted(set(table[table.memory == "free"].pages))
    parts = [f"{n} pages {change(_saved(table, n), 'ns', 1)}" for n in sizes]
    return f"Time of a request, batch minus loop, by size: {'; '.join(parts)}."


def _caption(table: pd.DataFrame) -> str:
    runs = table.replication.nunique()
    return (
        f"Medians of {runs} replications, bands from least to most. Left: differences on the same "
        "drawn requests. Near exhaustion at most twice the pages of a request are left free; a try "
        "that fails sleeps and tries again."
    )


Q5 = Question(
    name="Q5",
    asks="A batch for NOFREE pages: partial results, or all or nothing?",
    freebsd="not adopted: kmem_back_domain() loops page by page",
    primary=Metric("request_ns", "mean time of a request", "ns", -1, 1),
    judged=f"`{BATCH}` minus `{LOOP}` for {JUDGED} pages, memory free",
    columns=COLUMNS,
    measure=measure,
    answer=answer,
    figure=figure,
    summary=summary,
)
