"""Q5: what a batch saves, in data and in words."""

import pandas as pd
import pytest
from questions.made_up import SPREADS, WORDS, rows

from vmmodel.experiment.unit import Unit, run_unit
from vmmodel.questions import q5

WITH_FREE = (q5.LOOP, q5.BATCH, q5.PARTIAL)


def table(spread: str, leaked: int = 0) -> pd.DataFrame:
    """Make up a table in which every size has the same difference, and a batch leaks or not."""
    settings = {("several-pages", f"pages={n} memory=free"): WITH_FREE for n in q5.SIZES}
    short = {("several-pages", "pages=4 memory=short"): (*WITH_FREE, *q5.WITHOUT_FREE)}
    made = rows(
        q5.COLUMNS, settings | short, q5.LOOP, "request_ns", spread,
        tries=100, failed=5, rolled_back=7, captured=2, holds=1.0, idle_expected=254.0,
    )  # fmt: skip
    varied = made.setting.str.extract(r"pages=(\d+) memory=(\w+)")
    made["pages"], made["memory"] = varied[0].astype(int), varied[1]
    made["idle"] = 256
    made.loc[made.design == "batch-partial", "leaked"] = leaked
    return made


@pytest.mark.parametrize("spread", SPREADS)
def test_sentence_says_what_the_pairs_show(spread: str) -> None:
    """Faster, slower, either or equal: the sentence and the estimate say so."""
    found = q5.Q5.answer(table(spread))

    assert WORDS[spread] in found.sentence.partition("holds")[0]
    assert sum(SPREADS[spread]) / 6 == pytest.approx(found.estimate.estimate)
    assert (
        "`freeable` 5.0 % [5.0, 5.0] in the median run (30 of 600 in all), with 42"
        in found.sentence
    )
    assert "12 were ordinary and stay with the NOFREE queue; idle at the end" in found.sentence


@pytest.mark.parametrize(
    ("leaked", "words"),
    [(0, "leaks 0 pages, in 0 of 6 runs (0.0 % to 45.9 % of such runs)"), (2, "leaks 12 pages")],
)
def test_leaks_of_designs_without_a_free_path_are_counted(leaked: int, words: str) -> None:
    """No leak in six runs is said with its upper bound."""
    assert f"`batch-partial` {words}" in q5.Q5.answer(table("none", leaked)).sentence


def test_turning_condition_follows_the_data() -> None:
    """A batch that is faster at every size does not turn; one that is slower does at once."""
    assert "at no size from 2 to 64 pages" in q5.Q5.answer(table("less")).turns

    late = table("less")
    late.loc[(late.pages == 64) & (late.design == q5.BATCH), "request_ns"] += 6
    assert "at 40.0 pages" in q5.Q5.answer(late).turns


def test_figure_and_summary_are_drawn_from_any_table() -> None:
    """A made-up table has a figure, and a row for each setting and design."""
    made = table("mostly less")

    assert q5.Q5.figure(made).svg
    assert 7 * 3 + 5 == len(q5.Q5.summary(made))


@pytest.mark.parametrize("pages", [1, 4])
def test_batch_holds_the_lock_once_and_the_loop_for_every_page(pages: int) -> None:
    """With memory free a loop takes the lock for each page; for one page nothing differs."""
    unit = Unit(q5._setting(pages, "free"), "", 0, (q5.LOOP, q5.BATCH), 1)
    runs = [tables["runs"].to_pylist()[0] for _, tables, _ in run_unit(unit)]

    assert [pages, 1] == [run["lock_holds"] / run["requests"] for run in runs]
    apart = [key for key in runs[0] if runs[0][key] != runs[1][key]]
    lock = ["lock_contended", "lock_hold_ns", "lock_holds", "lock_wait_ns"]
    assert ([] if pages == 1 else lock) == sorted(apart)


def test_memory_that_is_short_makes_requests_fail_half_way() -> None:
    """Near exhaustion the loop rolls back, and an all-or-nothing batch has nothing to."""
    unit = Unit(q5._setting(4, "short"), "", 0, (q5.LOOP, q5.BATCH), 1)
    loop, batch = (tables["runs"].to_pylist()[0] for _, tables, _ in run_unit(unit))

    assert min(loop["failed"], batch["failed"], loop["rolled_back_pages"]) > 0
    assert 0 == batch["rolled_back_pages"]
