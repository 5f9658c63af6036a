"""Numbers of a workload file: each says its unit, how sure we are, from where, and its range."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

Path = tuple[str | int, ...]
"""Where something is in a file: keys, and indexes of lists."""

DURATIONS = {
    "ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9,
    "d": 86_400 * 10**9,
}  # fmt: skip
"""Units of time, in ns."""
RATES = {"per day": "d", "per hour": "h", "per min": "min", "per s": "s"}


class Part(BaseModel):
    """A table of a workload file: no key that is not known, no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @model_validator(mode="after")
    def _within_limits(self) -> "Part":
        """Hold the table's own quantities to the units and limits of their declaration."""
        for key, field in type(self).model_fields.items():
            limits, found = field.json_schema_extra, getattr(self, key)
            if isinstance(found, Quantity) and isinstance(limits, dict):
                _hold(key, found, limits)
        return self


Number = Annotated[int | float, Field(ge=-1e15, le=1e15)]
"""Far below what a floating-point number holds, far above what any parameter is."""


def _printable(words: str) -> str:
    """Refuse what would move a terminal's cursor or change its colours; a line may end."""
    strange = next((c for c in words if not c.isprintable() and c != "\n"), None)
    if strange is not None:
        raise refused("", f"the character {strange!a} cannot be printed", "printable text")
    return words


PRINTABLE = AfterValidator(_printable)
"""Of text for a reader."""


class Sweep(Part):
    """The part of a range that sensitivity analysis walks, where the whole would be too much."""

    low: Number
    high: Number
    why: Annotated[str, Field(min_length=1, max_length=400), PRINTABLE]


class Quantity(Part):
    """A parameter: a value, and the range in which it makes sense and, as a rule, is swept."""

    value: Number
    unit: Annotated[str, Field(max_length=40), PRINTABLE]
    mark: Literal["published", "measured", "assumed"]
    source: Annotated[str, Field(max_length=400), PRINTABLE]
    low: Number
    high: Number
    sweep: Sweep | None = None

    @model_validator(mode="after")
    def _in_range(self) -> "Quantity":
        if self.low > self.high:
            raise refused("low", f"low is {self.low:g} and high is {self.high:g}",
                          "low <= value <= high")  # fmt: skip
        if not self.low <= self.value <= self.high:
            raise refused("value", f"value is {self.value:g}",
                          f"{self.low:g} to {self.high:g} {self.unit}")  # fmt: skip
        if self.mark != "assumed" and not self.source:
            raise refused("source", f"the source is empty and the mark {self.mark}",
                          "a source, or the mark assumed")  # fmt: skip
        swept = self.swept
        if not self.low <= swept.low <= swept.high <= self.high:
            raise refused("sweep", f"the sweep is {swept.low:g} to {swept.high:g}",
                          f"a part of {self.low:g} to {self.high:g} {self.unit}")  # fmt: skip
        return self

    @property
    def swept(self) -> Sweep:
        """What sensitivity analysis walks, and why: the whole range unless the file says less."""
        return self.sweep or Sweep(low=self.low, high=self.high, why="all of its range")

    @property
    def ns(self) -> int:
        """The duration in ns."""
        return round(self.value * DURATIONS[self.unit])

    @property
    def mean_ns(self) -> int:
        """Time from one event to the next, of a rate, in ns."""
        return DURATIONS[RATES[self.unit]]

    def number_in(self, span_ns: float) -> float:
        """Events of a rate in a span of time."""
        return self.value * (span_ns / self.mean_ns)

    @property
    def whole(self) -> int:
        """The value as a whole number."""
        return int(self.value)


def quantity(
    units: str, low: float, high: float, meaning: str, *, whole: bool = False,
    optional: bool = False,
) -> Any:  # fmt: skip
    """Declare a parameter of a file: its *units*, separated by bars, and what is possible at all.

    The range in a file lies within *low* and *high*; of durations these are seconds.
    """
    limits: dict[str, Any] = {"units": units, "low": low, "high": high, "whole": whole}
    default = None if optional else ...
    return Field(default, description=meaning, json_schema_extra=limits)


DURATION = "|".join(DURATIONS)
RATE = "|".join(RATES)


def refused(key: str, what: str, expected: str) -> PydanticCustomError:
    """Make an error that names the *key* of the table it is raised for."""
    context = {"key": key, "what": what, "expected": expected}
    return PydanticCustomError("refused", "{what}, expected {expected}", context)


def _hold(key: str, found: Quantity, limits: dict[str, Any]) -> None:
    """Refuse a quantity in the wrong unit or beyond what is possible."""
    units = limits["units"].split("|")
    if found.unit not in units:
        raise refused(f"{key}.unit", f"unit is {found.unit!r}", f"one of {', '.join(units)}")
    scale = DURATIONS[found.unit] / DURATIONS["s"] if units[0] in DURATIONS else 1
    for end in ("low", "high"):
        if not limits["low"] <= getattr(found, end) * scale <= limits["high"]:
            unit = "s" if scale != 1 else found.unit
            raise refused(f"{key}.{end}", f"{end} is {getattr(found, end):g}",
                          f"{limits['low']:g} to {limits['high']:g} {unit}")  # fmt: skip
    if limits["whole"] and not isinstance(found.value, int):
        raise refused(f"{key}.value", f"value is {found.value:g}", "a whole number")


Named = tuple[str, Path, str, Quantity]
"""Dotted name, path, meaning, quantity."""


def quantities(
    found: Any, path: Path = (), label: str = "", meaning: str | None = None
) -> Iterator[Named]:
    """List the quantities in a table; an item of a list goes by its name, a blank is a hyphen.

    *meaning* is that of a table of quantities by name, which stands in it as ``{}``.
    """
    if isinstance(found, Part):
        for key, field in type(found).model_fields.items():
            below, name = getattr(found, key), f"{label}.{key}" if label else key
            if isinstance(below, Quantity):
                yield name, (*path, key), field.description or "", below
            else:
                yield from quantities(below, (*path, key), name, field.description)
    elif isinstance(found, dict):
        for key, below in found.items():
            name = f"{label}.{key}".replace(" ", "-")
            if isinstance(below, Quantity):
                yield name, (*path, key), (meaning or "{} of each").format(key), below
            else:
                yield from quantities(below, (*path, key), name)
    elif isinstance(found, tuple | list):
        for i, below in enumerate(found):
            if isinstance(below, Part):
                own = getattr(below, "name", None) or getattr(below, "process", i)
                yield from quantities(below, (*path, i), f"{label}.{own}")
