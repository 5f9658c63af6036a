"""Q2: what is said of bugs that pass silently."""

from typing import Any

import pandas as pd
import pytest

from tests.questions.made_up import check_answer, table
from vmmodel.analysis.paired import compare
from vmmodel.questions.effects import exact_if_equal
from vmmodel.questions.q2 import BUGS, KERNELS, PATHS, Q2, scenarios, silence
from vmmodel.sim.machine import run_script
from vmmodel.sim.prices import load_prices


def made(unnoticed: dict[str, list[float]], priced_ns: float = 0.3) -> pd.DataFrame:
    """Invent runs in which so much of ten bugs passes unnoticed, run by run; nothing by default."""
    rows: list[dict[str, Any]] = []
    for kernel in KERNELS:
        for bug in BUGS:
            for path in PATHS:
                for replication, share in enumerate(unnoticed.get(path, NONE)):
                    key = {"design": path, "path": path, "replication": replication}
                    counts = {"noticed": round(10 * (1 - share)), "second_user": round(10 * share)}
                    rows.append({"kernel": kernel, "bug": bug, "bugs": 10, "unnoticed": share})
                    rows[-1] |= key | counts
    branch = load_prices().branch
    for ns in (branch.low, branch.value, branch.high):
        for path in ("freeable", "separate"):
            for replication in range(4):
                extra = ns * priced_ns / 0.3 if path == "freeable" else 0
                rows.append({"kernel": "priced", "bug": "none", "branch_ns": ns, "design": path})
                rows[-1] |= {"path": path, "replication": replication, "free_ns": 9 + extra}
    return table(Q2, rows)


ALL, NONE = [1.0] * 6, [0.0] * 6


@pytest.mark.parametrize(
    ("separate", "freeable", "begins"),
    [
        (
            [0.1, 0.2, 0.1, 0.0, 0.1, 0.2],
            ALL,
            "A function of its own notices what the landed change lets",
        ),
        (
            ALL,
            [0.1, 0.2, 0.1, 0.0, 0.1, 0.2],
            "A function of its own lets more pass than the landed change",
        ),
        ([0.0] * 6, [1.0] * 6, "A function of its own notices"),
        ([0.0] * 5, [1.0] * 5, "Too few runs to tell: 5 of the at least 6 pairs"),
        (NONE, NONE, "No difference is shown: the share that passes silently"),
        ([0.5, 0.1] * 3, [0.1, 0.5] * 3, "No difference is shown: the share"),
    ],
)
def test_sentence(separate: list[float], freeable: list[float], begins: str) -> None:
    """The sentence says what the table holds, whichever design it speaks for."""
    check_answer(Q2, made({"separate": separate, "freeable": freeable}), begins)


def test_price_is_in_the_sentence() -> None:
    """What the branch costs stands beside what the assertion notices."""
    found = Q2.answer(made({"freeable": ALL}))

    assert "+0.30 ns [+0.30, +0.30] on every ordinary free, at most +2.00 ns" in found.sentence


def test_few_equal_pairs_are_not_certain() -> None:
    """Four equal pairs exclude little; ten exclude more."""
    four = silence(made({"freeable": [1.0] * 4}))
    ten = exact_if_equal(compare([0] * 10, [1] * 10, resamples=0))

    assert -1 == four.estimate == four.low
    assert four.high > ten.high > -1
    assert four.high > 0


def test_balance_of_unconverted_consumers() -> None:
    """Where each unconverted clean-up panics, one of them weighs as much as one wrong free."""
    assert "at 1.0 unconverted clean-ups for one" in Q2.answer(made({"freeable": ALL})).turns


@pytest.mark.parametrize(
    ("kernel", "design", "outcome"),
    [
        ("INVARIANTS", "separate", "panic"),
        ("INVARIANTS", "freeable", "completed"),
        ("release", "separate,illegal=escape", "completed"),
    ],
)
def test_assertion_is_in_one_kernel(kernel: str, design: str, outcome: str) -> None:
    """A wrong free stops a machine with the assertion, and passes without it."""
    script = scenarios(kernel)[0].with_values({"requests": "200"}).script(1, "", 0)

    run = run_script(script, design, load_prices(), 2, 0).run

    assert outcome == run["outcome"]
    assert (outcome == "panic") == (run["bugs_panic"] == 1)
