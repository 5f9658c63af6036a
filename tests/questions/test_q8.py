"""Q8: what each fallback pins, in data and in words."""

import pandas as pd
import pytest
from questions.made_up import SPREADS, WORDS, rows

from vmmodel.questions import q8
from vmmodel.questions.stored import stored


def table(spread: str, begins: float = 0.8) -> pd.DataFrame:
    """Make up a table: fallback begins at *begins* GB of demand, and differs from there on."""
    cases = [(gb, q8.FILES) for gb in q8.HEAPS_GB] + [(q8.HEAPS_GB[-1], q8.MORE_FILES)]
    settings = {("swap-storm", f"heaps_gb={gb} files={n}"): tuple(q8.NAMES) for gb, n in cases}
    made = rows(
        q8.COLUMNS, settings, q8.SCATTER, "pinned_regions", spread,
        served=500, tries=100, request_ns=600.0,
    )  # fmt: skip
    varied = made.setting.str.extract(r"heaps_gb=(\S+) files=(\d+)")
    made["heaps_gb"], made["files"] = varied[0].astype(float), varied[1].astype(int)
    short = made.heaps_gb >= begins
    made.loc[short, "fallbacks"] = 90
    made.loc[~short, "pinned_regions"] = 1
    made.loc[made.design == q8.WAIT, ["failed", "served"]] = 70, 400
    return made


@pytest.mark.parametrize("spread", SPREADS)
def test_sentence_says_what_the_pairs_show(spread: str) -> None:
    """Fewer regions, more, either or none: the sentence and the estimate say so."""
    found = q8.Q8.answer(table(spread))

    assert WORDS[spread] in found.sentence.partition("The others")[0].partition("against it")[2]
    assert sum(SPREADS[spread]) / 6 == pytest.approx(found.estimate.estimate)
    assert "against scatter: −100 NOFREE pages, the same in each of 6 pairs" in found.sentence
    assert "70.0 % [70.0, 70.0] in the median run (420 of 600 in all) failed" in found.sentence


def test_turning_condition_follows_the_data() -> None:
    """The demands between which fallback and a difference begin are said, or that none is."""
    turns = q8.Q8.answer(table("less")).turns
    assert "fallback begins between 0.6 and 0.8 GB of demand" in turns
    assert "a region less than scatter between 0.6 and 0.8 GB of demand" in turns
    never = q8.Q8.answer(table("more", begins=2.0)).turns
    assert "at no demand measured (to 1.0 GB), and smaller" in never
    assert "fallback begins at 0.6 GB of demand or less" in q8.Q8.answer(table("less", 0.1)).turns


def test_figure_and_summary_are_drawn_from_any_table() -> None:
    """A made-up table has a figure, and a row for each setting and fallback."""
    made = table("mostly less")

    assert q8.Q8.figure(made).svg
    assert 16 == len(q8.Q8.summary(made))


def test_fallbacks_are_equal_where_nobody_falls_back() -> None:
    """In runs in which every chunk could be had, the choice of a fallback changes no number."""
    runs, case = stored(q8.Q8), ["setting", "replication"]
    calm = runs[runs.groupby(case).failed_imports.transform("sum") == 0].drop(columns="design")

    assert len(calm) > 0
    assert (calm.groupby(case).nunique() == 1).all(axis=None)


def test_smaller_chunks_leave_nobody_outside_and_waiting_leaves_requests() -> None:
    """Where chunks fail, scatter has fallback pages, smaller orders none; waiting serves less."""
    runs = stored(q8.Q8)
    short = runs[runs.setting == q8.JUDGED].set_index(["design", "replication"])

    assert (short.loc[q8.SCATTER].fallbacks > 0).all()
    assert (short.loc[q8.SMALLER].fallbacks == 0).all()
    assert (short.loc[q8.WAIT].served < short.loc[q8.SCATTER].served).all()
