"""Which choices matter and which do not: sentences made from the effects, metric by metric."""

from typing import Any

import pandas as pd

from vmmodel.analysis.factorial import EQUAL, MATTERS, NOT_SHOWN, SMALL, UNKNOWN
from vmmodel.analysis.family import FAMILY, Primary
from vmmodel.questions.factorial import SECONDARY, Effects
from vmmodel.questions.plans import BASE, NOWHERE, PLANS
from vmmodel.report import style

MOST_JOINT = 4
"""Interactions that a sentence names; the table has all."""

RANK = (MATTERS, NOT_SHOWN, SMALL, EQUAL, UNKNOWN)
"""What is said of an axis on several workloads: the first of these that any of them has."""

LIMITS = (
    "an effect outside of its plan: it is averaged over the other axes that the plan crosses, and"
    " the rest stays as landed; interactions of three and more axes; sleeping for memory, which is"
    " not in the latency, so that `fallback=wait` looks cheap; sizes on large machines, since those"
    " of the quick profile are small. "
    + "; ".join(f"`{level}` is in no plan ({why})" for level, why in NOWHERE.items())
    + "."
)


def sentences(found: Effects) -> list[str]:
    """Say for each primary metric what matters, how much, and what does not."""
    return [_about(metric, found) for metric in FAMILY]


def _about(metric: Primary, found: Effects) -> str:
    rows = found.terms[found.terms.metric == metric.metric]
    single = rows[~rows.term.str.contains(":")]
    deciding = {str(axis): _deciding(group) for axis, group in single.groupby("term", sort=False)}
    ordered = {axis: deciding[axis] for axis in BASE if axis in deciding}
    by = {verdict: [a for a, row in ordered.items() if row.verdict == verdict] for verdict in RANK}
    strong = sorted(by[MATTERS], key=lambda axis: -abs(ordered[axis]["size"]))
    parts = [
        _listed("matters", [_size(axis, ordered[axis], metric, found) for axis in strong]),
        _listed("is not shown to matter", [_bounded(a, single) for a in by[NOT_SHOWN]]),
        _listed("is shown but too small to count", [_bounded(a, single) for a in by[SMALL]]),
        _equal(by[EQUAL], single),
        _listed("cannot be judged from these runs", [f"`{axis}`" for axis in by[UNKNOWN]]),
        _together(rows[rows.term.str.contains(":")], metric),
    ]
    title = f"{metric.title[0].upper()}{metric.title[1:]}"
    return f"{title} ({metric.unit}): {'; '.join(part for part in parts if part)}."


def _deciding(rows: pd.DataFrame) -> pd.Series:
    """The row that speaks for an axis: of the first verdict in RANK, the largest size."""
    order = rows.assign(rank=rows.verdict.map(RANK.index), big=-rows["size"].abs())
    return order.sort_values(["rank", "big"], kind="stable").iloc[0]


def _listed(verb: str, what: list[str]) -> str:
    return f"{verb}: {', '.join(what)}" if what else ""


def _size(axis: str, row: pd.Series, metric: Primary, found: Effects) -> str:
    """Say how far the levels of an axis are apart, and where."""
    low, high = _number(row.low), _number(row.high)
    span = "the same in every replication" if row.equal else f"{low} to {high}"
    text = (
        f"`{axis}` by {_number(row['size'])} [{span}] from `{row.best}` to `{row.worst}` on"
        f" `{row.scenario}`"
    )
    return text + (_unserved(axis, row, found) if metric.metric == "pinned_regions" else "")


def _number(value: float) -> str:
    """Write a size: whole from 20 on, else to a tenth, and what is smaller to a hundredth.

    >>> _number(1656.2), _number(7.14), _number(0.034)
    ('1,656', '7.1', '0.03')
    """
    if abs(value) >= 20:
        return style.number(round(value))
    return style.number(value, 1 if abs(value) >= 1 else 2)


def _unserved(axis: str, row: pd.Series, found: Effects) -> str:
    """Say so if the better level also leaves more requests unserved."""
    levels = found.levels
    rows = levels[(levels.metric == SECONDARY) & (levels.term == axis)]
    rows = rows[(rows.plan == row.plan) & (rows.scenario == row.scenario)].set_index("level")
    best, worst = (name.partition("/")[0] for name in (row.best, row.worst))
    more = float(rows.effect[best] - rows.effect[worst])
    return f", where `{best}` leaves {_number(more)} more requests unserved" if more >= 1 else ""


def _bounded(axis: str, single: pd.DataFrame) -> str:
    """Say how large a difference may be, and where, if none counts."""
    rows = single[(single.term == axis) & single.verdict.isin((SMALL, NOT_SHOWN))]
    ends = rows[["low", "high"]].abs().max(axis=1).to_numpy(float)
    most, where = float(ends.max()), rows.scenario.iloc[int(ends.argmax())]
    return f"`{axis}` (at most {_number(most)} on `{where}`)"


def _equal(names: list[str], single: pd.DataFrame) -> str:
    """Name the axes on which all runs are equal, and how many replications say so."""
    if not names:
        return ""
    n = int(single[single.term.isin(names)].replications.min())
    quoted = ", ".join(f"`{axis}`" for axis in names)
    return f"changes nothing in any of {n} replications: {quoted}"


def _together(joint: pd.DataFrame, metric: Primary) -> str:
    """Name the strongest interactions; say how many there are."""
    strong = joint[joint.verdict == MATTERS]
    if strong.empty:
        return "no two choices are shown to depend on each other"
    strong = strong.assign(big=-strong["size"].abs()).sort_values("big", kind="stable")
    first = strong.drop_duplicates("term")
    named = ", ".join(_turn(row) for row in first.head(MOST_JOINT).itertuples())
    count = len(first)
    return f"together ({count} pair{'s' if count > 1 else ''}): {named}"


def _turn(row: Any) -> str:
    """Say by how much a difference on one axis changes with the other."""
    one, _, other = row.term.partition(":")
    sign = "+" if row.size > 0 else ""
    return (
        f"`{one}` with `{other}` ({row.best} changes by {sign}{_number(row.size)}"
        f" [{_number(row.low)} to {_number(row.high)}] {row.worst}, on `{row.scenario}`)"
    )


def markdown(found: Effects, stages: list[str]) -> str:
    """Word the whole for a review."""
    plans = [f"- `{plan.name}` ({plan.kind}): {plan.why}." for plan in PLANS.values()]
    said = [f"- {sentence}" for sentence in sentences(found)]
    return "\n".join(
        [
            "### Which choice matters?",
            "",
            *said,
            "",
            f"It does not show: {LIMITS}",
            "",
            "Plans, balanced over main effects and two-way interactions:",
            "",
            *plans,
            "",
            "Workloads:",
            "",
            *[f"- {stage}" for stage in stages],
            "",
        ]
    )
