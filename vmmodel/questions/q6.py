"""Q6: a queue of runs, a bump pointer with an undo log, or a bitmap for each chunk?

"Two free, three asked, the third fails": the same drawn requests, failures and pages given back are
served by each structure directly.  No clock is needed, since every operation is one hold of the
free lock in all of them; what differs is the work under it.
"""

from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from vmmodel.analysis.paired import Paired
from vmmodel.analysis.statistics import median_interval
from vmmodel.analysis.summary import Metric
from vmmodel.questions.base import Answer, Lab, Question
from vmmodel.questions.drawing import look, median_text
from vmmodel.questions.effects import as_interval, difference
from vmmodel.questions.exchange import PRICED, Exchange, priced
from vmmodel.questions.wording import brief, change
from vmmodel.report import style
from vmmodel.report.figure import Figure, canvas, to_svg
from vmmodel.sim.prices import Prices, load_prices
from vmmodel.workloads.exchange import requests
from vmmodel.workloads.streams import Streams

QUEUE = "freeable"
BUMP = "freeable,structure=bump"
BITMAP = "freeable,structure=bitmap,reuse=address"
STRUCTURES = {
    QUEUE: "queue of runs",
    BUMP: "bump and log",
    BITMAP: "bitmap",
    "freeable,reuse=address": "queue, by address",
    "freeable,structure=bump,reuse=address": "bump and log, by address",
}
"""Designs that differ in the structure alone; a bitmap is in the order of address by its nature."""

SIZES = (1, 2, 3, 4, 5)
"""Pages of a request, each as likely: what slabs of FreeBSD 13 have."""
REQUESTS = 1500
"""About nine chunks' worth."""
LOOKED_AT = 100
"""Steps between two looks at the runs."""
SETTINGS = ((0.001, 0.0), (0.1, 0.0), (0.1, 0.5))
"""Requests that fail half way, and pages given back for each that is asked for.  0.1 is ten times
the proposed sweep's upper end, so that all structures meet failures; no NOFREE consumer gives back
half of its pages, and the last setting shows what would be."""
MORE = ((0.01, 0.0), (0.5, 0.0), (0.1, 0.1), (0.1, 0.9))
JUDGED = "failing=0.1 given_back=0.0"

COLUMNS = {
    "scenario": "story",
    "setting": "share of requests that fail half way; pages given back for each asked for",
    "design": "design",
    "replication": "0.. ; the same number met the same requests",
    "operations": "pages taken or given back",
    "ns": "priced work of an operation beside the free lock, ns",
    "ns_low": "the same with every price at the low end of its range, ns",
    "ns_high": "the same with every price at the high end, ns",
    "list_ops": "insertions and removals for an operation",
    "page_structs": "page structures touched by an operation",
    "atomics": "atomic operations for an operation",
    "percpu": "per-CPU counters for an operation",
    "branches": "branches that only some designs have, for an operation",
    "most_pages_touched": "page structures touched by one operation at most",
    "runs": "idle runs, mean over time",
    "longest_run": "pages of the longest idle run, mean over time",
}


def _name(failing: float, back: float) -> str:
    return f"failing={failing} given_back={back}"


def measure(lab: Lab) -> pd.DataFrame:
    """Let every structure serve the same requests."""
    settings = (*SETTINGS, *MORE) if lab.full else SETTINGS
    rows = [
        row
        for failing, back in settings
        for replication in range(lab.replications)
        for row in _replication(lab.seed, failing, back, replication)
    ]
    return pd.DataFrame(rows)


def _replication(
    seed: int, failing: float, back: float, replication: int
) -> Iterator[dict[str, object]]:
    setting = _name(failing, back)
    streams = Streams(seed, "structures", setting, replication)
    steps = requests(REQUESTS, streams, SIZES, failing, back)
    for name in STRUCTURES:
        exchange = Exchange(name, 4 * REQUESTS * max(SIZES))  # far more than is ever in use
        seen = []
        for start in range(0, len(steps), LOOKED_AT):
            exchange.perform(steps[start : start + LOOKED_AT])
            lengths = [length for _, length in exchange.design.runs()]
            seen.append((len(lengths), max(lengths, default=0)))
        key = {"scenario": "structures", "setting": setting, "design": name}
        yield key | {"replication": replication} | _row(exchange, pd.DataFrame(seen))
        exchange.close()


def _row(exchange: Exchange, seen: pd.DataFrame) -> dict[str, object]:
    """Sum up what one structure did, for an operation."""
    n, prices = exchange.operations, load_prices()
    ends = {end: prices.at(end, *prices.events()) for end in ("low", "high")}
    return {
        "operations": n,
        "ns": priced(exchange.work, prices) / n,
        **{f"ns_{end}": priced(exchange.work, table) / n for end, table in ends.items()},
        **{field: getattr(exchange.work, field) / n for field in PRICED.values()},
        "most_pages_touched": exchange.most_pages_touched,
        "runs": seen[0].mean(),
        "longest_run": seen[1].mean(),
    }


def _apart(table: pd.DataFrame, column: str, design: str, setting: str = JUDGED) -> Paired:
    return difference(table[table.setting == setting], column, design, QUEUE)


def answer(table: pd.DataFrame) -> Answer:
    """Say what an operation costs in each structure, and what becomes of the runs."""
    judged = _apart(table, "ns", BUMP)
    rows = table[table.setting == JUDGED]
    queue = rows[rows.design == QUEUE]
    sentence = (
        f"With one request in ten failing half way, a page taken or given back costs "
        f"{queue.ns.mean():.1f} ns of work in the queue of runs; bump and log against it "
        f"{change(judged, 'ns', 1)} (at the low ends of all prices "
        f"{change(_apart(table, 'ns_low', BUMP), 'ns', 1)}, at the high ends "
        f"{change(_apart(table, 'ns_high', BUMP), 'ns')}); a bitmap "
        f"{change(_apart(table, 'ns', BITMAP), 'ns', 1)}. {_uncounted(rows)} {_walks(table)} "
        f"{_runs(table)}"
    )
    limits = (
        "which of these touches are cold: a price counts a page structure alike in all structures. "
        "A double free is seen by the bitmap alone."
    )
    return Answer(sentence, _turns(table), as_interval(judged), limits)


def _uncounted(rows: pd.DataFrame) -> str:
    """Say what is left of the difference without the queue's global counter."""
    counter = rows.atomics * load_prices().atomic.value
    left = difference(rows.assign(ns=rows.ns - counter), "ns", BUMP, QUEUE)
    return (
        "The queue counts its idle pages in a global atomic, nofreeq_size, and the log does not; "
        f"with atomics left out the difference is {change(left, 'ns', 1)}."
    )


def _walks(table: pd.DataFrame) -> str:
    """Say what one operation touches at most, in any run."""
    most = table.groupby("design").most_pages_touched.max()
    parts = [f"{STRUCTURES[design]} {style.number(most[design])}" for design in STRUCTURES]
    return f"Page structures touched by one operation at most, in any setting: {', '.join(parts)}."


def _runs(table: pd.DataFrame) -> str:
    """Say into how many runs idle pages fall, where most are given back."""
    worst = _most_given_back(table)
    parts = []
    for design in (QUEUE, BUMP, BITMAP):
        rows = table[(table.setting == worst) & (table.design == design)]
        parts.append(f"{STRUCTURES[design]} {median_text(rows.runs)}")
    return f"Idle runs on average (`{worst}`): {', '.join(parts)}."


def _most_given_back(table: pd.DataFrame) -> str:
    return str(max(set(table.setting), key=lambda name: float(name.rpartition("=")[2])))


def _turns(table: pd.DataFrame) -> str:
    """Say at which price the sign of the difference turns, each price alone and all together."""
    apart = {event: _apart(table, field, BUMP).mean for event, field in PRICED.items()}
    prices = load_prices()
    alone = [text for event in apart if (text := _break_even(apart, event, prices))]
    ends = [sorted(n * end for end in _range(prices, event)) for event, n in apart.items()]
    low, high = sum(least for least, _ in ends), sum(most for _, most in ends)
    together = f"from {style.signed(low, 1)} to {style.signed(high, 1)} ns"
    return (
        f"at a price at which both cost the same: {'; '.join(alone) or 'no single price does that'}"
        f". With every price anywhere in its range the difference is {together}, so it "
        f"{'can turn within them' if low < 0 < high else 'does not turn within them'}."
    )


def _break_even(apart: dict[str, float], event: str, prices: Prices) -> str:
    """Word the price of *event* at which the difference is zero; empty if none that is not below 0.

    All other prices stay as they are.
    """
    rest = sum(n * prices.of(other).value for other, n in apart.items() if other != event)
    if abs(apart[event]) < 1e-12 or -rest / apart[event] < 0:
        return ""
    price = prices.of(event)
    return (
        f"{event} at {-rest / apart[event]:.1f} ns (used {price.value:g}, plausible {price.low:g} "
        f"to {price.high:g})"
    )


def _range(prices: Prices, event: str) -> tuple[float, float]:
    price = prices.of(event)
    return price.low, price.high


def _value(setting: str, name: str) -> str:
    """Read a value of a setting, ``failing=0.1 given_back=0.5``."""
    return dict(word.split("=") for word in setting.split())[name]


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Give, by setting and structure, work by event and what it costs."""
    rows = []
    for (setting, design), runs in table.groupby(["setting", "design"], sort=False):
        apart = "baseline"
        if design != QUEUE:
            apart = brief(_apart(table, "ns", str(design), str(setting)), 1)
        rows.append(
            {
                "failing": _value(str(setting), "failing"),
                "given back": _value(str(setting), "given_back"),
                "structure": STRUCTURES[str(design)],
                "work, ns": f"{runs.ns.mean():.1f}",
                "price range, ns": f"[{runs.ns_low.mean():.1f}, {runs.ns_high.mean():.0f}]",
                "minus queue, ns": apart,
                "list ops": f"{runs.list_ops.mean():.2f}",
                "pages": f"{runs.page_structs.mean():.2f}",
                "atomics": f"{runs.atomics.mean():.2f}",
                "most pages": f"{runs.most_pages_touched.max():,}",
                "idle runs": style.number(median_interval(runs.runs).estimate, 1),
                "longest, pages": style.number(median_interval(runs.longest_run).estimate),
            }
        )
    return pd.DataFrame(rows)


def figure(table: pd.DataFrame) -> Figure:
    """Draw what an operation costs, with the price range, and the number of idle runs."""
    settings = list(dict.fromkeys(table.setting))
    with canvas(0.6 + 0.17 * len(settings) * len(STRUCTURES) + 0.5) as drawing:
        left, right = drawing.subplots(1, 2, sharey=True, width_ratios=[1.4, 1])
        height = drawing.get_figheight()
        drawing.subplots_adjust(
            left=0.315, right=0.975, top=1 - 0.3 / height, bottom=0.55 / height, wspace=0.08
        )
        names = _draw(left, right, table, settings)
        left.set_yticks(range(len(names)), names)
        left.set_ylim(len(names) - 0.4, -0.6)
        for axes in (left, right):
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: style.number(value)))
            axes.minorticks_off()
            axes.grid(visible=False, axis="y")
            axes.tick_params(axis="y", length=0)
        left.set_title("Work for a page taken or given back")
        left.set_xlabel("ns beside the lock; bar: all prices from low to high")
        right.set_title("Idle runs, mean over time")
        right.set_xlabel("runs; fewer and longer is better")
        svg = to_svg(drawing, "q6")
    return Figure("q6", svg, _alt(table), _caption(table), summary(table))


def _draw(left: Axes, right: Axes, table: pd.DataFrame, settings: list[str]) -> list[str]:
    """Draw a row for each setting and structure; give their names."""
    names: list[str] = []
    for setting in settings:
        for design, structure in STRUCTURES.items():
            y = len(names)
            rows = table[(table.setting == setting) & (table.design == design)]
            color, marker = look(QUEUE if design == QUEUE else "separate").light, "o"
            left.plot([rows.ns_low.mean(), rows.ns_high.mean()], [y, y], color=color, linewidth=2)
            left.plot([rows.ns.mean()], [y], marker, color=color, markersize=5)
            right.plot([rows.runs.min(), rows.runs.max()], [y, y], color=color, linewidth=2)
            right.plot([rows.runs.median()], [y], marker, color=color, markersize=5)
            where = setting.replace("=", " ").replace("given_back", "back") + ": "
            names.append(where + structure if design == QUEUE else structure)
    return names


def _alt(table: pd.DataFrame) -> str:
    parts = [
        f"{STRUCTURES[str(design)]} {runs.ns.mean():.1f} ns ({setting})"
        for (setting, design), runs in table.groupby(["setting", "design"], sort=False)
    ]
    return f"Priced work for a page taken or given back: {', '.join(parts)}."


def _caption(table: pd.DataFrame) -> str:
    return (
        f"{table.replication.nunique()} replications of {style.number(REQUESTS)} requests of 1 to "
        "5 pages. Left: mean work with the prices used; bars run from all prices at the low end of "
        "their range to all at the high end. Right: medians, bars from least to most."
    )


Q6 = Question(
    name="Q6",
    asks="A queue of runs, or a bump pointer with a way back?",
    freebsd="a queue of runs, since ae10431c9833 (D49480)",
    primary=Metric("ns", "priced work of an operation", "ns", -1, 1),
    judged=f"bump pointer with undo log minus queue of runs, {JUDGED}",
    columns=COLUMNS,
    measure=measure,
    answer=answer,
    figure=figure,
    summary=summary,
)
