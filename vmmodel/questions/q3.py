"""Q3: a counter of NOFREE pages that were freed: which counter tells a leak?

Four stories of twenty minutes, looked at every second: NOFREE memory that grows; the same with
failures now and then; failures alone; a machine that is out of memory again and again, so that
pages come from outside of chunks.  FreeBSD's own leak scripts read each counter.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from vmmodel.analysis.paired import compare
from vmmodel.analysis.statistics import Interval
from vmmodel.analysis.summary import Metric
from vmmodel.experiment.scenario import SCENARIOS, Scenario
from vmmodel.questions.base import Answer, Lab, Question
from vmmodel.questions.drawing import median_text
from vmmodel.questions.effects import as_interval, mean_text
from vmmodel.questions.leakscripts import MAXIMA_SECONDS, new_maxima, rising_minima
from vmmodel.questions.watch import Look, series, watch
from vmmodel.questions.wording import apart, share, too_few, verdict
from vmmodel.report import style
from vmmodel.report.figure import Figure, canvas, to_svg
from vmmodel.sim.script import Script

SECONDS = "1200"
"""leaks.sh needs more than 50 samples of 10 s, leaks2.sh more than 120 of 1 s."""
PLENTY = {"memory_gb": "1", "requests": "1500", "seconds": SECONDS}
"""Some three chunks of pages on a small machine: what the counters count depends on no more."""
SETTINGS: dict[str, tuple[str, dict[str, str]]] = {
    "growth": ("second-resource", PLENTY | {"second_failure": "0"}),
    "growth and failures": ("second-resource", PLENTY | {"second_failure": "0.2"}),
    # every insertion fails, so whatever rises is not use
    "failures alone": ("second-resource", PLENTY | {"requests": "500", "second_failure": "1"}),
    # twelve episodes, twice the story's, so that fallback pages are freed in every run
    "exhaustion": (
        "syzkaller",
        {"memory_mb": "512", "refills": "600", "episodes": "12", "seconds": SECONDS}
        | {"cache_share": "0.9", "page_failure": "0.01"},
    ),
}
JUDGED = "exhaustion"
DESIGNS = ("freeable", "bump:leak", "bump:escape")
COUNTERS = {
    "nofreeq_size": "nofreeq_size",
    "v_nofree_count": "v_nofree_count",
    "freed": "pages freed so far",
    "unaccounted": "v_nofree_count less pages held",
}
SHORT = dict(zip(COUNTERS, ("nofreeq_size", "v_nofree_count", "freed", "unheld"), strict=True))
"""Headings of COUNTERS in a table."""
SCRIPTS = {"maxima": "leaks.sh", "minima": "leaks2.sh"}
ENDS = ("v_nofree_count", "live", "nofreeq_size", "fallback", "captured", "stranded")
DRAWN = ("v_nofree_count", "live", "nofreeq_size", "stranded")
INSTANTS = 25


def scenarios() -> tuple[Scenario, ...]:
    """Give the four stories."""
    return tuple(
        replace(SCENARIOS[name].with_values(values), setting=setting)
        for setting, (name, values) in SETTINGS.items()
    )


def measure(lab: Lab) -> pd.DataFrame:
    """Watch each story under each design; both profiles, the full one with more replications."""
    rows = []
    for story in scenarios():
        for replication in range(lab.replications):
            script = story.script(lab.seed, "", replication)
            assert isinstance(script, Script)
            for design in DESIGNS:
                key = (story.name, story.setting, design, replication)
                rows.append([*key, *_row(watch(script, design))])
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    order = {setting: i for i, setting in enumerate(SETTINGS)}
    return table.sort_values(
        ["setting", "design", "replication"],
        key=lambda column: column.map(order) if column.name == "setting" else column,
        ignore_index=True,
    )


def _row(looks: list[Look]) -> list[object]:
    """Give what a run ends with, what the scripts say, and the drawn numbers over time."""
    last = looks[-1]
    ends: list[object] = [getattr(last, name) for name in ENDS]
    alarms: list[object] = []
    for counter in COUNTERS:
        values = series(looks, counter)
        alarms += [int(new_maxima(values[::MAXIMA_SECONDS])), int(rising_minima(values))]
    picked = np.linspace(0, len(looks) - 1, INSTANTS).round().astype(int)
    drawn = [" ".join(str(getattr(looks[i], name)) for i in picked) for name in DRAWN]
    return [*ends, last.unaccounted, int(last.stranded > 0), *alarms, *drawn]


def off(table: pd.DataFrame) -> Interval:
    """Give what v_nofree_count is off by at the end of the judged runs."""
    rows = table[(table.setting == JUDGED) & (table.design == "freeable")]
    return as_interval(compare(rows.v_nofree_count, rows.live, resamples=0))


def alarms(table: pd.DataFrame, counter: str, script: str, leaking: int) -> tuple[int, int]:
    """Count the alarms of a script over a counter, and the runs that do or do not leak."""
    rows = table[table.leaking == leaking]
    return int(rows[f"{counter}_{script}"].sum()), len(rows)


def answer(table: pd.DataFrame) -> Answer:
    """Say by what the counter is off, and which counter tells a leak."""
    found = off(table)
    return Answer(
        f"{_verdict(found)} {_parts(table)} {_tells(table)}",
        _turns(table),
        found,
        "The kernel before D49480 has no nofreeq_size; there it is what the sysctl would have "
        "shown. Races on the counters are not modelled.",
    )


def _verdict(found: Interval) -> str:
    text = apart(found, "pages", 1)
    where = f"under `freeable` on a machine out of memory ({found.n} runs)"
    return {
        "less": f"`v_nofree_count` ends below the NOFREE pages that callers have: off by "
        f"{text}, {where}.",
        "more": f"`v_nofree_count` ends above the NOFREE pages that callers have: off by "
        f"{text}, {where}.",
        "equal": f"`v_nofree_count` is exact: 0 pages off {where}.",
        "unclear": f"`v_nofree_count` is not shown to be off: {text} {where}.",
        "few": f"{too_few(found)}. `v_nofree_count` is off by {text} {where}.",
        "unmeasured": f"Nothing is measured {where}.",
    }[verdict(found)]


def _parts(table: pd.DataFrame) -> str:
    rows = table[(table.setting == JUDGED) & (table.design == "freeable")]
    served, drift = (mean_text(rows[column], 1) for column in ("fallback", "captured"))
    return (
        f"On average {served} pages are fallback pages in use, which it does not count; {drift} "
        "pages are its drift: fallback pages that were freed, which it takes off without having "
        "counted them."
    )


def _tells(table: pd.DataFrame) -> str:
    """Say for each counter how often leaks.sh is right."""
    said = []
    for counter, title in COUNTERS.items():
        hits, false = alarms(table, counter, "maxima", 1), alarms(table, counter, "maxima", 0)
        said.append(f"{title}: {share(*hits)} runs that leak, {share(*false)} that do not")
    return f"Alarms of leaks.sh by counter. {'; '.join(said)}. {_best(table)}"


def score(table: pd.DataFrame, counter: str, script: str = "maxima") -> float:
    """Give the share of leaks that are told, less the share of false alarms; NaN without either."""
    (hits, leaks), (false, others) = (alarms(table, counter, script, each) for each in (1, 0))
    return hits / leaks - false / others if leaks and others else float("nan")


def _best(table: pd.DataFrame) -> str:
    scores = {counter: score(table, counter) for counter in COUNTERS}
    known = {counter: value for counter, value in scores.items() if value == value}
    if not known:
        return "Without both kinds of run no counter can be judged."
    best = max(known, key=lambda counter: known[counter])
    if known[best] <= 0:
        return "None of them tells leaks from use."
    return f"Best tells: {COUNTERS[best]}."


def _turns(table: pd.DataFrame) -> str:
    rows = table[(table.setting == JUDGED) & (table.design == "freeable")]
    served = (rows.fallback + rows.captured).mean()
    return (
        "where no request is served outside of chunks: without such pages "
        f"{style.number(rows.stranded.mean(), 1)} pages would be off here instead of "
        f"{style.number(abs(rows.off.mean()), 1)} ({style.number(served, 1)} such pages a run); or "
        "if fallback pages were counted when they are served."
    )


def figure(table: pd.DataFrame) -> Figure:
    """Draw counters over time where the counter is wrong and where it hides a leak; and alarms."""
    with canvas(3.5) as drawing:
        grid = drawing.subplots(1, 3, width_ratios=[1, 1, 1.05])
        drawing.subplots_adjust(left=0.085, right=0.985, top=0.8, bottom=0.15, wspace=0.22)
        _over_time(grid[0], table, JUDGED, "freeable")
        _over_time(grid[1], table, "failures alone", "bump:leak")
        grid[0].set_ylabel("pages, median over runs")
        drawing.legend(
            *grid[0].get_legend_handles_labels(), loc="upper left", ncols=4, frameon=False,
            bbox_to_anchor=(0.05, 1.0),
        )  # fmt: skip
        _alarms(grid[2], table)
        svg = to_svg(drawing, "q3-counters")
    return Figure("q3-counters", svg, _alt(table), CAPTION, summary(table))


CAPTION = (
    "Left: out of memory, the kernel's counter runs below the pages that callers have. Middle: "
    "every request fails and its page leaks, so the counter rises although nobody uses a page. "
    "Right: of the runs that do or do not leak, how many leaks.sh calls a leak by each counter."
)
LINES = {
    "v_nofree_count": ("v_nofree_count", "freeable"),
    "live": ("pages that callers have", "ordinary"),
    "nofreeq_size": ("nofreeq_size", "separate"),
    "stranded": ("stranded", "bump:panic"),
}


def _over_time(axes: Axes, table: pd.DataFrame, setting: str, design: str) -> None:
    rows = table[(table.setting == setting) & (table.design == design)]
    minutes = np.linspace(0, int(SECONDS) / 60, INSTANTS)
    for name, (label, colour) in LINES.items():
        values = np.array([text.split() for text in rows[f"{name}_series"]], dtype=int)
        seen = style.look(colour)
        middle = np.median(values, axis=0)
        # the counter is drawn first and wide, as others may lie on it
        width = 3.2 if name == "v_nofree_count" else 1.6
        style_of = {"color": seen.light, "linestyle": seen.dash, "linewidth": width}
        axes.plot(minutes, middle, label=label, **style_of)
    axes.set_title(f"{setting}, {design}")
    axes.set_xlabel("minutes")
    axes.yaxis.set_major_formatter(lambda value, _: style.number(value))


def _alarms(axes: Axes, table: pd.DataFrame) -> None:
    """Write the counts of alarms as a small table."""
    axes.set_axis_off()
    axes.set_title("leaks.sh alarms, of the runs that")
    for x, head in ((0.66, "leak"), (0.93, "do not")):
        axes.text(x, 0.9, head, ha="center", weight="bold")
    for i, (counter, title) in enumerate(COUNTERS.items()):
        y = 0.74 - 0.19 * i
        axes.text(0.0, y, title.replace(" less ", "\nless "), va="center")
        for x, leaking in ((0.66, 1), (0.93, 0)):
            hits, runs = alarms(table, counter, "maxima", leaking)
            axes.text(x, y, f"{hits} of {runs}", ha="center", va="center")


def _alt(table: pd.DataFrame) -> str:
    said = [
        f"{title} {alarms(table, counter, 'maxima', 1)[0]} right and "
        f"{alarms(table, counter, 'maxima', 0)[0]} false"
        for counter, title in COUNTERS.items()
    ]
    return f"Counters over time, and alarms of leaks.sh: {', '.join(said)}."


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Give what the counter is off by and its parts (medians), and the runs with an alarm.

    Alarms by a counter are those of leaks.sh / those of leaks2.sh.
    """
    rows = []
    for (setting, design), runs in table.groupby(["setting", "design"], sort=False):
        row = {"setting": setting, "design": design}
        row["off, pages"] = median_text(runs.off)
        for part in ("fallback", "captured", "stranded"):
            row[part] = style.number(runs[part].median(), 1)
        for counter, title in SHORT.items():
            alarmed = [str(runs[f"{counter}_{script}"].sum()) for script in SCRIPTS]
            row[f"alarms {title}"] = " / ".join(alarmed)
        rows.append(row)
    return pd.DataFrame(rows)


COLUMNS = {
    "scenario": "story that it is drawn from",
    "setting": "growth, growth and failures, failures alone, exhaustion",
    "design": "design",
    "replication": "replication",
    "v_nofree_count": "the kernel's counter of pages handed out, at the end (pages)",
    "live": "NOFREE pages that callers have at the end, from a chunk or not (pages)",
    "nofreeq_size": "the kernel's counter of idle pages at the end (pages)",
    "fallback": "of live: served outside of any chunk (pages)",
    "captured": "freed fallback pages that the queue kept: the drift (pages)",
    "stranded": "pages that leaked, and pages of chunks that joined the general pool (pages)",
    "off": "v_nofree_count less live (pages)",
    "leaking": "1 if pages are stranded at the end",
    **{
        f"{counter}_{script}": f"1 if {name} would report a leak by {title}"
        for counter, title in COUNTERS.items()
        for script, name in SCRIPTS.items()
    },
    **{f"{name}_series": f"{name} at {INSTANTS} instants (pages)" for name in DRAWN},
}

Q3 = Question(
    name="Q3",
    asks="A counter of NOFREE pages that were freed: which counter tells a leak?",
    freebsd="It added the sysctl nofreeq_size and let v_nofree_count fall with each free; kib had "
    "asked for a counter of freed pages, as some kind of leak.",
    primary=Metric("off", "What v_nofree_count is off by at the end", "pages", 0),
    judged="v_nofree_count less the NOFREE pages that callers have, freeable, out of memory",
    columns=COLUMNS,
    measure=measure,
    answer=answer,
    figure=figure,
    summary=summary,
)
