"""What a sensitivity study varies: assumed prices and assumed parameters, each in its range.

A factor's range is mapped to 0..1, so that SALib's designs and distances know nothing of units.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from vmmodel.experiment.scenario import Scenario
from vmmodel.sim.prices import Prices

WIDE = 10
"""A positive range that spans this ratio or more is walked in equal ratios, not equal steps."""

Values = dict[str, float]
"""Factor to value; whole numbers where the factor counts something."""


@dataclass(frozen=True)
class Factor:
    """One thing that is assumed and could be otherwise."""

    name: str
    """A parameter's name, or ``price.EVENT``."""
    kind: Literal["price", "parameter"]
    unit: str
    value: float
    """As assumed."""
    low: float
    high: float
    whole: bool
    """Whether it counts something, so that only whole numbers make sense."""

    @property
    def log(self) -> bool:
        """Whether equal steps in 0..1 are equal ratios."""
        return self.low > 0 and self.high >= WIDE * self.low

    def at(self, place: float) -> float:
        """Give the value at *place*, 0..1; whole numbers share the range equally.

        >>> Factor("cpus", "parameter", "CPUs", 4, 1, 4, True).at(0.6)
        3
        >>> round(Factor("price.pte", "price", "ns", 40, 10, 1000, False).at(0.5), 6)
        100.0
        """
        low, high = self._ends()
        if self.log:
            value = math.exp(math.log(low) + place * math.log(high / low))
        else:
            value = low + place * (high - low)
        if self.whole:
            return int(min(max(round(value), self.low), self.high))
        return min(max(value, self.low), self.high)

    def place(self, value: float) -> float:
        """Give the place of *value* in 0..1; values outside of the range lie at its ends."""
        low, high = self._ends()
        value = min(max(value, self.low), self.high)
        if self.log:
            return math.log(value / low) / math.log(high / low)
        return (value - low) / (high - low)

    def _ends(self) -> tuple[float, float]:
        """Half a step wider for whole numbers, so that the ends are as likely as the others."""
        half = 0.5 if self.whole else 0.0
        return self.low - half, self.high + half


def factors(
    scenario: Scenario,
    prices: Prices,
    fixed: Collection[str] = (),
    marks: Collection[str] = ("assumed",),
) -> tuple[Factor, ...]:
    """List what is assumed of the prices and of *scenario*, except for what is *fixed*."""
    found = []
    for event in prices.events():
        price = prices.of(event)
        if price.mark in marks and price.low < price.high:
            ends = (price.value, price.low, price.high)
            found.append(Factor(f"price.{event}", "price", "ns", *ends, whole=False))
    for name, told in scenario.parameters.described().items():
        low, high = told["sweep"]
        if told["mark"] in marks and name not in fixed and low < high:
            numbers = (told["value"], low, high)
            whole = all(isinstance(number, int) for number in numbers)
            ends = (told["value"], low, high)
            found.append(Factor(name, "parameter", told["unit"], *ends, whole=whole))
    return tuple(found)


def assumed(all_factors: Collection[Factor]) -> Values:
    """The point from which everything departs."""
    return {factor.name: factor.value for factor in all_factors}


def distance(all_factors: Collection[Factor], values: Mapping[str, float]) -> float:
    """How far *values* lie from what is assumed: 0, to 1 for the opposite corner.

    Euclidean over the places of all factors, divided by the square root of their number.
    """
    apart = [f.place(values[f.name]) - f.place(f.value) for f in all_factors]
    return math.hypot(*apart) / math.sqrt(len(apart))
