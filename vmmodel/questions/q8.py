"""Q8: what should follow when no block of order 9 is there for a chunk?

Programs ask for more than there is, so memory is short and in pieces while NOFREE zones grow.  The
amount of anonymous memory sets how little is free, the rate of small files how it is in pieces.
"""

from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes

from vmmodel.analysis.metrics import KEY, live_pages
from vmmodel.analysis.paired import Paired
from vmmodel.analysis.statistics import median_interval
from vmmodel.analysis.summary import Metric
from vmmodel.experiment.scenario import Scenario, scenario
from vmmodel.questions.base import Answer, Lab, Question
from vmmodel.questions.drawing import median_text, rows_of_dots, share_text
from vmmodel.questions.effects import as_interval, difference
from vmmodel.questions.requests import request_times
from vmmodel.questions.turning import reached
from vmmodel.questions.wording import brief, change
from vmmodel.report import style
from vmmodel.report.figure import Figure, canvas, to_svg

SCATTER = "freeable"
SMALLER, BREAK, WAIT = (f"freeable,fallback={each}" for each in ("smaller", "break", "wait"))
NAMES = {SCATTER: "scatter", SMALLER: "smaller", BREAK: "break", WAIT: "wait"}
LOOKS = {
    SMALLER: style.look("separate"),
    BREAK: style.look("bump:panic"),
    WAIT: style.look("reclaim"),
}
"""All are `freeable` but for the fallback, so they borrow looks that are not drawn here."""

MEMORY_GB = 0.5
HEAPS_GB = (0.6, 0.8, 1.0)
"""Anonymous memory that comes in the run; from about 0.7 on memory is short."""
FILES, MORE_FILES = 10_000, 100_000
"""Files read per hour; each leaves a few pages, a vnode and a VM object between the others."""
JUDGED = f"heaps_gb={HEAPS_GB[-1]} files={FILES}"

COLUMNS = {
    "scenario": "story",
    "setting": "GB of anonymous memory that come, and files read per hour",
    "design": "design; freeable is scatter",
    "replication": "0.. ; the same number met the same requests",
    "heaps_gb": "anonymous memory that comes in the run, GB",
    "files": "files read per hour",
    "pinned_regions": "2 MB regions with a NOFREE page, at the end",
    "imports": "chunks taken from the buddy lists, of any order",
    "failed_imports": "imports refused or without a block",
    "fallbacks": "NOFREE pages served outside any chunk, pages",
    "served": "NOFREE pages that consumers have at the end, pages",
    "idle": "NOFREE pages waiting for the next request, pages",
    "tries": "slabs asked for, a try after each wait counted again",
    "failed": "of them not served",
    "request_ns": "mean time of a request that ended, waiting for the lock and priced work, ns",
    "free_count": "free pages at the end",
}


def _settings(full: bool) -> tuple[Scenario, ...]:
    """Give the storms; a run is two minutes on half a gigabyte, so that it takes half a second."""
    heaps = (*HEAPS_GB, 1.4, 2.0) if full else HEAPS_GB
    cases = [(gb, FILES) for gb in heaps] + [(HEAPS_GB[-1], MORE_FILES)]
    cases += [(gb, MORE_FILES) for gb in heaps if gb != HEAPS_GB[-1]] if full else []
    return tuple(_storm(gb, files) for gb, files in cases)


def _storm(heaps_gb: float, files: int) -> Scenario:
    # small objects (16 pages) and lives of ten minutes: as many VM objects, which are NOFREE
    # items, as on a large machine; one job a minute, because jobs are larger than this memory
    values = {"horizon": 2, "memory_gb": MEMORY_GB, "cpus": 2, "heaps.step": 16}
    values |= {"heaps.used_again": 10, "heaps.life.mean": 10, "jobs.rate": 1}
    values |= {"heaps.total_gb": heaps_gb, "programs.rate": files}
    found = scenario("swap-storm", values={name: str(value) for name, value in values.items()})
    return replace(found, setting=f"heaps_gb={heaps_gb} files={files}")


def measure(lab: Lab) -> pd.DataFrame:
    """Run the storms under every fallback."""
    study = lab.study("q8", _settings(lab.full), tuple(NAMES))
    runs = study.runs.merge(request_times(study), on=KEY)
    varied = runs.setting.str.extract(r"heaps_gb=(?P<heaps_gb>\S+) files=(?P<files>\d+)")
    runs = runs.assign(heaps_gb=varied.heaps_gb.astype(float), files=varied.files.astype(int))
    return runs.assign(served=live_pages(runs), tries=runs.requests)[list(COLUMNS)]


def _apart(table: pd.DataFrame, setting: str, column: str, design: str) -> Paired:
    return difference(table[table.setting == setting], column, design, SCATTER)


def answer(table: pd.DataFrame) -> Answer:
    """Say what each fallback pins against scatter, and what it costs."""
    judged = _apart(table, JUDGED, "pinned_regions", SMALLER)
    rows = table[table.setting == JUDGED]
    scatter = rows[rows.design == SCATTER]
    sentence = (
        f"Under a swap storm (`{JUDGED}` on {MEMORY_GB} GB) scatter pins "
        f"{median_text(scatter.pinned_regions)} regions of 2 MB for "
        f"{median_text(scatter.served)} NOFREE pages. Smaller chunks against it: "
        f"{change(judged, 'regions', 1)}. {_others(table)} {_waiting(rows)} {_time(table)}"
    )
    limits = (
        "a machine that swaps for hours: the runs are two minutes on half a gigabyte, and what "
        "NOFREE pages pin only grows; and what programs lose whose reservations are broken."
    )
    return Answer(sentence, _turns(table), as_interval(judged), limits)


def _others(table: pd.DataFrame) -> str:
    """Say what the other fallbacks pin, and smaller chunks where files leave more pieces."""
    parts = [
        f"{NAMES[design]} {change(_apart(table, JUDGED, 'pinned_regions', design), 'regions', 1)}"
        for design in (BREAK, WAIT)
    ]
    pieces = _apart(table, JUDGED.replace(str(FILES), str(MORE_FILES)), "pinned_regions", SMALLER)
    return (
        f"The others: {'; '.join(parts)}. With ten times the files, smaller chunks: "
        f"{change(pieces, 'regions', 1)}."
    )


def _waiting(rows: pd.DataFrame) -> str:
    """Say what waiting costs: what was not served, and tries in vain."""
    served = difference(rows, "served", WAIT, SCATTER)
    tried = rows[rows.design == WAIT]
    return (
        f"Who waits instead has, at the end, against scatter: {change(served, 'NOFREE pages')}; "
        f"of the tries {share_text(tried.failed, tried.tries)} failed, "
        f"each of them followed by at least 100 ms of sleep or by an error."
    )


def _time(table: pd.DataFrame) -> str:
    """Say what a request takes."""
    parts = [
        f"{NAMES[design]} {change(_apart(table, JUDGED, 'request_ns', design), 'ns', 1)}"
        for design in (SMALLER, BREAK)
    ]
    return f"A request takes, against scatter: {'; '.join(parts)}."


def _turns(table: pd.DataFrame) -> str:
    """Say from how much demand on a chunk cannot be had, and from how much it matters."""
    rows = table[table.files == FILES]
    scatter = rows[rows.design == SCATTER].groupby("heaps_gb").fallbacks.mean()
    wide = rows.groupby(["heaps_gb", "design"]).pinned_regions.mean().unstack()
    demand = [float(gb) for gb in wide.index]
    begins = _between(demand, reached(scatter.tolist(), 1))
    apart = (wide[SMALLER] - wide[SCATTER]).tolist()
    matters = _between(demand, reached(apart, -1, falling=True))
    return (
        f"with memory enough, since nobody falls back then. On {MEMORY_GB} GB fallback begins "
        f"{begins}, and smaller chunks begin to pin a region less than scatter {matters}."
    )


def _between(demand: list[float], i: int | None) -> str:
    """Word between which two demands something begins that is there at demand number *i*."""
    if i is None:
        return f"at no demand measured (to {demand[-1]} GB)"
    if not i:
        return f"at {demand[0]} GB of demand or less"
    return f"between {demand[i - 1]} and {demand[i]} GB of demand"


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Give, by setting and fallback, what is pinned, served and failed."""
    rows = []
    for (setting, design), runs in table.groupby(["setting", "design"], sort=False):
        apart = "baseline"
        if design != SCATTER:
            apart = brief(_apart(table, str(setting), "pinned_regions", str(design)), 1)
        rows.append(
            {
                "heaps, GB": f"{runs.heaps_gb.iloc[0]:g}",
                "files": style.number(runs.files.iloc[0]),
                "fallback": NAMES[str(design)],
                "pinned, regions": median_text(runs.pinned_regions, 1),
                "minus scatter": apart,
                "served, pages": median_text(runs.served),
                "outside chunks": style.number(median_interval(runs.fallbacks).estimate),
                "idle": style.number(median_interval(runs.idle).estimate),
                "failed / tries": f"{runs.failed.sum():,} / {runs.tries.sum():,}",
                "request, ns": style.number(median_interval(runs.request_ns).estimate),
            }
        )
    return pd.DataFrame(rows)


def figure(table: pd.DataFrame) -> Figure:
    """Draw pinned regions and pages served against scatter, a row for each setting and fallback."""
    settings = list(dict.fromkeys(table.setting))
    with canvas(0.85 + 0.19 * len(settings) * len(LOOKS)) as drawing:
        left, right = drawing.subplots(1, 2, sharey=True)
        height = drawing.get_figheight()
        drawing.subplots_adjust(
            left=0.265, right=0.975, top=1 - 0.3 / height, bottom=0.55 / height, wspace=0.08
        )
        _draw(left, table, "pinned_regions", settings)
        left.set_title("2 MB regions pinned, minus scatter")
        left.set_xlabel("regions; less is better")
        _draw(right, table, "served", settings)
        right.set_title("NOFREE pages served, minus scatter")
        right.set_xlabel("pages; less means that somebody still waits")
        svg = to_svg(drawing, "q8")
    return Figure("q8", svg, _alt(table, settings), _caption(table), summary(table))


def _draw(axes: Axes, table: pd.DataFrame, column: str, settings: list[str]) -> None:
    rows = []
    for setting in settings:
        for design, seen in LOOKS.items():
            one = as_interval(_apart(table, setting, column, design))
            where = f"{_short(setting)}: " if design == SMALLER else ""
            rows.append((where + NAMES[design], one, seen))
    rows_of_dots(axes, rows)
    axes.locator_params(axis="x", nbins=6)


def _short(setting: str) -> str:
    """Word a setting for the margin of a figure."""
    gb, files = (word.partition("=")[2] for word in setting.split())
    return f"{gb} GB, {int(files):,} files/h"


def _alt(table: pd.DataFrame, settings: list[str]) -> str:
    parts = [
        f"{setting}, {NAMES[design]}: "
        f"{change(_apart(table, setting, 'pinned_regions', design), 'regions', 1)}"
        for setting in settings
        for design in LOOKS
    ]
    return f"Pinned 2 MB regions minus scatter. {'; '.join(parts)}."


def _caption(table: pd.DataFrame) -> str:
    return (
        f"Paired differences over {table.replication.nunique()} replications of swap-storm on "
        f"{MEMORY_GB} GB with t intervals; a dot without a bar is equal in every pair. Settings "
        "are GB of anonymous memory that come and files read per hour."
    )


Q8 = Question(
    name="Q8",
    asks="What should follow when no 2 MB block is there for a chunk?",
    freebsd="scatter: an ordinary page serves and carries PG_NOFREE",
    primary=Metric("pinned_regions", "pinned regions at the end", "regions of 2 MB", -1, 1),
    judged=f"fallback to smaller chunks minus scatter in swap-storm, {JUDGED}",
    columns=COLUMNS,
    measure=measure,
    answer=answer,
    figure=figure,
    summary=summary,
)
