"""A workload file as a scenario sees it: its parameters by name."""

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from vmmodel.errors import InputError, meant, shown
from vmmodel.workloads.parse import read_description, validate
from vmmodel.workloads.quantity import Path as Place
from vmmodel.workloads.quantity import Quantity, quantities
from vmmodel.workloads.story import Story


@dataclass(frozen=True)
class Described:
    """The quantities of a workload file, by their dotted names or the last parts of these."""

    description: Story

    def __hash__(self) -> int:
        # Tables are lists and dicts, which have no hash of their own.
        return hash(self.description.model_dump_json())

    def described(self) -> dict[str, dict[str, Any]]:
        """Give name -> value, unit, meaning, mark, source, low, high, sweep."""
        return {
            name: {
                "value": found.value,
                "unit": found.unit,
                "meaning": meaning,
                "mark": found.mark,
                "source": found.source,
                "low": found.low,
                "high": found.high,
                "sweep": (found.swept.low, found.swept.high),
                "sweep_why": found.swept.why,
            }
            for name, (_, meaning, found) in self._named.items()
        }

    def with_values(self, values: dict[str, str]) -> "Described":
        """Set parameters from text; a name may be cut at the front as long as it is clear."""
        tables = self.description.model_dump(exclude_none=True)
        for name, text in values.items():
            path, _, found = self._named[self.full_name(name)]
            table: Any = tables
            for step in path:
                table = table[step]
            table["value"] = _number(name, text, found)
        return Described(validate(tables, "--set"))

    def structure(self) -> str:
        """Digest all of the file but the values of its parameters: 16 hex digits."""
        tables = self.description.model_dump()
        for path, _, _ in self._named.values():
            table: Any = tables
            for step in path:
                table = table[step]
            del table["value"]
        return hashlib.sha256(repr(tables).encode()).hexdigest()[:16]

    @cached_property
    def _named(self) -> dict[str, tuple[Place, str, Quantity]]:
        plain = self.description.plain_names
        return {
            name.rsplit(".", 1)[-1] if plain else name: (path, meaning, found)
            for name, path, meaning, found in quantities(self.description)
        }

    def full_name(self, name: str) -> str:
        """Find the one parameter whose name is *name* or ends in it; `InputError` if none does."""
        if name in self._named:
            return name
        ends = [full for full in self._named if full.endswith(f".{name}")]
        if len(ends) == 1:
            return ends[0]
        plain = {full.rsplit(".", 1)[-1]: full for full in self._named}
        if ends:
            raise InputError("--set", f"{name!r} may be several parameters", ", ".join(ends))
        what = f"no parameter {shown(name)}{meant(name, [*self._named, *plain])}"
        raise InputError("--set", what, f"one of {', '.join(self._named)}")


def _number(name: str, text: str, found: Quantity) -> int | float:
    """Read a number from the command line; whole numbers stay whole."""
    for kind in (int, float):
        try:
            value: int | float = kind(text)
        except ValueError:
            continue
        if math.isfinite(value):
            return value
    span = f"{found.low:g} to {found.high:g} {found.unit}"
    raise InputError("--set", f"{name} is {shown(text)}", span)


def described(path: Path) -> Described:
    """Read a workload file; `InputError` says what is wrong with it."""
    return Described(read_description(path))
