"""The page's table of claims, on a made-up study."""

from pathlib import Path

import pytest

from tests.report.synthetic import STORIES, write_sweep
from vmmodel.analysis import tables
from vmmodel.analysis.comparisons import family_table
from vmmodel.analysis.family import FAMILY
from vmmodel.analysis.tables import Study
from vmmodel.report import checks, claims, figures, index
from vmmodel.report.markup import Cell


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Eight replications of three designs under two stories."""
    designs = ("bump:leak", "freeable", "separate")
    folder = write_sweep(tmp_path_factory.mktemp("sweep"), 8, 6, STORIES[3:], designs)
    return tables.load(folder)


def test_only_what_differs_is_a_row(study: Study) -> None:
    """Of twelve comparisons the leaks of bump:leak differ; the rest is counted in the caption."""
    table = claims.claims(study)

    names = [row[0] for row in table.rows]
    assert "syzkaller, bump:leak, pages leaked or lost" in names
    assert not any("separate" in str(name) for name in names)
    assert f"Of 12 comparisons {12 - len(names)} are equal in every pair" in table.caption


def test_a_row_has_its_unit_and_both_intervals(study: Study) -> None:
    """The difference comes first, in pages, with t and BCa intervals; p is last."""
    [row] = [row for row in claims.claims(study).rows if "second-resource, bump:leak, pages" in
             str(row[0])]  # fmt: skip
    difference = row[1]

    assert isinstance(difference, Cell)
    assert difference.value.startswith("+")
    assert " pages [+" in difference.value
    assert "BCa [+" in difference.note
    assert "paired correlation not defined" in difference.note
    assert "< 0.001" == row[-1]


def test_what_was_declared_is_shown(study: Study) -> None:
    """Three metrics, each with what it stands for."""
    shown = claims.declared()._repr_html_()

    assert all(one.title in shown and one.kind in shown for one in FAMILY)


def test_never_is_not_said(study: Study) -> None:
    """Where no page was lost the bound of eight runs is given: 36.9 %."""
    text = repr(claims.said(study))

    assert "None in 8 runs is not never: it allows up to 36.9 % of runs" in text
    assert "Of 12 comparisons that could be tested" in text


def test_one_replication_is_survived(tmp_path: Path) -> None:
    """With one pair nothing is tested, and the page says so."""
    lone = tables.load(write_sweep(tmp_path, 1, 4, STORIES[4:]))

    assert "Of 0 comparisons" in repr(claims.said(lone))
    assert "not tested" in claims.claims(lone)._repr_html_()


def test_few_intervals_are_said_to_be_few(study: Study) -> None:
    """A handful of intervals is too few for MSER-5: no cut is drawn and the figure says why."""
    figure = figures.warmup(study, "syzkaller")

    assert "4 intervals: too few" in figure.svg
    assert "This sweep has no scenario hosts" in figures.warmup(study, "hosts").caption


def test_pairing_is_a_table() -> None:
    """One row for each correlation, with the number of studies in the caption."""
    from vmmodel.analysis.checks import pairing

    table = checks.pairing_table(pairing(5))

    assert 4 == len(table.rows)
    assert "5 made-up studies" in table.caption


def marks(study: Study) -> set[tuple[str, int]]:
    """Design and column of every better or worse on the front page."""
    return {
        (str(row[0]).strip("`"), column)
        for case in study.cases
        for row in index.comparison(study, case).rows
        for column, cell in enumerate(row)
        if isinstance(cell, Cell) and cell.mark
    }


def test_front_page_marks_claims_alone(study: Study) -> None:
    """Only a primary metric that differs after Holm's adjustment is called worse."""
    assert {("bump:leak", 1)} == {mark for mark in marks(study) if mark[1] in (1, 2)}
    assert not any(design == "separate" for design, _ in marks(study))
    assert not any(column == 4 for _, column in marks(study))


def test_few_replications_make_no_claim(tmp_path: Path) -> None:
    """Three pairs may differ in each of them: after Holm's adjustment that is no claim."""
    designs = ("bump:leak", "freeable", "separate")
    folder = write_sweep(tmp_path / "sweep", 3, 6, STORIES[4:], designs)
    study = tables.load(folder)

    table = family_table(study, resamples=0)
    undecided = set(table[(table.low > 0) & ~table.different].design)

    assert undecided.isdisjoint(design for design, column in marks(study) if column in (1, 2))
