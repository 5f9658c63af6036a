"""Effects, shares and turns, on functions whose answers are known."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from SALib.sample import morris, sobol

from vmmodel.analysis import sensitivity
from vmmodel.analysis.tables import TableError

PROBLEM = {"num_vars": 3, "names": ["a", "b", "c"], "bounds": [[0.0, 1.0]] * 3}


def test_morris_of_a_plane_is_its_slope() -> None:
    """For 30 a - 4 b the effects are 30 and -4 everywhere, with no spread, and c has none."""
    places = morris.sample(PROBLEM, 10, num_levels=4, seed=1)
    apart = pd.DataFrame({"gone": 30 * places[:, 0] - 4 * places[:, 1]})

    table = sensitivity.morris_table(PROBLEM, places, apart, 4, 1).set_index("factor")

    assert [30.0, -4.0, 0.0] == pytest.approx(table.mu.to_list())
    assert [30.0, 4.0, 0.0] == pytest.approx(table.mu_star.to_list())
    assert [0.0, 0.0, 0.0] == pytest.approx(table.sigma.to_list(), abs=1e-9)


def test_morris_of_a_product_has_spread() -> None:
    """For 10 a b the effect of a depends on b: sigma tells."""
    places = morris.sample(PROBLEM, 50, num_levels=4, seed=1)
    apart = pd.DataFrame({"gone": 10 * places[:, 0] * places[:, 1]})

    table = sensitivity.morris_table(PROBLEM, places, apart, 4, 1).set_index("factor")

    assert pytest.approx(5, abs=1) == table.mu_star["a"]
    assert table.sigma["a"] > 2


def test_sobol_of_a_sum_is_its_share_of_variance() -> None:
    """For 3 a + b the variances are as 9 to 1, alone and in all; the interval holds that."""
    places = sobol.sample(PROBLEM, 512, calc_second_order=False, seed=1)
    apart = pd.DataFrame({"gone": 3 * places[:, 0] + places[:, 1]})

    table = sensitivity.sobol_table(PROBLEM, apart, 1).set_index("factor")

    assert [0.9, 0.1, 0.0] == pytest.approx(table.S1.to_list(), abs=0.02)
    assert [0.9, 0.1, 0.0] == pytest.approx(table.ST.to_list(), abs=0.02)
    assert abs(table.S1["a"] - 0.9) <= table.S1_conf["a"]


def test_sobol_of_a_constant_is_nothing() -> None:
    """A difference that never changes has no variance to share: NaN, not a warning."""
    apart = pd.DataFrame({"gone": [2.0] * (8 * 5)})

    assert sensitivity.sobol_table(PROBLEM, apart, 1).ST.isna().all()


def effects(rows: list[tuple[str, str, float]]) -> pd.DataFrame:
    """A Morris table of (metric, factor, mu_star)."""
    return pd.DataFrame(rows, columns=["metric", "factor", "mu_star"])


def test_survivors_are_strong_on_some_metric() -> None:
    """Ten per cent of the strongest and more than what counts as a difference; strongest first."""
    table = effects(
        [
            ("gone", "a", 100.0), ("gone", "b", 9.0), ("gone", "c", 20.0),
            ("p99_ns", "a", 5.0), ("p99_ns", "b", 8.0), ("p99_ns", "c", 0.0),
        ]
    )  # fmt: skip

    assert ["a", "c"] == sensitivity.survivors(table, 5)
    assert ["a"] == sensitivity.survivors(table, 1)
    assert [] == sensitivity.survivors(effects([("p99_ns", "a", 9.0)]), 5)


def spread(gone: list[float], stage: list[str], x: list[float]) -> pd.DataFrame:
    """Points along one factor."""
    far = [abs(value - x[0]) for value in x]
    return pd.DataFrame({"stage": stage, "distance": far, "x": x, "place.x": x, "gone": gone})


def test_robustness_by_hand() -> None:
    """Assumed +5; of four even points two hold, one ties, one turns; another turns nearer."""
    points = spread(
        [5.0, 9.0, 3.0, 0.5, -4.0, -2.0, 7.0],
        ["assumed", "space", "space", "space", "space", "sobol", "morris"],
        [0.5, 0.6, 0.7, 0.8, 1.0, 0.9, 0.1],
    )

    [row] = sensitivity.robustness_table(points, ["x"]).to_dict("records")

    assert (5.0, 4, 0.5, 0.25, 0.25) == tuple(
        row[name] for name in ("assumed", "points", "holds", "ties", "turns")
    )
    assert row["low"] < 0.5 < row["high"]
    assert (pytest.approx(0.4), -2.0, "x=0.9") == (
        row["nearest_turn"], row["turned_to"], row["by"],
    )  # fmt: skip


def test_from_a_tie_any_difference_is_a_turn() -> None:
    """Equal as assumed: the ranking holds where they stay equal."""
    points = spread([0.0, 0.0, 8.0], ["assumed", "space", "space"], [0.0, 0.1, 0.3])

    [row] = sensitivity.robustness_table(points, ["x"]).to_dict("records")

    assert (0.5, 0.5, 0.3) == (row["holds"], row["turns"], row["nearest_turn"])


def test_no_turn_is_said() -> None:
    """Where the sign never changes there is no nearest point, and all hold up to a bound."""
    points = spread([4.0, 5.0, 6.0], ["assumed", "space", "space"], [0.0, 0.1, 0.3])

    [row] = sensitivity.robustness_table(points, ["x"]).to_dict("records")

    assert (1.0, 1.0, "") == (row["holds"], row["high"], row["by"])
    assert row["low"] < 0.2
    assert math.isnan(row["nearest_turn"])


def test_signs() -> None:
    """Within the metric's precision it is a tie; what is not known stays unknown."""
    found = sensitivity.signs(pd.Series([-2.0, -1.0, 0.0, 1.0, 1.1, np.nan]), 1.0)

    assert [-1.0, 0.0, 0.0, 0.0, 1.0] == found.dropna().to_list()
    assert math.isnan(found.iloc[5])


def test_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    """The sentence names the file and what was expected."""
    with pytest.raises(TableError, match=r"points.parquet: not readable .*sensitivity wrote"):
        sensitivity.load(tmp_path)
