"""Parameters that say what they are, in which unit, from where, and how sure we are."""

from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypeVar

from vmmodel.errors import InputError, meant

Mark = Literal["measured", "published", "assumed"]
P = TypeVar("P", bound="Parameters")


def parameter(
    default: float,
    unit: str,
    meaning: str,
    *,
    mark: Mark,
    source: str,
    low: float,
    high: float,
    sweep: tuple[float, float] | None = None,
    sweep_why: str = "all that is accepted",
) -> Any:
    """Declare a parameter and the range in which it makes sense.

    *sweep* is the range for sensitivity analysis where the whole one would be too much, and
    *sweep_why* the reason for it.
    """
    swept = {"sweep": sweep or (low, high), "sweep_why": sweep_why}
    metadata = {"unit": unit, "meaning": meaning, "mark": mark, "source": source}
    return field(default=default, metadata=metadata | {"low": low, "high": high} | swept)


@dataclass(frozen=True)
class Parameters:
    """Base of a scenario's parameters; a variant differs by `with_values`."""

    def with_values(self: P, values: dict[str, str]) -> P:
        """Set parameters from text, as typed on a command line; `InputError` says what is wrong."""
        known = {f.name: f for f in fields(self)}
        changed: dict[str, Any] = {}
        for name, text in values.items():
            if name not in known:
                what = f"no parameter {name!r}{meant(name, known)}"
                raise InputError("--set", what, f"one of {', '.join(known)}")
            meta, kind = known[name].metadata, type(getattr(self, name))
            expected = f"{meta['low']:g} to {meta['high']:g} {meta['unit']}"
            try:
                changed[name] = kind(text)
            except ValueError:
                raise InputError("--set", f"{name} is {text!r}", expected) from None
            if not meta["low"] <= changed[name] <= meta["high"]:
                raise InputError("--set", f"{name} is {text}", expected)
        return replace(self, **changed)

    def described(self) -> dict[str, dict[str, Any]]:
        """Give name -> value, unit, meaning, mark, source, low, high."""
        return {f.name: {"value": getattr(self, f.name), **f.metadata} for f in fields(self)}
