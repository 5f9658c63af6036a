"""Q7: ``__noinline``: keep the cold path out of hot callers.

What that buys is below what this model can tell: instruction caches and calls are not in it.  All
it has is one constant for each free of an ordinary page, the price `branch`, for whatever the hot
path pays: a branch that is not taken, or a call.  This question shows how little that constant can
be within its stated range, and how much more the other prices leave open.
"""

import pandas as pd

from vmmodel.analysis.statistics import Interval
from vmmodel.analysis.summary import Metric
from vmmodel.questions import frees
from vmmodel.questions.base import Answer, Lab, Question
from vmmodel.questions.effects import as_interval, difference, mean_text, per_run
from vmmodel.questions.wording import apart, brief, too_few, verdict
from vmmodel.report import style
from vmmodel.report.figure import Figure, canvas, to_svg
from vmmodel.sim.prices import Prices, load_prices

WITHOUT = "separate"
DESIGNS = ("freeable", WITHOUT)
"""With the constant on every free, and without."""
FREE_PATH = ("free_lock", "list_op", "page_struct", "atomic", "percpu")
"""What else an ordinary free is priced by."""


def settings(prices: Prices) -> dict[str, dict[str, float]]:
    """Give the prices of each setting: the constant, or all others, at the ends of the range."""
    ends = {"low": prices.at("low", *FREE_PATH), "high": prices.at("high", *FREE_PATH)}
    branch = prices.branch
    return {
        "branch=low": {"branch": branch.low},
        "branch=value": {"branch": branch.value},
        "branch=high": {"branch": branch.high},
        **{
            f"others={end}": {event: table.of(event).value for event in FREE_PATH}
            for end, table in ends.items()
        },
    }


def measure(lab: Lab) -> pd.DataFrame:
    """Price the same ordinary frees at each setting; both profiles have the same settings."""
    every = settings(load_prices())
    machines = tuple(frees.machine(name, prices) for name, prices in every.items())
    rows = frees.costs(lab.study("q7", machines, DESIGNS))
    return per_run(rows, *list(COLUMNS)[4:])


def change(table: pd.DataFrame, high: str, low: str) -> Interval:
    """Give what a free costs more at one setting than at another, in ns, under freeable."""
    rows = table[table.design == "freeable"]
    rows = rows.assign(design=rows.setting)
    return as_interval(difference(rows, "free_ns", high, low))


def answer(table: pd.DataFrame) -> Answer:
    """Give the bound, and say that the model cannot decide."""
    found = change(table, "branch=high", "branch=low")
    others = change(table, "others=high", "others=low")
    return Answer(
        f"{_verdict(found, table)} {_beside(found, others)}",
        _turns(found, others),
        found,
        "Calls, inlining and instruction caches: the model prices events, not instructions. Only "
        "a measurement of a kernel built both ways would tell.",
    )


def base(table: pd.DataFrame) -> float:
    """Give the mean work of a free without the constant, in ns."""
    rows = table[(table.design == "separate") & (table.setting == "branch=value")]
    return float(rows.free_ns.mean())


def _verdict(found: Interval, table: pd.DataFrame) -> str:
    text, work = apart(found, "ns", 2), base(table)
    share = style.percent(found.high / work) if work else "n/a"
    of = f"of {style.number(work, 1)} ns of work ({found.n} pairs of runs)"
    cannot = "The model cannot decide whether `__noinline` pays:"
    return {
        "more": f"{cannot} over the whole stated range of its one constant the mean free of an "
        f"ordinary page changes by {text} {of}, so by at most {share}.",
        "less": f"{cannot} the mean free of an ordinary page falls by {text} {of} as its one "
        "constant rises, which no price should do.",
        "equal": f"{cannot} its one constant changes no free: 0 ns {of}.",
        "unclear": f"{cannot} its one constant is not shown to change a free: {text} {of}.",
        "few": f"{cannot} {too_few(found).lower()}: {text} {of}.",
        "unmeasured": f"{cannot} nothing is measured.",
    }[verdict(found)]


def _beside(found: Interval, others: Interval) -> str:
    if not (others.estimate > 0 and found.estimate > 0):
        return "What the other prices leave open is not measured."
    return (
        f"The ranges of the other prices leave {apart(others, 'ns', 1)} open, "
        f"{style.number(others.estimate / found.estimate, 1)} times as much."
    )


def _turns(found: Interval, others: Interval) -> str:
    if not (others.estimate > 0 and found.estimate > 0):
        return "if a kernel built both ways showed a difference; 0 ns are seen here."
    high = load_prices().branch.high
    times = others.estimate / found.estimate
    return (
        f"if a call or branch cost {style.number(others.estimate, 1)} ns, "
        f"{style.number(times, 1)} times the upper end of its range "
        f"({style.number(high, 1)} ns): then it would be as large as what the other prices leave "
        "open."
    )


def figure(table: pd.DataFrame) -> Figure:
    """Draw how far the mean work of a free moves with the constant, and with all other prices."""
    work = table[table.design == "freeable"].groupby("setting", sort=False).free_ns.mean()
    spans = {
        "the constant": ("branch=low", "branch=value", "branch=high", "freeable"),
        "all other prices": ("others=low", "branch=value", "others=high", "ordinary"),
    }
    with canvas(1.7) as drawing:
        axes = drawing.subplots()
        drawing.subplots_adjust(left=0.14, right=0.96, top=0.84, bottom=0.27)
        for y, (low, value, high, colour) in enumerate(spans.values()):
            seen = style.look(colour)
            axes.plot([work[low], work[high]], [y, y], color=seen.light, linewidth=6)
            axes.plot(work[value], y, seen.marker, color=seen.light, markersize=9)
            text = f"{style.number(work[low], 1)} to {style.number(work[high], 1)} ns"
            end = (work[high], y)
            axes.annotate(text, end, (8, 0), textcoords="offset points", va="center")
        axes.set_yticks(range(len(spans)), list(spans))
        axes.set_ylim(len(spans) - 0.4, -0.6)
        axes.set_xlim(0, 1.25 * work.max())
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("mean work of a free of an ordinary page, ns")
        axes.set_title("moved from the low to the high end of their range; dot: as used")
        svg = to_svg(drawing, "q7-free")
    said = [f"{setting} {style.number(ns, 1)} ns" for setting, ns in work.items()]
    return Figure(
        "q7-free", svg, f"Mean work of a free: {', '.join(said)}.", CAPTION, summary(table)
    )


CAPTION = (
    "The constant is the price branch, for whatever the hot path pays for a cold one. Its whole "
    "range is small beside what the other prices of a free leave open: the model decides nothing."
)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Give the mean work of a free by setting, with its interval, and its change by design."""
    rows = []
    for (setting, design), runs in table.groupby(["setting", "design"], sort=False):
        own = table[table.setting == setting]
        apart = "baseline"
        if design != WITHOUT:
            apart = brief(difference(own, "free_ns", str(design), WITHOUT), 2)
        rows.append(
            {
                "prices": setting,
                "design": design,
                "runs": len(runs),
                "frees of a run": style.number(round(runs.frees.mean())),
                "work of a free, ns (mean)": mean_text(runs.free_ns, 2),
                f"minus {WITHOUT}, ns": apart,
            }
        )
    return pd.DataFrame(rows)


COLUMNS = {
    "scenario": "workload",
    "setting": "which prices are where in their range",
    "design": "freeable pays the constant on every free, separate does not",
    "replication": "replication",
    "frees": "frees of ordinary pages (frees)",
    "free_ns": "mean work of one, without waiting (ns)",
}

Q7 = Question(
    name="Q7",
    asks="`__noinline`: keep the cold path out of hot callers?",
    freebsd="It did: vm_page_alloc_nofree_domain() and vm_page_free_nofree() are `__noinline`.",
    primary=Metric("free_ns", "Mean work of a free of an ordinary page", "ns", -1, 2),
    judged="the price branch at its high end minus at its low end, freeable, kernel build",
    columns=COLUMNS,
    measure=measure,
    answer=answer,
    figure=figure,
    summary=summary,
)
