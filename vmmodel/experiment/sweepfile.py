"""Sweep files: scenarios, designs, and lists of values for parameters and prices, all crossed.

The files are TOML; ``data/sweeps/`` has one to copy.  They are not trusted: what they name is
looked up, nothing in them is run, and they can only name files that lie beside them or below.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vmmodel.errors import InputError, meant, shown
from vmmodel.experiment.drawing import Host
from vmmodel.experiment.scenario import SCENARIOS, Scenario, scenario, with_memory, with_zones
from vmmodel.experiment.sweep import Sweep
from vmmodel.nofree import known_designs
from vmmodel.paths import beside
from vmmodel.sim.prices import Prices
from vmmodel.tomlfile import read_toml

MAX_RUNS = 1_000_000
"""Most runs of one sweep."""

_EXPECTED = "a sweep file as data/sweeps/small.toml"

Name = Annotated[str, Field(min_length=1, max_length=200)]
Number = Annotated[int, Field(ge=-(2**63), lt=2**63)] | Annotated[float, Field(allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Values = Number | Annotated[list[Number], Field(min_length=1, max_length=1000)]
"""A number, or a list of them: an axis."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ScenarioEntry(_Model):
    """One scenario of a sweep file."""

    name: Name
    """Of a scenario; or a user's own workload file, named from the folder of the sweep file."""
    variants: Annotated[list[Name], Field(min_length=1, max_length=1000)] | None = None
    zones: Name | None = None
    """A user's own zone table, named from the folder of the sweep file."""
    parameters: dict[Name, Values] = {}
    prices: dict[Name, Values] = {}


class SweepFile(_Model):
    """A sweep file as it is written."""

    seed: Seed | Annotated[list[Seed], Field(min_length=1, max_length=1000)] = 1
    """A seed, or a list of them: an axis."""
    replications: Annotated[int, Field(ge=1, le=100_000)] = 1
    designs: Annotated[list[Name], Field(min_length=1, max_length=1000)] | None = None
    prices: dict[Name, Values] = {}
    """Of every scenario, in ns."""
    scenario: Annotated[list[ScenarioEntry], Field(min_length=1, max_length=1000)]


@dataclass(frozen=True)
class Place:
    """Where in which file something stands, for sentences."""

    path: Path
    at: str

    def error(self, what: str, expected: str) -> InputError:
        """Make the sentence."""
        return InputError(self.path, f"{self.at}: {what}", expected)


def read_sweep(path: Path) -> Sweep:
    """Read a sweep file; `InputError` names file, key and what may stand there."""
    table = read_toml(path, _EXPECTED)
    try:
        file = SweepFile.model_validate(table)
    except ValidationError as error:
        raise _refusal(path, table, error) from None
    designs = _designs(file.designs, Place(path, "designs"))
    _count(file, designs, path)
    scenarios = [
        seeded
        for number, entry in enumerate(file.scenario, start=1)
        for point in _points(entry, file.prices, Place(path, f"scenario {number}"))
        for seeded in _seeded(point, file.seed)
    ]
    _distinct(scenarios, path)
    first = file.seed[0] if isinstance(file.seed, list) else file.seed
    return Sweep(tuple(scenarios), designs, file.replications, first, "sweep")


def _seeded(point: Scenario, seeds: int | list[int]) -> list[Scenario]:
    """Give the scenario with each seed; one of several is part of the setting's name."""
    if isinstance(seeds, int):
        return [point]
    named = [(seed, f"{point.setting} seed={seed}".strip()) for seed in seeds]
    return [replace(point, seed=seed, setting=setting) for seed, setting in named]


def _count(file: SweepFile, designs: tuple[str, ...], path: Path) -> None:
    """Count the runs before any is made: lists that are crossed grow quickly."""
    points = 0
    for number, entry in enumerate(file.scenario, start=1):
        axes = {**file.prices, **entry.prices}, entry.parameters
        sizes = [len(value) for axis in axes for value in axis.values() if isinstance(value, list)]
        variants = entry.variants or _named(entry, Place(path, f"scenario {number}")).chosen
        points += math.prod(sizes) * len(variants)
    seeds = len(file.seed) if isinstance(file.seed, list) else 1
    runs = points * seeds * len(designs) * file.replications
    if runs > MAX_RUNS:
        raise InputError(path, f"these are {runs:,} runs", f"at most {MAX_RUNS:,}")


def _points(entry: ScenarioEntry, prices: dict[str, Values], place: Place) -> Iterator[Scenario]:
    """Give the scenario in each of its settings, the last list moving fastest."""
    prices = {**prices, **entry.prices}
    _check_prices(prices, place)
    axes = [*_axes("parameters", entry.parameters), *_axes("prices", prices)]
    base = _base(entry, place)
    for values in product(*(axis.values for axis in axes)):
        chosen = list(zip(axes, values, strict=True))
        named = " ".join(f"{axis.name}={value!r}" for axis, value in chosen if axis.varies)
        set_to = {axis.name: str(value) for axis, value in chosen if axis.kind == "parameters"}
        priced = tuple((axis.name, float(v)) for axis, v in chosen if axis.kind == "prices")
        try:
            point = base(set_to)
        except InputError as error:
            raise place.error(f"parameters: {error.what}", error.expected) from None
        yield replace(point, setting=named, prices=priced)


@dataclass(frozen=True)
class _Axis:
    kind: str
    name: str
    values: tuple[float, ...]
    varies: bool


def _axes(kind: str, table: dict[str, Values]) -> list[_Axis]:
    return [
        _Axis(kind, name, tuple(values), True)
        if isinstance(values, list)
        else _Axis(kind, name, (values,), False)
        for name, values in table.items()
    ]


def _base(entry: ScenarioEntry, place: Place) -> Callable[[dict[str, str]], Scenario]:
    """Give what makes the scenario with some values, its variants chosen."""
    named = _named(entry, place)
    if entry.zones is not None:
        if entry.variants is not None:
            raise place.error("variants beside zones", "one of them: a zone table is one machine")
        if not isinstance(named.draw, Host):
            raise place.error(f"zones beside name {entry.name}", "name hosts")
        return with_zones(named, _beside(place, "zones", entry.zones)).with_values

    def with_values(values: dict[str, str]) -> Scenario:
        found = with_memory(named, values).with_values(values)
        return found.choose(*dict.fromkeys(entry.variants)) if entry.variants else found

    try:
        with_values({})
    except InputError as error:
        raise place.error(error.what, error.expected) from None
    return with_values


def _named(entry: ScenarioEntry, place: Place) -> Scenario:
    """Find the scenario or read the workload file that an entry names."""
    if entry.name.endswith(".toml"):
        return scenario(str(_beside(place, "name", entry.name)))
    if entry.name not in SCENARIOS:
        what = f"name is {shown(entry.name)}{meant(entry.name, SCENARIOS)}"
        raise place.error(what, f"{', '.join(SCENARIOS)}, or a workload file NAME.toml")
    return SCENARIOS[entry.name]


def _beside(place: Place, key: str, name: str) -> Path:
    """Find a file that a sweep file names; it cannot lie outside of the sweep file's folder."""
    found = beside(place.path.resolve().parent, name)
    if found is None:
        raise place.error(f"{key} is {shown(name)}", "a file in the folder of the sweep file")
    return found


def _designs(names: list[str] | None, place: Place) -> tuple[str, ...]:
    try:
        return known_designs(names or ())
    except InputError as error:
        raise place.error(error.what, error.expected) from None


def _check_prices(prices: dict[str, Values], place: Place) -> None:
    for name, values in prices.items():
        if name not in Prices.events():
            what = f"prices: {shown(name)} is unknown{meant(name, Prices.events())}"
            raise place.error(what, ", ".join(Prices.events()))
        for value in values if isinstance(values, list) else [values]:
            if not 0 <= value <= 1e9:
                raise place.error(f"prices: {name} is {value}", "0 to 1e9 ns")


def _distinct(scenarios: list[Scenario], path: Path) -> None:
    """Refuse a sweep in which two runs would have one name."""
    seen: set[tuple[str, str, str]] = set()
    for point in scenarios:
        for variant in point.chosen:
            name = (point.name, variant, point.setting)
            if name in seen:
                named = " ".join(part for part in name if part)
                raise InputError(path, f"{named} stands in it twice", "each setting once")
            seen.add(name)


def _refusal(path: Path, table: object, error: ValidationError) -> InputError:
    """Word the first thing that is wrong with a sweep file."""
    first = error.errors(include_url=False, include_context=False)[0]
    keys = _keys(table, first["loc"])
    place = ".".join(shown(key)[1:-1] if isinstance(key, str) else str(key + 1) for key in keys)
    if first["type"] == "extra_forbidden":
        known = list((ScenarioEntry if len(keys) > 1 else SweepFile).model_fields)
        what = f"unknown key {place}{meant(str(keys[-1]), known)}"
        return InputError(path, what, ", ".join(known))
    if first["type"] == "missing":
        key = str(first["loc"][-1])
        what = ".".join(part for part in (place, key) if part)
        return InputError(path, f"{what} is missing", _WANTED[key])
    key = next((str(key) for key in reversed(keys) if key in _WANTED), "")
    return InputError(path, f"{place} is {shown(first['input'])}", _WANTED.get(key, _EXPECTED))


def _keys(table: object, loc: tuple[int | str, ...]) -> list[int | str]:
    """Keep what is a place in the file; pydantic's also names the kinds of value it tried."""
    keys: list[int | str] = []
    for part in loc:
        in_list = isinstance(table, list) and isinstance(part, int)
        if in_list or (isinstance(table, dict) and part in table):
            table = table[part]  # type: ignore[index]
            keys.append(part)
    return keys


_WANTED = {
    "seed": "a whole number from 0 to 2**63 - 1, or a list of them",
    "replications": "a whole number from 1 to 100000",
    "designs": "a list of names of designs",
    "scenario": "tables [[scenario]] with a name each",
    "name": f"{', '.join(SCENARIOS)}, or a workload file NAME.toml",
    "variants": "a list of names of variants",
    "zones": "the name of a file",
    "parameters": "parameters, each a number or a list of numbers",
    "prices": "prices in ns, each a number or a list of numbers",
}
"""What may stand behind each key."""
