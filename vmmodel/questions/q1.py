"""Q1: free NOFREE pages at all, or never allocate them in a way that has to be undone?

Three routes lead back to the allocator, and each has a story that fails on it at a swept rate:
the rollback of a request half served (R1), a page whose radix node cannot be had (R2), a slab
whose items cannot be set up (R3).
"""

from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes

from vmmodel.analysis.metrics import KEY, lost_pages
from vmmodel.analysis.statistics import Interval
from vmmodel.analysis.summary import Metric
from vmmodel.analysis.tables import Study
from vmmodel.experiment.scenario import SCENARIOS, Scenario
from vmmodel.questions.base import Answer, Lab, Question
from vmmodel.questions.drawing import median_text
from vmmodel.questions.effects import as_interval, difference, each, medians, per_run
from vmmodel.questions.wording import apart, share, too_few, verdict
from vmmodel.report import style
from vmmodel.report.figure import Figure, canvas, to_svg

ROUTES = {"syzkaller": "R1", "second-resource": "R2", "init-failure": "R3"}
"""Which way back each story takes.  FreeBSD: kmem_unback(); vm_page_alloc_domain_iter();
keg_free_slab()."""
NAMES = {"R1": "rollback", "R2": "insertion failure", "R3": "set-up failure"}
SWEPT = {
    "syzkaller": "page_failure",
    "second-resource": "second_failure",
    "init-failure": "init_failure",
}
"""What fails at the rate: a page, an insertion, a slab's set-up."""
SMALL = {
    # Only what fails matters here, and it fails by the page, insertion or slab, so a small
    # machine with some 1000 to 2000 NOFREE pages shows it; memory beyond that is file cache.
    # Two episodes of exhaustion roll back as each of the story's six does.
    "syzkaller": {"memory_mb": "512", "refills": "400", "episodes": "2", "cache_share": "0.9"},
    "second-resource": {"memory_gb": "1", "requests": "2000"},
    "init-failure": {"memory_gb": "1", "refills": "800"},
}
JUDGED = 1e-3
"""Upper end of the proposed sweep of R2 and R3; a tenth of that of R1."""
RATES = {False: (JUDGED, 1e-2), True: (1e-6, 1e-5, 1e-4, JUDGED, 1e-2)}
"""Quick and full: the proposed sweep, and ten times its upper end, where failures are seen."""
DESIGNS = ("bump:panic", "bump:escape", "bump:leak", "freeable", "batch")
DRAWN = ("bump:leak", "bump:escape", "batch", "freeable")
BACK = {"rollback": "rolled_back", "second-failure": "not_inserted", "init-failure": "not_set_up"}
"""Events to the column of the pages that then have to go back."""


def scenarios(full: bool) -> tuple[Scenario, ...]:
    """Give each story at each rate."""
    return tuple(
        replace(
            SCENARIOS[name].with_values(SMALL[name] | {SWEPT[name]: str(rate)}),
            setting=f"{SWEPT[name]}={rate:g}",
        )
        for name in ROUTES
        for rate in RATES[full]
    )


def measure(lab: Lab) -> pd.DataFrame:
    """Run each story at each rate."""
    study = lab.study("q1", scenarios(lab.full), DESIGNS)
    runs = study.runs.merge(_went_back(study), on=KEY, how="left").fillna(dict.fromkeys(BACK, 0))
    runs = runs.rename(columns=BACK)
    lost = lost_pages(runs)
    panicked = runs.outcome == "panic"
    runs = runs.assign(
        rate=runs.setting.str.partition("=")[2].astype(float),
        route=runs.scenario.map(ROUTES),
        panicked=panicked.astype(int),
        lost=lost,
        gone=(runs.leaked + lost).astype(float).where(~panicked),
    )
    return per_run(runs, *list(COLUMNS)[4:])


def _went_back(study: Study) -> pd.DataFrame:
    """Count the pages of each kind of failure, run by run."""
    pages = study.events.groupby([*KEY, "kind"], observed=True).pages.sum().unstack("kind")
    return pages.reindex(columns=list(BACK)).fillna(0).astype(int).reset_index()


def together(table: pd.DataFrame, rate: float = JUDGED) -> pd.DataFrame:
    """Add up what is gone in the three stories at *rate*; NaN where one of them panicked."""
    at = table[table.rate == rate].pivot_table(
        index=["design", "replication"], columns="scenario", values="gone", dropna=False
    )
    return at.reindex(columns=list(ROUTES)).sum(axis=1, skipna=False).rename("gone").reset_index()


def answer(table: pd.DataFrame) -> Answer:
    """Say whether a batch without a free leaves pages that a free takes back."""
    found = as_interval(difference(together(table), "gone", "batch", "freeable"))
    return Answer(
        f"{_verdict(found)} {_by_route(table)} {_status_quo(table)}",
        _turns(table),
        found,
        "How often such failures occur on a real machine; the rates are injected. A single page "
        "is inserted on R2 here: a batch whose insertion fails leaves all of its pages.",
    )


def _verdict(found: Interval) -> str:
    text = apart(found, "pages", 1)
    runs = f"in {found.n} pairs of runs of the three stories at {JUDGED:g}"
    return {
        "more": f"A free is needed with batches too: `batch` leaves {text} more gone for ever "
        f"than `freeable`, {runs}.",
        "less": f"No free is needed with batches: `batch` leaves {text} against `freeable`, "
        f"{runs}.",
        "equal": f"No difference is shown: `batch` and `freeable` leave the same in all {runs}.",
        "unclear": f"No difference is shown: `batch` minus `freeable` is {text}, {runs}.",
        "few": f"{too_few(found)}. `batch` minus `freeable` is {text}, {runs}.",
        "unmeasured": f"Nothing is measured at {JUDGED:g}: no pair of runs came to its end.",
    }[verdict(found)]


def _by_route(table: pd.DataFrame) -> str:
    """Say, route by route at all rates, what had to go back and what `batch` left of it."""
    said = []
    for name, route in ROUTES.items():
        rows = table[table.scenario == name]
        batch, free = (rows[rows.design == design] for design in ("batch", "freeable"))
        back = style.number(free[list(BACK.values())].to_numpy().sum())
        left, kept = (style.number(one.gone.sum()) for one in (batch, free))
        said.append(
            f"{route} ({NAMES[route]}): `freeable` gets {back} pages back and leaves {kept}, "
            f"`batch` leaves {left}"
        )
    return f"Over all rates and runs, {'; '.join(said)}."


def _status_quo(table: pd.DataFrame) -> str:
    """Say what happened before the change, at the rate that decides."""
    at = table[table.rate == JUDGED]
    stopped = at[at.design == "bump:panic"].panicked
    gone = together(table).groupby("design").gone.mean()
    means = [f"`{name}` {style.number(gone.get(name, float('nan')), 1)}" for name in DRAWN[:2]]
    return (
        f"Before, at {JUDGED:g}, `bump:panic` stopped {share(int(stopped.sum()), len(stopped))} "
        f"runs; {' and '.join(means)} pages are gone, on average of the three together."
    )


def _turns(table: pd.DataFrame) -> str:
    """Give the rate below which a batch loses less than a page, on the line through the origin."""
    batch = table[table.design == "batch"]
    lost, asked = batch.groupby("rate").gone.sum(), batch.groupby("rate").requested_pages.sum()
    slope = lost.sum() / (lost.index * asked).sum()
    if not slope > 0:
        return "if a batch without a free lost pages; it loses none at any rate here."
    million = style.number(1e6 * slope * JUDGED, 1)
    per_page = 1 / (slope * asked.sum() / len(batch) * len(ROUTES))
    return (
        f"if failures on R2 and R3 are so rare that no page is worth a free: below a rate of "
        f"{per_page:.1e} a batch loses less than a page in the three stories "
        f"({million} pages for a million pages asked for at {JUDGED:g}); or if radix nodes and "
        "set-up could not fail after the pages are handed out."
    )


def figure(table: pd.DataFrame) -> Figure:
    """Draw pages gone against the rate, a panel for each route."""
    middle = medians(table[table.design.isin(DRAWN)], ["route", "rate", "design"], ["gone"])
    with canvas(3.0) as drawing:
        panels = drawing.subplots(1, len(ROUTES), sharey=True)
        drawing.subplots_adjust(left=0.08, right=0.985, top=0.8, bottom=0.16, wspace=0.08)
        for axes, route in zip(panels, ROUTES.values(), strict=True):
            _panel(axes, middle[middle.route == route])
            axes.set_title(f"{route}, {NAMES[route]}")
        panels[0].set_ylim(-0.3, 1.5 * max(middle["gone high"].max(), 1))
        panels[0].set_ylabel("pages gone for ever in a run")
        panels[1].set_xlabel("failures per page (R1), insertion (R2), slab (R3)")
        drawing.legend(
            *panels[0].get_legend_handles_labels(), loc="upper left", ncols=4, frameon=False,
            bbox_to_anchor=(0.07, 1.0),
        )  # fmt: skip
        svg = to_svg(drawing, "q1-gone")
    return Figure("q1-gone", svg, _alt(middle), CAPTION, middle.round(6))


CAPTION = (
    "Median over runs with exact interval; leaked pages, and pages that a release kernel lost to "
    "the general pool. A batch avoids R1 and leaves what R2 and R3 strand; with a free nothing "
    "has to be left. Designs are drawn side by side; the vertical axis is linear up to 1."
)


def _panel(axes: Axes, middle: pd.DataFrame) -> None:
    rates = sorted(middle.rate.unique())
    for i, design in enumerate(DRAWN):
        seen, rows = style.look(design), middle[middle.design == design]
        x = [rates.index(rate) + (i - 1.5) * 0.14 for rate in rows.rate]
        axes.vlines(x, rows["gone low"], rows["gone high"], color=seen.light, linewidth=1.6)
        axes.plot(x, rows.gone, seen.marker, color=seen.light, markersize=5.5, label=design)
    axes.set_yscale("symlog", linthresh=1, linscale=0.6)
    axes.set_xticks(range(len(rates)), [f"{rate:g}" for rate in rates])
    axes.yaxis.set_major_formatter(lambda value, _: style.number(value))


def _alt(middle: pd.DataFrame) -> str:
    most = middle[middle.rate == middle.rate.max()]
    said = [f"{row.design} {style.number(row.gone, 1)} on {row.route}" for row in each(most)]
    return f"Median pages gone at the highest rate: {', '.join(said)}."


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Give medians by route, rate and design, and how many runs panicked."""
    rows = []
    by = ["scenario", "route", "rate", "design"]
    for (story, route, rate, design), runs in table.groupby(by, sort=False):
        case = {"story": story, "route": route, "rate": f"{rate:g}", "design": design}
        gone = {"gone, pages (median)": median_text(runs.gone, 1)}
        rows.append(case | gone | {"runs": len(runs), "panicked": int(runs.panicked.sum())})
    return pd.DataFrame(rows)


COLUMNS = {
    "scenario": "story",
    "setting": "parameter and rate",
    "design": "design",
    "replication": "replication",
    "route": "way back: R1, R2, R3",
    "rate": "failures per page (R1), insertion (R2), slab (R3)",
    "panicked": "1 if the run ended in a panic",
    "requested_pages": "NOFREE pages asked for (pages)",
    "rolled_back": "pages that rollbacks had to give back (pages)",
    "not_inserted": "pages whose radix node could not be had (pages)",
    "not_set_up": "pages of slabs whose items could not be set up (pages)",
    "captured": "freed fallback pages that the queue kept (pages)",
    "leaked": "pages that nobody can reach (pages)",
    "lost": "pages of chunks that joined the general pool (pages)",
    "gone": "leaked and lost; nan if the run panicked (pages)",
}

Q1 = Question(
    name="Q1",
    asks="Free NOFREE pages at all, or never allocate them in a way that has to be undone?",
    freebsd="It allowed freeing (ae10431c9833, D49480), after bnovkov had rather batched.",
    primary=Metric("gone", "Pages gone for ever", "pages", -1),
    judged="batch minus freeable in one run of each of the three stories, at a rate of 1e-3",
    columns=COLUMNS,
    measure=measure,
    answer=answer,
    figure=figure,
    summary=summary,
)
