"""Q7: what is said of a constant below the model's resolution, and how exactly it is measured."""

from pathlib import Path

import pandas as pd
import pytest

from tests.questions.made_up import check_answer, table
from tests.questions.test_back import perform
from vmmodel.questions.q7 import Q7, change, measure, settings
from vmmodel.questions.sweeps import SweepLab
from vmmodel.sim.prices import load_prices


def made(high: list[float], others: float = 80.0) -> pd.DataFrame:
    """Invent frees of 9 ns that cost *high* with the constant, *others* with all else high."""
    ends = {"branch=high": high, "others=low": [5.0] * 3, "others=high": [others] * 3}
    return table(
        Q7,
        (
            {
                "setting": setting,
                "design": design,
                "replication": replication,
                "free_ns": ends.get(setting, [9.0] * 3)[replication] if design == "freeable" else 9,
            }
            for setting in settings(load_prices())
            for design in ("freeable", "separate")
            for replication in range(3)
        ),
    )


@pytest.mark.parametrize(
    ("high", "says"),
    [
        ([11.0, 11.0, 11.0], "changes by +2.00 ns [+2.00, +2.00] of 9.0 ns of work (3 pairs"),
        ([7.0, 7.1, 7.0], "falls by −1.97 ns"),
        ([9.0, 9.0, 9.0], "its one constant changes no free: 0 ns"),
        ([8.0, 10.0, 9.5], "its one constant is not shown to change a free"),
    ],
)
def test_sentence(high: list[float], says: str) -> None:
    """Whatever the change, the model does not decide."""
    check_answer(Q7, made(high), "The model cannot decide whether `__noinline` pays:")
    assert says in Q7.answer(made(high)).sentence


def test_turns_where_the_constant_is_as_large_as_the_rest() -> None:
    """2 ns within 75 ns are a 37.5th."""
    assert "if a call or branch cost 75.0 ns, 37.5 times" in Q7.answer(made([11.0] * 3)).turns


def test_branch_is_paid_once_by_every_free(tmp_path: Path) -> None:
    """Measured on a whole machine, a free costs more by just the price of the branch."""
    found = measure(SweepLab(tmp_path, perform, replications=1))

    branch, without = load_prices().branch, found[found.design == "separate"]
    assert branch.high == pytest.approx(change(found, "branch=high", "branch=low").estimate, 1e-3)
    assert branch.value == pytest.approx(change(found, "branch=value", "branch=low").estimate, 0.02)
    assert 1 == without[without.setting.str.startswith("branch")].free_ns.nunique()
