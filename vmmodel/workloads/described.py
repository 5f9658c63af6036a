"""A workload file as a scenario sees it: parameters by name, and the script drawn from them."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from vmmodel.errors import InputError, meant, shown
from vmmodel.sim.whole import WholeScript
from vmmodel.workloads.description import Description
from vmmodel.workloads.generate import Generator
from vmmodel.workloads.parameters import Parameters
from vmmodel.workloads.parse import read_description, validate
from vmmodel.workloads.quantity import Path as Place
from vmmodel.workloads.quantity import Quantity, quantities
from vmmodel.workloads.streams import Streams


@dataclass(frozen=True)
class Described(Parameters):
    """The quantities of a workload file, by their dotted names."""

    description: Description

    def __hash__(self) -> int:
        # Tables are lists and dicts, which have no hash of their own.
        return hash(self.description.model_dump_json())

    def described(self) -> dict[str, dict[str, Any]]:
        """Give dotted name -> value, unit, meaning, mark, source, low, high, sweep."""
        return {
            name: {
                "value": found.value,
                "unit": found.unit,
                "meaning": meaning,
                "mark": found.mark,
                "source": found.source,
                "low": found.low,
                "high": found.high,
                "sweep": (found.low, found.high),
                "sweep_why": "all of its range",
            }
            for name, (_, meaning, found) in self._named.items()
        }

    def with_values(self, values: dict[str, str]) -> "Described":
        """Set parameters from text; a name may be cut at the front as long as it is clear."""
        tables = self.description.model_dump(exclude_none=True)
        for name, text in values.items():
            path, _, found = self._named[self._full(name)]
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
        listed = quantities(self.description)
        return {name: (path, meaning, found) for name, path, meaning, found in listed}

    def _full(self, name: str) -> str:
        """Find the one parameter whose dotted name is *name* or ends in it."""
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
            return kind(text)
        except ValueError:
            continue
    span = f"{found.low:g} to {found.high:g} {found.unit}"
    raise InputError("--set", f"{name} is {shown(text)}", span)


def described(path: Path) -> Described:
    """Read a workload file; `InputError` says what is wrong with it."""
    return Described(read_description(path))


def draw_described(parameters: Parameters, streams: Streams, _variant: str) -> WholeScript:
    """Draw the script of a workload."""
    assert isinstance(parameters, Described)
    return Generator(parameters.description, streams).script()
