"""Figures: deterministic, labelled, readable on dark pages, honest when there is nothing."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.report.synthetic import STORIES, write_sweep
from vmmodel.analysis import tables
from vmmodel.analysis.tables import Study
from vmmodel.report import answers, figures, picture, series, style
from vmmodel.report.figure import Figure

DRAWN: list[Callable[[Study], Figure]] = [
    picture.answer,
    lambda study: figures.fragmentation_index(study, "hosts"),
    lambda study: figures.superpage_availability(study, "syzkaller"),
    lambda study: figures.pinned_over_time(study, "hosts"),
    lambda study: figures.region_map(study, "syzkaller"),
    lambda study: figures.books_over_time(study, "second-resource"),
    lambda study: figures.forest(study, "hosts", "pinned_regions", "pinned 2 MB regions"),
    lambda study: figures.tails(study, "syzkaller", "slab"),
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


@pytest.mark.parametrize("say", [answers.fragmentation, answers.leaks, answers.latency])
def test_answers_survive_one_replication(tmp_path: Path, say: Callable[[Study], object]) -> None:
    """One replication gives sentences with zero coverage, not an error."""
    lone = tables.load(write_sweep(tmp_path, 1, 4, STORIES[2:]))

    assert "coverage 0.0 %" in repr(say(lone))
