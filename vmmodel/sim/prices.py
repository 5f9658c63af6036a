"""What each counted event costs, in nanoseconds: value, plausible range, mark and source.

Kernel and designs return what happened (locks, list operations, pages zeroed); this table
turns it into work.  Waiting is not priced, it comes from the clock.  Every price says where
it comes from and how sure it is, and sensitivity analysis sweeps its range.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vmmodel.errors import InputError, shown
from vmmodel.paths import DATA

COSTS = DATA / "costs.toml"
"""The price table of the study."""

Nanoseconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False, strict=True)]


P = TypeVar("P", bound=BaseModel)


class Price(BaseModel):
    """One price: a value between its plausible low and high, and where it comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: Nanoseconds
    """Nanoseconds used by default."""
    low: Nanoseconds
    """Least plausible, in ns."""
    high: Nanoseconds
    """Most plausible, in ns."""
    mark: Literal["measured", "published", "assumed"]
    """Measured: fitted to timings of FreeBSD's own code.  Published: somebody's figure."""
    source: Annotated[str, Field(min_length=1)]
    """Exact origin."""
    note: str = ""
    """Conditions and the reasons for the range."""

    @model_validator(mode="after")
    def _ordered(self) -> "Price":
        if not self.low <= self.value <= self.high:
            raise ValueError(f"low {self.low}, value {self.value}, high {self.high}")
        return self


class Prices(BaseModel):
    """The price of every event that the model counts.

    >>> prices = load_prices()
    >>> prices.zero_page.value, prices.zero_page.mark
    (299.0, 'published')
    >>> prices.work_ns({"free_lock": 1, "list_op": 2, "page_struct": 2})
    24
    >>> prices.at("high", "zero_page").work_ns({"zero_page": 1})
    348
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    free_lock: Price
    """Taking and giving back the domain free lock, uncontended."""
    lock: Price
    """The same of any other lock: keg, arena, object, page map."""
    list_op: Price
    """One insertion into or removal from a free list."""
    page_struct: Price
    """One page structure touched."""
    atomic: Price
    """One global atomic, such as the compare-and-swap on the free count."""
    percpu: Price
    """One per-CPU counter or critical section."""
    zero_page: Price
    """Zeroing one page."""
    radix_insert: Price
    """Entering one page into the trie of an object."""
    radix_remove: Price
    """Taking one page out of it."""
    pte: Price
    """Mapping one page, without its lock."""
    shootdown: Price
    """One round of interrupts to all other CPUs, the fixed part."""
    shootdown_cpu: Price
    """The part of such a round for each other CPU."""
    arena_alloc: Price
    """Allocating addresses, or giving them back, without the lock."""
    slab_init: Price
    """Setting up one item of a new slab."""
    branch: Price
    """One branch, predicted not taken."""
    launder_page: Price
    """Writing one dirty page back, or to swap: time that passes, not work."""

    def work_ns(self, counts: Mapping[str, int]) -> int:
        """Price the *counts* of one operation, rounded once to whole nanoseconds.

        Prices are fractions of a nanosecond where they must be (a branch is 0.3), so an
        operation is summed first and rounded then.  Raises KeyError for an unknown event.
        """
        return round(sum(count * self.of(event).value for event, count in counts.items()))

    def of(self, event: str) -> Price:
        """Give the price of *event* by name; KeyError if there is none."""
        if event not in type(self).model_fields:
            raise KeyError(f"no price for {event!r}, known are {', '.join(self.events())}")
        price: Price = getattr(self, event)
        return price

    def at(self, end: Literal["low", "high"], *events: str) -> "Prices":
        """Copy the table with *events* at one end of their range, for sensitivity analysis."""
        moved = {
            event: self.of(event).model_copy(update={"value": getattr(self.of(event), end)})
            for event in events
        }
        return self.model_copy(update=moved)

    def with_values(self, values: Mapping[str, float]) -> "Prices":
        """Copy the table with other *values* in ns, inside their range or not."""
        moved = {
            event: self.of(event).model_copy(update={"value": float(value)})
            for event, value in values.items()
        }
        return self.model_copy(update=moved)

    def values(self) -> dict[str, float]:
        """Give event and value in ns, in the order of the table; for compiled code."""
        return {event: self.of(event).value for event in self.events()}

    @classmethod
    def events(cls) -> tuple[str, ...]:
        """List the priced events."""
        return tuple(cls.model_fields)


def load_prices(path: Path = COSTS) -> Prices:
    """Read and check the price table of the study."""
    return load_table(path, Prices)


def load_table(path: Path, kind: type[P]) -> P:
    """Read and check a table of prices; `InputError` names the file and the key."""
    try:
        with path.open("rb") as file:
            table = tomllib.load(file)
    except OSError as reason:
        raise InputError(path, f"cannot be read ({reason.strerror})", "a price table") from None
    except (ValueError, RecursionError) as reason:  # broken, not UTF-8, a number too long, too deep
        raise InputError(path, f"broken TOML ({reason})", "a price table") from None
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(
            path, _what(first["type"], key, first["input"]), _wanted(key, kind)
        ) from None


def _what(kind: str, key: str, found: object) -> str:
    if kind == "missing":
        return f"{key} is missing"
    if kind == "extra_forbidden":
        return f"unknown key {shown(key)}"
    if kind == "value_error" and isinstance(found, dict):
        return f"{key}: low, value, high are {found['low']}, {found['value']}, {found['high']}"
    return f"{key} is {shown(found)}"


def _wanted(key: str, kind: type[BaseModel]) -> str:
    event, _, field = key.partition(".")
    if event not in kind.model_fields:
        return f"one of {', '.join(kind.model_fields)}"
    if not field:
        return "a table with low <= value <= high in ns, mark, source, note"
    return {
        "mark": "measured, published or assumed",
        "source": "a text that names the origin",
        "note": "a text",
    }.get(field, "value, low and high as decimal numbers of ns, mark, source, note")
