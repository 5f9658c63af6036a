"""Q3: what is said of a counter that is off, and of counters that do or do not tell a leak."""

import pandas as pd
import pytest

from tests.questions.made_up import check_answer, table
from vmmodel.questions.q3 import COUNTERS, DESIGNS, DRAWN, INSTANTS, Q3, SETTINGS, score

FLAT = " ".join(["5"] * INSTANTS)


def made(
    counted: list[int], live: list[int], right: str = "unaccounted", false: str = ""
) -> pd.DataFrame:
    """Invent runs; *right* counters alarm where pages leak, *false* ones where none does."""
    return table(
        Q3,
        (
            {
                "setting": setting,
                "design": design,
                "replication": replication,
                "v_nofree_count": counted[replication],
                "live": live[replication],
                "off": counted[replication] - live[replication],
                "leaking": int(design != "freeable"),
                **{
                    f"{counter}_maxima": int(counter in (false if design == "freeable" else right))
                    for counter in COUNTERS
                },
                **{f"{name}_series": FLAT for name in DRAWN},
            }
            for setting in SETTINGS
            for design in DESIGNS
            for replication in range(len(counted))
        ),
    )


@pytest.mark.parametrize(
    ("counted", "live", "begins"),
    [
        (
            [90, 91, 92],
            [100, 100, 100],
            "`v_nofree_count` ends below the NOFREE pages that callers have: off by −9.0 pages",
        ),
        (
            [110, 109, 108],
            [100, 100, 100],
            "`v_nofree_count` ends above the NOFREE pages that callers",
        ),
        ([100, 100, 100], [100, 100, 100], "`v_nofree_count` is exact: 0 pages off"),
        ([90, 110], [100, 100], "Too few runs to tell: 2 of the at least 3 pairs"),
        ([90, 110, 101], [100, 100, 100], "`v_nofree_count` is not shown to be off"),
    ],
)
def test_sentence(counted: list[int], live: list[int], begins: str) -> None:
    """The sentence says what the table holds, in either direction."""
    check_answer(Q3, made(counted, live), begins)


@pytest.mark.parametrize(
    ("right", "false", "ends"),
    [
        ("unaccounted", "", "Best tells: v_nofree_count less pages held."),
        ("freed nofreeq_size", "nofreeq_size", "Best tells: pages freed so far."),
        ("freed", "freed", "None of them tells leaks from use."),
        ("", "", "None of them tells leaks from use."),
    ],
)
def test_which_counter_tells(right: str, false: str, ends: str) -> None:
    """A counter that alarms everywhere tells as little as one that never does."""
    assert Q3.answer(made([1, 2], [1, 2], right, false)).sentence.endswith(ends)


def test_score_without_leaks_is_unknown() -> None:
    """Without a run that leaks no counter can be judged."""
    sound = made([1, 2], [1, 2]).assign(leaking=0)

    assert score(sound, "freed") != score(sound, "freed")
    assert Q3.answer(sound).sentence.endswith("no counter can be judged.")
