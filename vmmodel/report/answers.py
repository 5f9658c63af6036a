"""Sentences that answer the question, made from the data each time the report is built.

No number in the report is typed.  A claim that the data no longer supports turns into the
opposite sentence, not into a stale one.
"""

import pandas as pd

from vmmodel.analysis import histograms, summary
from vmmodel.analysis.statistics import Interval, share_interval
from vmmodel.analysis.tables import BASELINE, Case, Study
from vmmodel.report import style
from vmmodel.report.markup import Prose, Table

SMALL = 0.01
"""A difference in free regions below this share of them is called none."""

MODEL_LIMITS = (
    "Scenarios of the quick report run without page caches, reservations and the page daemon, and"
    " workloads of the whole machine are drawn, not recorded: absolute fragmentation means little;"
    " paired differences between designs mean more.",
    "Nanoseconds are priced events plus waiting for one lock, the domain free lock; other locks are"
    " priced as uncontended. Most prices are not FreeBSD's own, and their uncertainty is in no"
    " interval here.",
    "Failures are injected or provoked at rates far above real ones, so that a run meets them.",
    "A table of a user's own machine is read with the zones of FreeBSD 13.0: a zone that became"
    " NOFREE later, or no longer is, is taken for what it was there.",
    "A model ranks designs under stated workloads. It does not give nanoseconds on FreeBSD,"
    " rates of fragmentation in production, or the benefit to an application.",
)
"""What holds for every scenario; a reader needs it before the limits of each."""


def verdict(study: Study) -> str:
    """One sentence over all scenarios: who loses nothing, and what the others do."""
    runs = summary.per_run(study)
    clean, rest = [], []
    for design in study.designs:
        mine = runs[runs.design == design]
        faults = {
            "leaks pages": mine.leaked > 0,
            "loses chunk pages to the general pool": mine.lost > 0,
            "panics": mine.outcome == "panic",
        }
        found = [
            f"{fault} in {_and([f'`{name}`' for name in _in_order(study, mine[rows])])}"
            for fault, rows in faults.items()
            if rows.any()
        ]
        if found:
            rest.append(f"`{design}` {_and(found)}")
        else:
            clean.append(f"`{design}`")
    n = style.number(len(study.runs) / len(study.designs))
    said = f"{'; '.join(rest)}." if rest else ""
    if not clean:
        return said
    verb = "leaks or loses no page and does not panic"
    if len(clean) > 1:
        verb = "leak or lose no page and do not panic"
    return f"{_and(clean)} {verb} in any of their {n} runs. {said}".strip()


def _in_order(study: Study, rows: pd.DataFrame) -> list[str]:
    found = set(rows.scenario)
    return [scenario for scenario in _scenarios(study) if scenario in found]


def fragmentation(study: Study) -> Prose:
    """What NOFREE chunks buy, and how the designs that use them differ."""
    said = []
    for scenario in _scenarios(study):
        case = study.main_case(scenario)
        if case is not None:
            said.append(_pinned(study, case))
    said.append(_coverage(study))
    return Prose(said)


def _pinned(study: Study, case: Case) -> str:
    base = summary.median_of(study, case, BASELINE, "pinned_regions")
    regions = summary.completed(study, case).regions.max()
    text = (
        f"{_name(case)}: `{BASELINE}` pins {style.number(base.estimate)} of"
        f" {style.number(regions)} regions of 2 MB"
    )
    if "ordinary" in study.designs:
        apart = summary.difference_of(study, case, "ordinary", "pinned_regions")
        text += "; without a NOFREE allocator (`ordinary`) the difference is"
        text += f" {_apart(apart, 'regions')}"
        if apart.excludes_zero:
            fewer = "fewer" if apart.low > 0 else "more"
            text += f": chunks make {fewer} regions pinned for ever"
        text += f". {_free_at_the_end(study, case)}"
    else:
        text += "."
    return text + " " + _others(study, case, "pinned_regions", "regions")


def _free_at_the_end(study: Study, case: Case) -> str:
    """Whether chunks also leave more regions wholly free, from the last sample of each run."""
    free = summary.median_of(study, case, BASELINE, "free_regions")
    apart = summary.difference_of(study, case, "ordinary", "free_regions")
    share = summary.difference_of(study, case, "ordinary", "availability")
    text = (
        f"Wholly free at the end are {style.number(free.estimate)} regions with `{BASELINE}`,"
        f" with `ordinary` {_apart(apart, 'regions')}; superpage availability"
        f" {_apart(share, 'percentage points', 1)}."
    )
    if not apart.n or apart.coverage < 0.9:
        return text
    if max(abs(apart.low), abs(apart.high)) < SMALL * free.estimate:
        return (
            f"{text} That is less than {style.percent(SMALL, 0)} of them either way: at the end"
            " of these runs chunks give the rest of the system no more free regions."
        )
    if not apart.excludes_zero:
        return f"{text} These runs do not show whether chunks leave more or fewer of them."
    return f"{text} So chunks leave {'fewer' if apart.low > 0 else 'more'} regions wholly free."


def _others(study: Study, case: Case, metric: str, unit: str, digits: int = 0) -> str:
    """One sentence on every design but the baseline and ``ordinary``."""
    same, few, moved = [], [], []
    for design in study.designs:
        if design in (BASELINE, "ordinary"):
            continue
        apart = summary.difference_of(study, case, design, metric)
        if not apart.n:
            few.append(f"`{design}`")
        elif summary.equal_in_every_pair(study, case, design, metric):
            same.append(f"`{design}`" + ("" if apart.coverage >= 0.9 else f" ({apart.n} pairs)"))
        else:
            moved.append(f"`{design}` {_apart(apart, unit, digits)}")
    parts = []
    if moved:
        parts.append(f"Against `{BASELINE}`: {'; '.join(moved)}.")
    if same:
        equal = "equals" if len(same) == 1 else "equal"
        parts.append(f"{_and(same)} {equal} `{BASELINE}` in every pair.")
    if few:
        parts.append(f"No run of {_and(few)} completed.")
    return " ".join(parts)


def leaks(study: Study) -> Prose:
    """Which design leaks what, in which story, and which run panicked."""
    # Machines on which something is lost come first; a calm scenario is said once.
    said = [_leaks_in(study, case) for case in study.cases if _faulty(study, case)]
    said += [_calm(study, scenario) for scenario in _scenarios(study)]
    return Prose([verdict(study), *filter(None, said), _coverage(study)])


def _faulty(study: Study, case: Case) -> bool:
    """Whether any run leaked, lost or panicked: the same test as in ``verdict``."""
    rows = study.select(summary.per_run(study), case)
    return bool(((rows.leaked > 0) | (rows.lost > 0) | (rows.outcome == "panic")).any())


def _calm(study: Study, scenario: str) -> str:
    """The machines of *scenario* on which nothing was lost; empty when there are none."""
    calm = [case for case in study.cases_of(scenario) if not _faulty(study, case)]
    if not calm:
        return ""
    named = _and([case.variant for case in calm if case.variant] or [""])
    name = f"On `{scenario}` ({named})" if named else f"In `{scenario}`"
    back = "; ".join(
        f"`{design}` {words}"
        for case in calm
        for design in study.designs
        for words in _went_back(study, case, design)
    )
    return f"{name}: no design leaks or loses a page, none panics.{f' {back}.' if back else ''}"


def _leaks_in(study: Study, case: Case) -> str:
    lost, kept = [], []
    for design in study.designs:
        words = [
            f"{verb} {_pages(study, case, design, metric)}{note}"
            for metric, verb in (("leaked", "leaks"), ("lost", "loses"))
            if summary.runs_with(study, case, design, metric)[0]
            for note in [_from_fallback(study, case, design) if metric == "leaked" else ""]
        ]
        words += _went_back(study, case, design)
        stopped = panic_sentence(study, case, design)
        if stopped:
            words.append(stopped)
        if words:
            lost.append(f"`{design}` {' and '.join(words)}")
        if not any(word.startswith(("leaks", "loses", "panicked")) for word in words):
            kept.append(design)
    text = f"{_name(case)}: "
    text += f"{'; '.join(lost)}. "
    if kept:
        runs = summary.completed(study, case)
        runs = runs[runs.design.isin(kept)]
        n = int(runs.groupby("design").size().min())
        high = style.percent(share_interval(0, n).high, 0)
        names = _and([f"`{design}`" for design in kept])
        text += (
            f"{names} {'lose' if len(kept) > 1 else 'loses'} none in {n} of {n} runs"
            f"{' each' if len(kept) > 1 else ''}; the 95 % interval of the share of runs that do is"
            f" 0 % to {high}."
        )
    return text.strip()


def _pages(study: Study, case: Case, design: str, metric: str) -> str:
    """How many pages, and in how many runs when it is not all of them."""
    some, runs = summary.runs_with(study, case, design, metric)
    one = summary.median_of(study, case, design, metric)
    middle = f"{style.number(one.estimate)} pages {style.span(one)}"
    gone = " to the general pool" if metric == "lost" else ""
    if some == runs and one.n:
        return middle + gone
    rows = study.select(summary.per_run(study), case)
    most = int(rows[rows.design == design][metric].max())
    note = f"up to {style.number(most)} pages"
    if one.n:
        note += f", median of the runs that completed {middle}"
    return f"pages{gone} in {some} of {runs} runs ({note})"


def _from_fallback(study: Study, case: Case, design: str) -> str:
    """How many of the leaked pages had been served outside any chunk, over all runs."""
    rows = summary.completed(study, case)
    rows = rows[rows.design == design]
    leaked, fallback = int(rows.leaked.sum()), int(rows.leaked_fallback.sum())
    if not fallback:
        return ""
    return (
        f" (over all runs {style.number(fallback)} of {style.number(leaked)} leaked pages were"
        " fallback)"
    )


def _went_back(study: Study, case: Case, design: str) -> list[str]:
    """Escaped fallback pages: said, but not called a loss."""
    rows = summary.completed(study, case)
    pages = int(rows[rows.design == design].escaped_fallback.sum())
    if not pages:
        return []
    return [
        f"returns {style.number(pages)} fallback pages, over all runs, to the general pool they"
        " came from"
    ]


def panic_sentence(study: Study, case: Case, design: str) -> str:
    """``panicked in 8 of 10 runs [...], median time ...``, or nothing without a panic."""
    share = summary.panics(study, case, design)
    if not share.estimate > 0:
        return ""
    when = summary.panic_time_ns(study, case, design)
    times = f"{style.duration(when.low)} to {style.duration(when.high)}"
    return (
        f"panicked in {round(share.estimate * share.n)} of {share.n} runs (95 % interval"
        f" {style.percent(share.low, 0)} to {style.percent(share.high, 0)}), median time"
        f" {style.duration(when.estimate)} [{times}]"
    )


def latency(study: Study) -> Prose:
    """What one NOFREE page costs, waiting included, and who pays more."""
    said = []
    for scenario in _scenarios(study):
        case = study.main_case(scenario)
        if case is None:
            continue
        operation = summary.page_operation(study, case)
        rows = study.select(study.latencies, case)
        rows = rows[(rows.operation == operation) & (rows.design == BASELINE)]
        total = histograms.merge(rows[rows.part == "total"])
        if total.empty:
            said.append(f"{_name(case)}: no NOFREE page was timed.")
            continue
        count = int(total["count"].sum())
        values = [
            f"{style.duration(histograms.percentile(total, share))} at {title}"
            for share, title in zip(histograms.PERCENTILES, ("p50", "p99", "p99.9"), strict=True)
            if histograms.enough(count, share)
        ]
        said.append(
            f"{_name(case)}: with `{BASELINE}` {summary.OPERATIONS[operation]} (`{operation}`)"
            f" takes {', '.join(values)}, waiting included, over {style.number(count)}"
            f" operations. p99 of each replication, in pairs."
            f" {_others(study, case, 'p99_ns', 'ns')}"
        )
    said.append(
        "These are priced operations, not measurements on FreeBSD: read the order of the designs,"
        " not the nanoseconds. " + _coverage(study)
    )
    if "ordinary" in study.designs:
        said.insert(-1, summary.NOT_COMPARED)
    return Prose(said)


def what_would_change(study: Study) -> Prose:
    """The assumed parameters on which the answer rests, from the sweep's description."""
    assumed = []
    for name, scenario in study.meta["scenarios"].items():
        found = [
            f"{key.replace('_', ' ')} = {_value(parameter)}"
            for key, parameter in scenario.get("parameters", {}).items()
            if parameter.get("mark") == "assumed"
        ]
        if found:
            assumed.append(f"`{name}`: {', '.join(found)}")
    said = (
        "Failures that are rarer or commoner than assumed, callers that free pages they should"
        " not, and machines that run out of 2 MB blocks earlier. No price was varied here, so the"
        " order of designs in nanoseconds could change within the ranges of `data/costs.toml`."
    )
    return Prose([said, *(["Assumed, not measured:"] if assumed else []), *assumed])


def alike(study: Study, one: str, other: str) -> Prose:
    """In how many runs two designs end with every page in the same place."""
    same = summary.same_pages(study, one, other)
    n, all_of = int(same.sum()), len(same)
    if n == all_of:
        return Prose([f"`{one}` and `{other}` agree to the page in all {style.number(n)} pairs."])
    return Prose(
        [
            f"`{one}` and `{other}` agree to the page in {style.number(n)} of"
            f" {style.number(all_of)} pairs; in the others their prices moved the order of events."
        ]
    )


def same_events(study: Study) -> Prose:
    """Where designs were not asked for exactly the same, and by how much."""
    said = []
    for case in study.cases:
        rows = summary.completed(study, case)
        table = rows.pivot_table(index="replication", columns="design", values="requests")
        share = float(((table.max(axis=1) - table.min(axis=1)) / table.max(axis=1)).max())
        if share > 0:
            most = f"up to {style.percent(share)}" if share >= 0.001 else "less than 0.1 %"
            said.append(f"`{case.label}` (by {most} in a replication)")
    if not said:
        return Prose(
            ["In every scenario all designs that completed got the same number of requests."]
        )
    return Prose(
        [
            "The events are drawn before any design sees them, but what a design does can change"
            " what it is asked for next; a refill, for one, ends at its first slab that fails. The"
            f" number of requests differs between designs in {_and(said)}; elsewhere all designs"
            " that completed got the same number."
        ]
    )


def what_was_run(study: Study) -> Table:
    """Scenarios of the sweep with their stories, and how many runs stand behind them."""
    counted = study.runs.groupby("scenario").size()
    rows = []
    for name, scenario in study.meta["scenarios"].items():
        if name in counted.index:
            machines = len(study.cases_of(name))
            rows.append(
                [
                    f"`{name}`",
                    scenario["title"],
                    scenario.get("question", ""),
                    style.number(machines),
                    style.number(counted[name]),
                ]
            )
    meta = study.meta
    return Table(
        f"What was run: profile {meta['profile']}, {meta['replications']} replications,"
        f" seed {meta['seed']}, every design on the same drawn events.",
        ["scenario", "story", "question", "machines", "runs"],
        rows,
        text=True,
    )


def limits(study: Study) -> list[str]:
    """What the study does not show: limits of the model first, then those of the scenarios."""
    found = list(MODEL_LIMITS)
    for name, scenario in study.meta["scenarios"].items():
        for limit in scenario.get("limits", []):
            text = f"`{name}`: {limit}"
            if text not in found:
                found.append(text)
    return found


def _scenarios(study: Study) -> list[str]:
    return list(dict.fromkeys(case.scenario for case in study.cases))


def _name(case: Case) -> str:
    return f"On `{case.scenario}` ({case.variant})" if case.variant else f"In `{case.scenario}`"


def _apart(one: Interval, unit: str, digits: int = 0) -> str:
    if not one.n:
        return "not comparable (no completed pair)"
    return style.apart(one, unit, digits)


def _coverage(study: Study) -> str:
    case = study.cases[0]
    one = summary.median_of(study, case, BASELINE, "pinned_regions")
    return (
        f"Brackets are exact order-statistic intervals of a median over {one.n} replications,"
        f" coverage {style.percent(one.coverage)}; differences are paired by replication."
        " Runs that panicked are counted apart and not in any median."
    )


def _value(parameter: dict[str, object]) -> str:
    value, unit = parameter.get("value"), str(parameter.get("unit", ""))
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return f"{text} {unit}".strip(" -")


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
