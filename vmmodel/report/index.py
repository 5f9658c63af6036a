"""The front page: question, answer, limits, the table of designs, one picture, downloads."""

import base64
import html
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from vmmodel.analysis import summary
from vmmodel.analysis.comparisons import different
from vmmodel.analysis.tables import BASELINE, Case, Study
from vmmodel.experiment.schema import TABLES
from vmmodel.report import answers, picture, style
from vmmodel.report.markup import Cell, Prose, Table, inline
from vmmodel.report.regionmap import region_map

CLAIMED_BY = {"leaked": "gone", "lost": "gone"}
"""Metrics that are shown in parts, and the primary metric that claims their difference."""

QUESTION = "What should happen when a NOFREE page has to be given back?"


class Linked(Protocol):
    """A page that the front page links to."""

    @property
    def file(self) -> str: ...
    @property
    def title(self) -> str: ...


def body(study: Study, out: Path, pages: Sequence[Linked]) -> str:
    """Everything inside ``<main>`` of the front page in *out*."""
    parts = [
        f"<h1>{html.escape(QUESTION)}</h1>",
        "<p>FreeBSD marks pages that promise never to be freed with <code>PG_NOFREE</code> and "
        "serves them from 2 MB chunks. Review D49480 lets them be freed after all. This study runs "
        "the designs of the review on a model of the physical memory of FreeBSD, all on the same "
        "drawn events, and reports what each leaks, fragments and costs.</p>",
        '<h2 id="answer">The answer</h2>',
        f'<div class="answer">{_answer(study)._repr_html_()}</div>',
        picture.answer(study)._repr_html_(),
        '<h2 id="limits">What the model does not show</h2>',
        f'<div class="limits">{_list(answers.limits(study))}</div>',
        '<h2 id="designs">The designs, side by side</h2>',
        _designs(study)._repr_html_(),
        *_comparisons(study),
        '<h2 id="map">2 MB regions over time</h2>',
        region_map(study, _picture(study))._repr_html_(),
        '<h2 id="arguments">The argument, page by page</h2>',
        _list(
            [f'<a href="{page.file}">{html.escape(page.title)}</a>' for page in pages],
            raw=True,
        ),
        '<h2 id="change">What would change the answer</h2>',
        answers.what_would_change(study)._repr_html_(),
        '<h2 id="run">What was run</h2>',
        answers.what_was_run(study)._repr_html_(),
        answers.same_events(study)._repr_html_(),
        '<h2 id="data">Data</h2>',
        _downloads(study, out),
        '<h2 id="again">Do it again</h2>',
        f"<p>In a clone of the project: <code>{html.escape(_command(study))}</code>. It runs the "
        "sweep, executes the notebooks and writes these pages. The tables, and with them every "
        "number here, come out the same for the same commit and seed.</p>",
    ]
    return "\n".join(parts)


def _answer(study: Study) -> Prose:
    leaks = answers.leaks(study).paragraphs
    fragmentation = answers.fragmentation(study).paragraphs
    latency = answers.latency(study).paragraphs
    # The last paragraph of each explains the brackets; once is enough.
    return Prose([*leaks[:-1], fragmentation[0], latency[0], leaks[-1]])


def _designs(study: Study) -> Table:
    rows: list[list[str | Cell]] = []
    for design in study.designs:
        about = study.meta["designs"].get(design, {})
        rows.append(
            [
                f"`{design}`",
                about.get("title", ""),
                about.get("summary", ""),
                about.get("source", ""),
            ]
        )
    return Table(
        f"Designs compared. Differences are taken against {BASELINE}.",
        ["design", "what it is", "what happens to a freed page", "from"],
        rows,
        text=True,
    )


def _comparisons(study: Study) -> list[str]:
    """One table for each story's hardest machine; the other machines folded below it."""
    one = summary.median_of(study, study.cases[0], BASELINE, "pinned_regions")
    parts = [
        "<p>Under each median stands the median of its paired differences to"
        f" <code>{BASELINE}</code> with an exact interval (coverage"
        f" {style.percent(one.coverage)} with {one.n} replications); “equal” means"
        " equal in every pair. “Better” and “worse” are claims: they stand at the declared primary"
        " metrics (pinned regions, pages leaked or lost, p99 latency) only, where the paired"
        " difference has p below 5 % after Holm's adjustment over all comparisons of the report."
        " Intervals are for one comparison by itself and are not widened."
        " Runs that panicked are in the last column and in no other number.</p>"
    ]
    for scenario in dict.fromkeys(case.scenario for case in study.cases):
        main = study.main_case(scenario)
        if main is None:
            continue
        title = study.meta["scenarios"].get(scenario, {}).get("title", scenario)
        parts.append(f"<h3>{html.escape(title)} (<code>{html.escape(main.label)}</code>)</h3>")
        parts.append(comparison(study, main)._repr_html_())
        others = [case for case in study.cases_of(scenario) if case != main]
        if others:
            more = "".join(comparison(study, case)._repr_html_() for case in others)
            count = f"{len(others)} more machine{'s' if len(others) > 1 else ''}"
            parts.append(f"<details><summary>{count} of this scenario</summary>{more}</details>")
    return parts


def comparison(study: Study, case: Case) -> Table:
    """Designs by metrics in one *case*: medians, paired differences, better or worse."""
    rows: list[list[str | Cell]] = []
    for design in study.designs:
        share = summary.panics(study, case, design)
        if not share.n:
            continue
        panicked = round(share.estimate * share.n)
        note = ""
        if panicked:
            when = summary.panic_time_ns(study, case, design)
            note = f"median at {style.duration(when.estimate)}"
        cells: list[str | Cell] = [f"`{design}`"]
        for metric in summary.METRICS:
            cells.append(_cell(study, case, design, metric))
        rows.append([*cells, Cell(f"{panicked} of {share.n}", note)])
    headings = [f"{metric.title} ({metric.unit})" for metric in summary.METRICS]
    example = summary.median_of(study, case, BASELINE, "pinned_regions")
    timed = summary.OPERATIONS.get(summary.page_operation(study, case), "nothing timed")
    caption = (
        f"{case.label}: medians of {example.n} replications at the end of the run. Latency is that"
        f" of {timed}."
    )
    if not all(summary.comparable(design, "p99_ns") for design in study.designs):
        caption += " " + summary.NOT_COMPARED.replace("`", "")
    return Table(
        caption,
        ["design", *headings, "Runs that panicked"],
        rows,
    )


def _cell(study: Study, case: Case, design: str, metric: summary.Metric) -> Cell:
    value = summary.median_of(study, case, design, metric.name)
    apart = summary.difference_of(study, case, design, metric.name)
    if not value.n:
        return Cell("-", "no completed run")
    shown = style.number(value.estimate, metric.digits)
    if metric.name in ("leaked", "lost"):
        some, runs = summary.runs_with(study, case, design, metric.name)
        shown += f" (in {some} of {runs} runs)" if 0 < some < runs else ""
    if design == BASELINE:
        return Cell(shown, style.span(value, metric.digits) if value.low < value.high else "")
    if not summary.comparable(design, metric.name):
        return Cell(shown, "not compared")
    if not apart.n:
        return Cell(shown)
    if summary.equal_in_every_pair(study, case, design, metric.name):
        return Cell(shown, "equal" if apart.coverage >= 0.9 else f"equal in {apart.n} pairs")
    note = style.apart(apart, digits=metric.digits)
    claim = (case, design, CLAIMED_BY.get(metric.name, metric.name))
    if claim not in different(study) or style.invisible(apart, metric.digits):
        return Cell(shown, note)
    good = (apart.estimate > 0) == (metric.better > 0)
    return Cell(shown, note, "better" if good else "worse")


def _picture(study: Study) -> Case:
    case = study.main_case("hosts")
    return case if case is not None else study.cases[0]


def _downloads(study: Study, out: Path) -> str:
    table = summary.table(study).to_csv(index=False, float_format="%.6g", lineterminator="\n")
    link = "data:text/csv;base64," + base64.b64encode(table.encode()).decode()
    entries = [
        f'<a download="summary.csv" href="{link}">summary.csv</a>: every median, difference and'
        " interval of this page, inside it"
    ]
    base = os.path.relpath(study.folder.resolve(), out.resolve()).replace(os.sep, "/")
    for name in [*(f"{table}.parquet" for table in TABLES), "meta.json"]:
        size = (study.folder / name).stat().st_size / 1024
        where = html.escape(f"{base}/{name}", quote=True)
        entries.append(
            f'<a href="{where}">{name}</a> ({style.number(max(1, round(size)))} kB),'
            " beside the report"
        )
    return _list(entries, raw=True)


def _list(entries: list[str], raw: bool = False) -> str:
    items = "".join(f"<li>{entry if raw else inline(entry)}</li>" for entry in entries)
    return f"<ul>{items}</ul>"


def _command(study: Study) -> str:
    return str(study.meta.get("command", "./study report"))
