"""Figures: deterministic, labelled, readable on dark pages, honest when there is nothing."""

import math
import re
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.report.synthetic import STORIES, write_sweep
from vmmodel.analysis import summary, tables
from vmmodel.analysis.tables import Case, Study
from vmmodel.experiment.schema import TABLES
from vmmodel.paths import ROOT
from vmmodel.report import answers, checks, figures, index, picture, series, style
from vmmodel.report.figure import Figure

FOUND = pd.DataFrame(
    {"interval": ["t", "BCa"], "n": 10, "promised": 0.95, "share": [0.94, 1.0],
     "error": [0.02, 0.0], "studies": [100, 200]}
)  # fmt: skip
POWER = pd.DataFrame(
    {"test": ["one", "Holm"] * 2, "effect": [1.0, 1.0, 2.0, 2.0], "n": 10, "studies": 100,
     "theory": [0.8, math.nan] * 2, "share": [0.8, 0.3, 1.0, 0.9], "error": 0.04}
)  # fmt: skip

DRAWN: list[Callable[[Study], Figure]] = [
    picture.answer,
    lambda study: figures.fragmentation_index(study, "hosts"),
    lambda study: figures.superpage_availability(study, "syzkaller"),
    lambda study: figures.pinned_over_time(study, "hosts"),
    lambda study: figures.region_map(study, "syzkaller"),
    lambda study: figures.books_over_time(study, "second-resource"),
    lambda study: figures.forest(study, "hosts", "pinned_regions", "pinned 2 MB regions"),
    lambda study: figures.tails(study, "syzkaller", "slab"),
    lambda study: figures.warmup(study, "second-resource"),
    lambda study: checks.frequencies(FOUND, "coverage", ["interval", "n"], "promised"),
    lambda study: checks.power_curves(POWER),
    lambda study: figures.tails(study, "syzkaller", "rollback", ("total",)),
]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A made-up study with two machines under hosts."""
    return tables.load(write_sweep(tmp_path_factory.mktemp("sweep"), 6, 12, STORIES[1:]))


@pytest.mark.parametrize("draw", DRAWN)
def test_a_figure_is_whole(study: Study, draw: Callable[[Study], Figure]) -> None:
    """It has a valid SVG below 60 kB, words for who cannot see it, and its numbers."""
    figure = draw(study)
    ET.fromstring(figure.svg)

    assert len(figure.svg.encode()) < 60_000
    assert len(figure.alt) > 40
    assert figure.caption.endswith(".")
    assert not figure.data.empty


@pytest.mark.parametrize("draw", DRAWN)
def test_a_figure_is_drawn_the_same_twice(study: Study, draw: Callable[[Study], Figure]) -> None:
    """The same tables give the same bytes."""
    assert draw(study).svg == draw(study).svg


@pytest.mark.parametrize("draw", DRAWN)
def test_a_figure_is_readable_on_dark_pages(study: Study, draw: Callable[[Study], Figure]) -> None:
    """Nothing is black, and a design's colour can be replaced by the page."""
    svg = draw(study).svg

    assert "#000" not in svg
    assert "currentColor" in svg
    for seen in style.DESIGNS.values():
        assert not re.search(rf"(?<!, ){seen.light}", svg)


def test_names_inside_figures_do_not_collide(study: Study) -> None:
    """Two figures of one page share no identifier."""
    ids = [set(re.findall(r'id="([^"]+)"', draw(study).svg)) for draw in DRAWN]

    assert sum(len(some) for some in ids) == len(set().union(*ids))


def test_nothing_to_draw_is_said(study: Study) -> None:
    """Without rollbacks, and without the scenario, there is a sentence and no chart."""
    absent = [
        figures.tails(study, "hosts", "rollback"),
        figures.region_map(study, "no-such-scenario"),
        figures.forest(study, "no-such-scenario", "leaked", "pages"),
    ]

    assert ["", "", ""] == [figure.svg for figure in absent]
    assert "No rollback happened in hosts M3" in absent[0].caption
    assert all("<svg" not in figure._repr_html_() for figure in absent)


def test_equal_designs_share_a_line(study: Study) -> None:
    """Freeable and separate are one line with both names, not one hidden under the other."""
    case = study.main_case("syzkaller")
    assert case is not None
    found = series.lines(study, case, study.samples.pinned_regions.astype(float))

    assert any({"freeable", "separate"} <= set(line.designs) for line in found)


def test_a_line_stops_at_the_first_panic(study: Study) -> None:
    """No later median is taken over the runs that happened to survive."""
    case = study.main_case("syzkaller")
    assert case is not None
    runs = study.select(study.runs, case)
    first = runs[runs.outcome == "panic"].end_ns.min()
    found = series.lines(study, case, study.samples.in_use.astype(float))
    line = next(line for line in found if "bump:panic" in line.designs)

    assert line.panicked
    assert line.time_ns[-1] <= first


def test_answers_name_who_leaks_and_who_panics(study: Study) -> None:
    """The sentence follows the made-up data: batch leaks in one story only."""
    said = answers.verdict(study)

    assert said.startswith("`ordinary`, `freeable` and `separate` leak or lose no page")
    assert "`batch` leaks pages in `second-resource`" in said
    assert "`bump:panic` panics in `syzkaller` and `second-resource`" in said


def test_answers_follow_the_data(tmp_path: Path) -> None:
    """Where nothing leaks, the sentences say that nothing leaks."""
    calm = tables.load(write_sweep(tmp_path, 6, 5, STORIES[1:2]))

    assert "no design leaks or loses a page" in repr(answers.leaks(calm))
    assert "95 %" not in repr(answers.leaks(calm))


@pytest.fixture
def rare(tmp_path: Path) -> Study:
    """A study with a leak of bump:leak in one run of ten, and one of batch on one host."""
    folder = write_sweep(tmp_path, 10, 5, (STORIES[1], STORIES[2], STORIES[4]), panics=False)
    path = folder / "runs.parquet"
    runs = pd.read_parquet(path)
    runs["leaked"] = 0
    for scenario, variant, design in (
        ("second-resource", "", "bump:leak"),
        ("hosts", "M5", "batch"),
    ):
        one = (runs.scenario == scenario) & (runs.variant == variant) & (runs.design == design)
        runs.loc[one & (runs.replication == 4), "leaked"] = 7
    table = pa.Table.from_pandas(runs, schema=TABLES["runs"], preserve_index=False)
    pq.write_table(table, path)
    return tables.load(folder)


def test_a_leak_in_one_run_of_ten_is_a_leak(rare: Study) -> None:
    """A median of 0 hides nothing: the sentence counts the runs, and agrees with the verdict."""
    verdict, *said = answers.leaks(rare).paragraphs
    [story] = [text for text in said if text.startswith("In `second-resource`")]
    kept = story[: story.index(" none in 10 of 10 runs")].rpartition(". ")[2]

    assert "`bump:leak` leaks pages in `second-resource`" in verdict
    assert "`bump:leak` leaks pages in 1 of 10 runs (up to 7 pages, median" in story
    assert "`bump:leak`" not in kept
    assert "`batch`" in kept


def test_a_leak_on_one_host_is_not_no_leak(rare: Study) -> None:
    """The machine that leaks is named though it is not the main one; the others are calm."""
    verdict, *said = answers.leaks(rare).paragraphs

    assert "`batch` leaks pages in `hosts`" in verdict
    assert any(
        text.startswith("On `hosts` (M5): `batch` leaks pages in 1 of 10 runs") for text in said
    )
    assert ["On `hosts` (M3): no design leaks or loses a page, none panics."] == [
        text for text in said if "no design" in text
    ]


def test_tables_and_the_picture_count_rare_leaks(rare: Study) -> None:
    """Wherever a median of 0 would be read as never, the runs are counted."""
    case = Case("second-resource")
    shown = index.comparison(rare, case)._repr_html_()

    assert 1 == shown.count("<span>0 (in 1 of 10 runs)</span>")
    assert 1 == figures.leak_table(rare, case)._repr_html_().count("in 1 of 10 runs")
    assert "Not in every run: bump:leak in 1 of 10 runs" in picture.answer(rare).caption


def test_latency_of_ordinary_is_not_compared(study: Study) -> None:
    """Its page cache is not modelled: no difference in sentence, figure or table of numbers."""
    said = answers.latency(study).paragraphs
    figure = figures.forest(study, "hosts", "p99_ns", "p99 in ns")
    case = study.main_case("hosts")
    assert case is not None

    assert [summary.NOT_COMPARED] == [text for text in said if "`ordinary`" in text]
    assert "not compared" in figure.svg
    assert "per-CPU page cache" in figure.caption
    assert not summary.difference_of(study, case, "ordinary", "p99_ns").n
    assert summary.difference_of(study, case, "ordinary", "pinned_regions").n


def test_fragmentation_says_what_chunks_buy_and_what_not(tmp_path: Path) -> None:
    """Fewer pinned regions is one claim, more free regions another; each follows the data."""
    folder = write_sweep(tmp_path, 10, 5, STORIES[1:2])
    path = folder / "samples.parquet"

    def said(ordinary: int) -> str:
        rows = pd.read_parquet(path)
        rows["free_regions"] = 500
        rows.loc[rows.design == "ordinary", "free_regions"] = ordinary
        table = pa.Table.from_pandas(rows, schema=TABLES["samples"], preserve_index=False)
        pq.write_table(table, path)
        return answers.fragmentation(tables.load(folder)).paragraphs[0]

    assert "chunks make fewer regions pinned for ever" in said(501)
    assert "with `ordinary` +1 regions [+1, +1]" in said(501)
    assert "no more free regions" in said(501)
    assert "So chunks leave more regions wholly free." in said(400)
    assert "So chunks leave fewer regions wholly free." in said(600)


def test_no_claim_is_made_about_prices_that_were_not_varied(study: Study) -> None:
    """The order in nanoseconds could change within the ranges; nothing is said beyond them."""
    said = repr(answers.what_would_change(study))

    assert "No price was varied here" in said
    assert "outside their ranges" not in said


def test_most_prices_are_not_freebsds_own() -> None:
    """The limit that says so follows the marks of the price list."""
    prices = tomllib.loads((ROOT / "data" / "costs.toml").read_text(encoding="utf-8"))
    marks = [price["mark"] for price in prices.values()]

    assert marks.count("measured") < len(marks) / 2


def test_tails_take_the_operation_of_the_machine(study: Study) -> None:
    """Without one named, each machine shows the operation by which it is judged."""
    scenarios = dict.fromkeys(case.scenario for case in study.cases)
    names = [figures.tails(study, scenario).name for scenario in scenarios]

    assert [
        "tails-nofree-page-hosts-m3",
        "tails-slab-syzkaller",
        "tails-object-page-second-resource",
    ] == names


def test_the_picture_stands_alone(study: Study) -> None:
    """The file of the README is SVG with a title, asks for nothing and refers to itself only."""
    text = picture.standalone(picture.answer(study))
    root = ET.fromstring(text)
    ids = {element.get("id") for element in root.iter()}
    title = root.find("{http://www.w3.org/2000/svg}title")
    links = re.findall(r'href="([^"]*)"|url\(([^)]*)\)', text)

    assert "{http://www.w3.org/2000/svg}svg" == root.tag
    assert title is not None
    assert (title.text or "").startswith("Pages leaked or lost in a run")
    assert "img" == root.get("role")
    assert {one or other for one, other in links} <= {f"#{name}" for name in ids}
    assert not re.search(r"<script|<image|@import|<foreignObject", text)
    assert all(design in text for design in study.designs)


def test_the_title_of_the_picture_is_escaped(study: Study) -> None:
    """A design named with a bracket leaves the file valid."""
    odd = replace(picture.answer(study), alt="a < b & c")

    assert "a &lt; b &amp; c" in picture.standalone(odd)
    ET.fromstring(picture.standalone(odd))


@pytest.mark.parametrize("say", [answers.fragmentation, answers.leaks, answers.latency])
def test_answers_survive_one_replication(tmp_path: Path, say: Callable[[Study], object]) -> None:
    """One replication gives sentences with zero coverage, not an error."""
    lone = tables.load(write_sweep(tmp_path, 1, 4, STORIES[2:]))

    assert "coverage 0.0 %" in repr(say(lone))
