"""Q4: what comes back of chunks, in data and in words."""

import pandas as pd
import pytest
from questions.made_up import SPREADS, WORDS, rows

from vmmodel.analysis.expected import whole_chunks
from vmmodel.questions import giving, q4
from vmmodel.questions.exchange import Exchange
from vmmodel.workloads.exchange import Ask, given_back, turned_over
from vmmodel.workloads.streams import Streams


def table(spread: str, share: float = 0.0, falls: float = 0.0) -> pd.DataFrame:
    """Make up a table: *share* of chunks whole when pages go at once, *falls* regions a turnover.

    Only reclaim in the order of address pins less after turnovers.
    """
    kernel = {
        ("init-failure", "init_failure=0.001"): q4.AS_IT_IS,
        ("server-spike", "connections.rate=100"): q4.AS_IT_IS,
    }
    at_once = {("at-once", f"share={s}"): q4.IF_GIVEN[:2] for s in giving.SHARES}
    turned = {("turnover", f"turnovers={n}"): q4.IF_GIVEN for n in range(0, 9, 2)}
    made = rows(
        q4.COLUMNS, kernel | at_once | turned, q4.BASELINE, "pinned_regions", spread,
        taken=100, imports=5,
    )  # fmt: skip
    freed = made.setting.str.extract(r"share=(.*)")[0].astype(float) * giving.PAGES
    turns = made.setting.str.extract(r"turnovers=(.*)")[0].astype(float)
    made["came_back"] = freed.fillna(turns).fillna(0).round()
    made["whole_chunks"] = share * giving.CHUNKS * (freed == giving.PAGES)
    made["whole_expected"] = made.whole_chunks
    again = turns.notna()
    made.loc[again, "pinned_regions"] = 6.0
    less = again & (made.design == q4.ORDERED)
    made.loc[less, "pinned_regions"] -= falls * turns[less]
    return made


@pytest.mark.parametrize("spread", SPREADS)
def test_sentence_says_what_the_pairs_show(spread: str) -> None:
    """Fewer regions, more, either or none: the sentence and the estimate say so."""
    found = q4.Q4.answer(table(spread))

    assert WORDS[spread] in found.sentence.partition("In 6 runs")[0]
    assert sum(SPREADS[spread]) / 6 == pytest.approx(found.estimate.estimate)
    assert "In 12 runs of the kernel as it is, 0 of 1,200 NOFREE pages came back" in found.sentence
    assert "(one operation touches 0 page structures at most; no region regained)" in found.sentence


def test_work_is_shared_out_among_the_regions_regained() -> None:
    """Ten ns for each of 108 operations, two regions regained: half a microsecond for each."""
    made = table("none", falls=0.25)
    made.loc[made.design == q4.ORDERED, "operation_ns"] = 10.0

    sentence = q4.Q4.answer(made).sentence

    assert (
        f"`{q4.ORDERED}` +10.0 ns, the same in each of 6 pairs (one operation touches" in sentence
    )
    assert "the work of a run rises by 0.5 µs for each region regained)" in sentence
    made.loc[made.design == q4.ORDERED, "operation_ns"] = -10.0
    assert "run falls by 0.5 µs for each region regained)" in q4.Q4.answer(made).sentence


def test_turning_condition_follows_the_data() -> None:
    """Where chunks come back the number is said at which they do, and else that they do not."""
    never, turning = (q4.Q4.answer(table("none", *how)).turns for how in ((0, 0), (1, 0.25)))

    assert "one of 6 chunks begins to be whole at no measured share (by the formula" in never
    assert f"`{q4.ORDERED}` does not pin a region less within 8 turnovers" in never
    assert "begins to be whole between 99.9 % and 100.0 % of the pages" in turning
    assert f"`{q4.ORDERED}` pins a region less than `freeable` from 4.0 turnovers on" in turning


@pytest.mark.parametrize("spread", ["less", "none"])
def test_figure_and_summary_are_drawn_from_any_table(spread: str) -> None:
    """A made-up table has a figure, and a row for each story, setting and design."""
    made = table(spread)

    assert q4.Q4.figure(made).svg
    assert 6 + 10 + 25 == len(q4.Q4.summary(made))


def test_all_pages_back_make_all_chunks_whole() -> None:
    """With a tenth of the pages still in use no chunk is whole, with none all are."""
    seen = list(giving.at_once(q4.JUDGED, 1, 0))

    assert [0, giving.CHUNKS] == [seen[i]["whole_chunks"] for i in (0, -1)]
    assert [giving.CHUNKS, 0] == [seen[i]["pinned_regions"] for i in (0, -1)]
    assert giving.CHUNKS == seen[-1]["whole_expected"] == seen[-1]["blocks_returned"]


def test_turnover_empties_high_chunks_as_chance_says() -> None:
    """In the order of address a chunk beyond those that live pages fill empties as its pages die.

    Each page in it lives through T turnovers with probability e**-T, and no new one comes: with k
    pages left in it after the drop it is whole with probability (1 - e**-T)**k.  40 chunks of 16
    pages fall to 10, so 30 are beyond; the mean of 10 runs lies within four standard errors.
    """
    chunk, chunks, stay, turns = 16, 40, 160, 2
    back, expected = [], []
    for replication in range(10):
        streams = Streams(1, "turnover", "", replication)
        exchange = Exchange("reclaim,reuse=address,import=4", 4096)
        exchange.perform([Ask()] * (chunk * chunks))
        exchange.perform(given_back(chunk * chunks - stay, streams, "drop"))
        left = [m // chunk for m in exchange.held]
        beyond = sorted({m // chunk for m in exchange.held})[stay // chunk :]
        already = exchange.design.books.returned // chunk
        exchange.perform(turned_over(turns * stay, streams, "turns"))
        back.append(exchange.design.books.returned // chunk - already)
        dead = 1 - (1 - 1 / stay) ** (turns * stay)
        expected.append(sum(dead ** left.count(each) for each in beyond))
        exchange.close()

    spread = pd.Series(back) - pd.Series(expected)
    assert abs(spread.mean()) < 4 * spread.std() / 10**0.5
    assert sum(back) > 10


def test_formula_for_pages_given_back_at_once() -> None:
    """The expected number of whole chunks that a row holds is that of the closed form."""
    seen = list(giving.at_once(q4.BASELINE, 1, 0))

    assert [whole_chunks(giving.CHUNKS, round(s * giving.PAGES)) for s in giving.SHARES] == [
        row["whole_expected"] for row in seen
    ]
