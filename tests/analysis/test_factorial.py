"""The factorial finds what was planted, and nothing else; what never varies is said honestly."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind, ttest_rel
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from vmmodel.analysis.factorial import (
    EQUAL,
    MATTERS,
    NOT_SHOWN,
    SMALL,
    UNKNOWN,
    Cells,
    aliased,
    cells,
    joint_effects,
    judged,
    level_effects,
    level_rows,
    shares,
    term_rows,
    term_test,
)
from vmmodel.analysis.family import primary

AXES = {"a": ("x", "y"), "b": ("p", "q", "r"), "c": ("m", "n")}
METRIC = primary("pinned_regions")


def made_up(replications: int, noise: float, seed: int = 1, planted: bool = True) -> pd.DataFrame:
    """Give a full crossing: ``a=y`` costs 10, ``b=r`` with ``c=n`` 6 more, chance the rest."""
    random = np.random.default_rng(seed)
    rows = []
    for replication in range(replications):
        shared = random.normal(100, 20)
        for a, b, c in product(*AXES.values()):
            effect = planted * (10 * (a == "y") + 6 * (b == "r" and c == "n"))
            y = shared + effect + noise * random.normal()
            rows.append({"a": a, "b": b, "c": c, "replication": replication, "y": y})
    return pd.DataFrame(rows)


def terms_of(table: pd.DataFrame) -> pd.DataFrame:
    """Judge all terms of a made-up table."""
    rows = pd.DataFrame(term_rows(cells(table, list(AXES), "y"), METRIC))
    return judged(rows.assign(metric=METRIC.metric), {METRIC.metric: METRIC}).set_index("term")


def test_planted_effects_are_found_and_no_other() -> None:
    """A main effect of 10 and an interaction of 6 stand out; what has none is not shown."""
    found = terms_of(made_up(10, noise=1.0))

    assert [MATTERS] * 4 == list(found.verdict[["a", "b", "c", "b:c"]])
    assert [NOT_SHOWN] * 2 == list(found.verdict[["a:b", "a:c"]])
    assert ("x", "y") == tuple(found.loc["a", ["best", "worst"]])
    assert found.low["a"] < 10 < found.high["a"]
    assert found.low["b:c"] < 6 < found.high["b:c"]
    assert "r" == found.worst["b"]
    assert 3 == pytest.approx(found["size"]["b"], abs=0.8)


def test_effects_are_those_of_the_linear_model() -> None:
    """Means of levels are the sum-to-zero coefficients of OLS with replications as blocks."""
    table = made_up(4, noise=2.0)
    data = cells(table, list(AXES), "y")

    fitted = ols("y ~ C(replication, Sum) + (C(a, Sum) + C(b, Sum) + C(c, Sum))**2", table).fit()
    sums = anova_lm(fitted).sum_sq
    found = shares(data)

    assert fitted.params["C(a, Sum)[S.x]"] == pytest.approx(level_effects(data, "a")["x"].mean())
    joint = joint_effects(data, "b", "c")["p", "m"].mean()
    assert fitted.params["C(b, Sum)[S.p]:C(c, Sum)[S.m]"] == pytest.approx(joint)
    within = sums.drop("C(replication, Sum)").sum()
    assert sums["C(b, Sum)"] / within == pytest.approx(found["b"])
    assert sums["C(b, Sum):C(c, Sum)"] / within == pytest.approx(found["b:c"])
    assert sums["Residual"] / within == pytest.approx(found["rest"])
    assert 1 == pytest.approx(found.sum())
    assert "a" == found.idxmax()


def test_one_degree_of_freedom_is_the_paired_t_test() -> None:
    """With two levels the test is Student's on the differences."""
    data = cells(made_up(8, noise=3.0), list(AXES), "y")
    y, x = (data.values[:, data.levels.a == level].mean(axis=1) for level in ("y", "x"))

    assert ttest_rel(y, x).pvalue == pytest.approx(
        term_test(level_effects(data, "a").to_numpy(), 1)
    )


def only_chance(seed: int, together: float = 0.0) -> Cells:
    """Give six replications without any effect; *together* moves all compositions of a level."""
    random, levels = np.random.default_rng(seed), pd.DataFrame(product(*AXES.values()))
    levels.columns = list(AXES)
    values = random.normal(size=(6, len(levels)))
    values += together * random.normal(size=(6, 2))[:, levels.a.factorize()[0]]
    return Cells(tuple(AXES), levels, values)


def test_nothing_planted_is_seldom_found() -> None:
    """Without any effect p below 5 % comes in about one of twenty tests, also with three levels."""
    found = []
    for seed in range(120):
        data = only_chance(seed)
        found.append(term_test(level_effects(data, "a").to_numpy(), 1))
        found.append(term_test(level_effects(data, "b").to_numpy(), 2))
        found.append(term_test(joint_effects(data, "b", "c").to_numpy(), 2))

    assert 0.025 < np.mean(np.array(found) < 0.05) < 0.085


def test_correlated_compositions_do_not_mislead() -> None:
    """Where chance moves all compositions of a level together, plain ANOVA finds it; this not."""
    found, plain = [], []
    for seed in range(150):
        data = only_chance(seed, together=1.0)
        found.append(term_test(level_effects(data, "a").to_numpy(), 1))
        y, x = (data.values[:, data.levels.a == level].ravel() for level in ("y", "x"))
        plain.append(ttest_ind(y, x).pvalue)

    assert 0.025 < np.mean(np.array(found) < 0.05) < 0.085
    assert np.mean(np.array(plain) < 0.05) > 0.15


@pytest.mark.parametrize(("n", "verdict"), [(6, MATTERS), (5, NOT_SHOWN), (1, UNKNOWN)])
def test_the_same_in_every_replication(n: int, verdict: str) -> None:
    """Without spread there is no p; from six replications on the sign test alone suffices."""
    found = terms_of(made_up(n, noise=0.0))

    assert np.isnan(found.p["a"])
    assert verdict == found.verdict["a"]
    assert 10 == pytest.approx(found["size"]["a"])
    assert (EQUAL if n > 1 else UNKNOWN) == found.verdict["a:c"]


def test_metric_that_never_varies() -> None:
    """All values equal: every term is equal in every run, and there is no variance to share."""
    table = made_up(7, 0.0, planted=False).assign(y=3.0)

    found = terms_of(table)

    assert {EQUAL} == set(found.verdict)
    assert found.share.isna().all()
    assert (found["size"] == 0).all()


def test_small_differences_do_not_count() -> None:
    """A difference that is shown but below what the metric calls one does not matter."""
    table = made_up(10, noise=1.0)

    found = terms_of(table.assign(y=table.y / 100))

    assert SMALL == found.verdict["a"]


def test_replication_with_a_hole_is_left_out() -> None:
    """A composition without a value takes its replication out for all of them."""
    table = made_up(5, noise=1.0)
    table.loc[3, "y"] = np.nan

    assert 4 == cells(table, list(AXES), "y").n


def test_no_value_at_all_is_not_known() -> None:
    """Where no replication is complete nothing is judged."""
    table = made_up(2, noise=1.0).assign(y=np.nan)

    found = terms_of(table)

    assert {UNKNOWN} == set(found.verdict)


def test_levels_have_intervals_around_the_truth() -> None:
    """``a=y`` lies 5 above the mean, ``a=x`` 5 below; effects of an axis sum to 0."""
    rows = pd.DataFrame(level_rows(cells(made_up(10, noise=1.0), list(AXES), "y")))
    a = rows[rows.term == "a"].set_index("level")

    assert a.low["y"] < 5 < a.high["y"]
    assert 0 == pytest.approx(a.effect.sum(), abs=1e-9)


def test_aliases_of_a_fraction_are_seen() -> None:
    """In a half fraction of three axes each main effect is an interaction of the other two."""
    half = [row for row in product((0, 1), repeat=3) if sum(row) % 2 == 0]

    found = aliased(pd.DataFrame(half, columns=["a", "b", "c"]))

    assert {("a", "b:c"), ("b", "a:c"), ("c", "a:b")} == set(found)
    assert [] == aliased(pd.DataFrame(product((0, 1), repeat=3), columns=["a", "b", "c"]))
