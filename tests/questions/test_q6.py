"""Q6: what an operation costs in each structure, in data and in words."""

import pandas as pd
import pytest
from questions.made_up import SPREADS, WORDS, rows

from vmmodel.questions import q6
from vmmodel.questions.exchange import PRICED


def table(spread: str, queue: tuple[float, ...], bump: tuple[float, ...]) -> pd.DataFrame:
    """Make up a table: list operations, page structures, atomics of both structures."""
    settings = {("structures", q6._name(*each)): tuple(q6.STRUCTURES) for each in q6.SETTINGS}
    made = rows(q6.COLUMNS, settings, q6.QUEUE, "ns", spread, runs=2.0, longest_run=250.0)
    for design, work in ((q6.QUEUE, queue), (q6.BUMP, bump)):
        made.loc[made.design == design, ["list_ops", "page_structs", "atomics"]] = work
    return made


@pytest.mark.parametrize("spread", SPREADS)
def test_sentence_says_what_the_pairs_show(spread: str) -> None:
    """Cheaper, dearer, either or equal: the sentence and the estimate say so."""
    found = q6.Q6.answer(table(spread, (2.0, 2.0, 1.0), (1.0, 1.0, 0.0)))

    assert WORDS[spread] in found.sentence.partition("(at the low ends")[0]
    assert sum(SPREADS[spread]) / 6 == pytest.approx(found.estimate.estimate)
    assert "`failing=0.1 given_back=0.5`" in found.sentence


def test_no_price_turns_what_is_less_of_everything() -> None:
    """Where one structure does less of every event, no price above zero makes it dearer."""
    turns = q6.Q6.answer(table("less", (2.0, 2.0, 1.0), (1.0, 1.0, 0.0))).turns

    assert "no single price does that" in turns
    assert "does not turn within them" in turns


def test_price_at_which_it_turns_is_computed() -> None:
    """A list operation less against a page structure more: they balance where prices are equal."""
    turns = q6.Q6.answer(table("less", (2.0, 1.0, 0.0), (1.0, 2.0, 0.0))).turns

    assert "list_op at 5.4 ns (used 3.2, plausible 2.7 to 50)" in turns
    assert "page_struct at 3.2 ns (used 5.4, plausible 4.2 to 100)" in turns
    assert "it can turn within them" in turns


def test_figure_and_summary_are_drawn_from_any_table() -> None:
    """A made-up table has a figure, and a row for each setting and structure."""
    made = table("either", (2.0, 2.0, 1.0), (1.0, 1.0, 0.0))

    assert q6.Q6.figure(made).svg
    assert 15 == len(q6.Q6.summary(made))


def test_structures_meet_the_same_requests() -> None:
    """Operations are equal in all structures, and prices of a row are those of its events."""
    made = pd.DataFrame(q6._replication(1, 0.1, 0.5, 0))
    queue = made[made.design == q6.QUEUE].iloc[0]
    prices = {"list_ops": 3.2, "page_structs": 5.4, "atomics": 6.2, "percpu": 2.0, "branches": 0.3}

    assert 1 == made.operations.nunique()
    assert set(prices) == set(PRICED.values())
    assert queue.ns == pytest.approx(sum(queue[name] * price for name, price in prices.items()))
    assert queue.ns_low < queue.ns < queue.ns_high


def test_walk_over_a_list_grows_with_what_is_given_back() -> None:
    """By address, one page passes many runs once pages are given back, and few before."""
    few, many = (
        {row["design"]: row["most_pages_touched"] for row in q6._replication(1, 0.1, back, 0)}
        for back in (0.0, 0.5)
    )

    assert few["freeable,reuse=address"] <= 6 < 50 < many["freeable,reuse=address"]
    assert few[q6.QUEUE] == many[q6.QUEUE]
