"""What is varied, in which range, and how far a point lies from what is assumed."""

import math

import pytest

from vmmodel.experiment.factors import Factor, assumed, distance, factors
from vmmodel.experiment.scenario import SCENARIOS
from vmmodel.sim.prices import load_prices

PRICES = load_prices()
LINEAR = Factor("share", "parameter", "of memory", 0.5, 0.0, 1.0, whole=False)
WIDE = Factor("price.pte", "price", "ns", 100.0, 10.0, 1000.0, whole=False)
WHOLE = Factor("cpus", "parameter", "CPUs", 2, 1, 4, whole=True)


@pytest.mark.parametrize("name", SCENARIOS)
def test_all_that_is_assumed_is_varied(name: str) -> None:
    """Prices and parameters marked assumed, and no others, each within what is accepted."""
    scenario = SCENARIOS[name]
    told = scenario.parameters.described()
    prices = {f"price.{e}" for e in PRICES.events() if PRICES.of(e).mark == "assumed"}
    found = {factor.name: factor for factor in factors(scenario, PRICES)}

    free = {n for n, t in told.items() if t["mark"] == "assumed" and t["low"] < t["high"]}
    assert prices | free == set(found)
    for n, factor in found.items():
        assert factor.low <= factor.value <= factor.high
        if n in told:
            assert told[n]["low"] <= factor.low < factor.high <= told[n]["high"]
            assert told[n]["sweep_why"]
            assert factor.whole == isinstance(factor.at(0.3), int)
            assert isinstance(told[n]["value"], int) or not factor.whole


def test_what_is_fixed_is_not_varied() -> None:
    """A parameter that the reader sets stays where it is; other marks can be asked for."""
    scenario = SCENARIOS["syzkaller"]
    names = {f.name for f in factors(scenario, PRICES, {"refills"}, ("assumed", "published"))}

    assert "refills" not in names
    assert {"memory_mb", "price.zero_page", "price.pte"} <= names
    assert "price.list_op" not in names


def test_places_are_even_steps_or_even_ratios() -> None:
    """From 10 to 1000 the middle is 100; from 0 to 1 it is a half."""
    assert (False, True) == (LINEAR.log, WIDE.log)
    assert (0.0, 0.5, 1.0) == tuple(LINEAR.at(u) for u in (0, 0.5, 1))
    assert (10, 100, 1000) == pytest.approx(tuple(WIDE.at(u) for u in (0, 0.5, 1)))
    for factor in (LINEAR, WIDE):
        assert [0.0, 0.25, 1.0] == pytest.approx([factor.place(factor.at(u)) for u in (0, 0.25, 1)])


def test_whole_numbers_share_the_range_equally() -> None:
    """Each of four values has a quarter of the places, the ends too."""
    values = [WHOLE.at((i + 0.5) / 1000) for i in range(1000)]

    assert [250] * 4 == [values.count(n) for n in (1, 2, 3, 4)]
    assert (1, 4) == (WHOLE.at(0), WHOLE.at(1))
    assert all(isinstance(value, int) for value in values)
    assert [2, 3] == [WHOLE.at(WHOLE.place(n)) for n in (2, 3)]


def test_values_outside_lie_at_the_ends() -> None:
    """A place is always from 0 to 1."""
    assert (0.0, 1.0) == (WIDE.place(1), WIDE.place(1e9))


def test_distance_by_hand() -> None:
    """Half the range in one of three factors is 0.5 / sqrt(3); nothing moved is 0."""
    three = (LINEAR, WIDE, WHOLE)
    base = assumed(three)

    assert 0.0 == distance(three, base)
    assert pytest.approx(0.5 / math.sqrt(3)) == distance(three, base | {"share": 1.0})
    assert pytest.approx(0.5 / math.sqrt(3)) == distance(three, base | {"price.pte": 10.0})
