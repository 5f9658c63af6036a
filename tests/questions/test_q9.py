"""Q9: what is said of the places of a run's length."""

import pandas as pd
import pytest

from tests.questions.made_up import check_answer, table
from vmmodel.nofree.pagefields import PLACES
from vmmodel.questions.q9 import HAZARDS, KERNELS, Q9


def made(harmed: dict[str, list[int]]) -> pd.DataFrame:
    """Invent runs of ten trials, so many of which break the page queue, run by run."""
    return table(
        Q9,
        (
            {
                "setting": f"hazard={hazard} kernel={kernel}",
                "design": place,
                "replication": replication,
                "hazard": hazard,
                "kernel": kernel,
                "trials": 10,
                "corrupt": bad,
                "sound": 10 - bad,
                "harmed": bad / 10,
            }
            for hazard in HAZARDS
            for kernel in KERNELS
            for place in PLACES
            for replication, bad in enumerate(harmed.get(place, [0] * 10))
        ),
    )


@pytest.mark.parametrize(
    ("plinks", "pindex", "begins"),
    [
        ([10] * 10, [0] * 10, "Not in `plinks`: written before vm_page_dequeue() it does harm"),
        ([0] * 10, [10] * 10, "`plinks` does less harm than `pindex`"),
        ([0] * 10, [0] * 10, "No difference is shown: `plinks` minus `pindex` is 0 percentage"),
        ([1, 0] * 5, [0, 1] * 5, "No difference is shown: `plinks` minus `pindex` is"),
    ],
)
def test_sentence(plinks: list[int], pindex: list[int], begins: str) -> None:
    """The sentence says what the table holds, whichever place it speaks for."""
    check_answer(Q9, made({"plinks": plinks, "pindex": pindex}), begins)


def test_never_seen_is_not_never() -> None:
    """No harm in a hundred trials allows 3.6 % of it."""
    assert "`pindex` 0 of 100 (0.0 % to 3.6 %)" in Q9.answer(made({"plinks": [10] * 10})).sentence
