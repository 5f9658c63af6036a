"""The study's claims as a table: paired differences of the declared family, Holm over all."""

import math
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from vmmodel.analysis.comparisons import family_table, seen_table
from vmmodel.analysis.family import FAMILY, primary
from vmmodel.analysis.paired import NOT_POSITIVE
from vmmodel.analysis.statistics import Interval
from vmmodel.analysis.tables import BASELINE, Case, Study
from vmmodel.report import style
from vmmodel.report.markup import Cell, Prose, Table

Row = Mapping[Hashable, Any]


def declared() -> Table:
    """The family, as it was declared before anything was run."""
    return Table(
        "The primary family. Everything else in the report is secondary and carries no claim.",
        ["metric", "stands for", "unit", "a difference counts from", "kind"],
        [
            [one.title, one.role, one.unit, style.number(one.absolute), one.kind]
            for one in FAMILY
        ],
        text=True,
    )  # fmt: skip


def claims(study: Study) -> Table:
    """Every comparison of the family in which any pair differs."""
    table = family_table(study)
    apart = table[(table.n > 0) & ~((table.low == 0) & (table.high == 0))]
    equal = int(((table.low == 0) & (table.high == 0)).sum())
    rows: list[list[str | Cell]] = [_claim(row) for row in apart.to_dict("records")]
    return Table(
        f"Differences to {BASELINE} in pairs, mean with t interval and, below it, BCa bootstrap."
        f" Of {len(table)} comparisons {equal} are equal in every pair and not shown."
        " p is Holm's, over all of them.",
        ["where, design, metric", "difference", "ratio", "pairs", "correlation", "p (Holm)"],
        rows,
    )


def _claim(row: Row) -> list[str | Cell]:
    one = primary(row["metric"])
    known = Interval(row["mean"], row["low"], row["high"], 0.95, row["n"])
    bca = Interval(row["mean"], row["bca_low"], row["bca_high"], 0.95, row["n"])
    where = Case(row["scenario"], row["variant"]).label
    text = f"{style.signed(known.estimate, 1)} {one.unit} {style.span(known, 1, sign=True)}"
    note = "" if math.isnan(bca.low) else f"BCa {style.span(bca, 1, sign=True)}"
    if row["notes"]:
        note = f"{note} {row['notes']}".strip()
    return [
        f"{where}, {row['design']}, {one.title}",
        Cell(text, note),
        style.number(row["ratio"], 2),
        style.number(row["n"]),
        style.number(row["correlation"], 2),
        _p(row["p_holm"]),
    ]


def _p(value: float) -> str:
    if math.isnan(value):
        return "not tested"
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"


def said(study: Study) -> Prose:
    """How many comparisons differ, whether pairing helped, and what was never seen."""
    table = family_table(study)
    tested = table[table.p_holm.notna()]
    known = table[table.correlation.notna()]
    weak = int(known.notes.str.contains(NOT_POSITIVE).sum())
    return Prose(
        [
            f"Of {len(tested)} comparisons that could be tested, {int(tested.different.sum())}"
            " differ after Holm's adjustment over all of them.",
            f"The paired correlation is defined in {len(known)} of {len(table)} comparisons,"
            f" its median there is {style.number(float(known.correlation.median()), 2)}, and in"
            f" {weak} it is not positive. Where it is not defined, one of the two does not vary.",
            _never(seen_table(study)),
        ]
    )


def _never(seen: pd.DataFrame) -> str:
    gone = seen[(seen.what == "gone") & (seen.events == 0)]
    if gone.empty:
        return "Every design leaked or lost a page in some run of every scenario."
    worst = gone.iloc[int(gone.high.to_numpy().argmax())]
    return (
        f"In {len(gone)} of {int((seen.what == 'gone').sum())} pairs of design and machine no run"
        f" leaked or lost a page. None in {worst.runs} runs is not never: it allows up to"
        f" {style.percent(float(worst.high))} of runs to do so."
    )
