"""The unit of work: one replication of one scenario and variant, under several designs.

Its script is drawn once, so every design meets the same requests.  Each run, which is a unit under
one design, has a key: the digest of all that its tables depend on.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

from vmmodel.experiment.digest import model_digest
from vmmodel.experiment.scenario import Scenario
from vmmodel.experiment.tables import Tables, run_tables
from vmmodel.sim.machine import run_script
from vmmodel.sim.prices import Prices, load_prices

NSAMPLES = 40
NMAPS = 16


@dataclass(frozen=True)
class Unit:
    """One replication of one scenario and variant, under *designs*."""

    scenario: Scenario
    variant: str
    replication: int
    designs: tuple[str, ...]
    seed: int
    check: bool = False
    """Whether every promise is asserted at every sample: it changes no table."""

    def keys(self) -> dict[str, str]:
        """Name, for each design, all that its tables depend on: 24 hex digits.

        The setting is not part of it: it is a name for parameters and prices, which are.
        """
        scenario = self.scenario
        parameters = {n: p["value"] for n, p in scenario.parameters.described().items()}
        parts = [model_digest(), scenario.name, scenario.source, self.variant, self.replication]
        described = [*parts, parameters, scenario.prices, self.seed, NSAMPLES, NMAPS]
        common = hashlib.sha256(json.dumps(described).encode())
        return {design: _digest_of(common, design) for design in self.designs}

    def row_key(self, design: str) -> tuple[str, str, str, str, int]:
        """Give the columns that name the run in every table."""
        scenario = self.scenario
        return scenario.name, self.variant, scenario.setting, design, self.replication

    def __str__(self) -> str:
        scenario = self.scenario
        where = f"{scenario.name} {self.variant} {scenario.setting}".split()
        return f"{' '.join(where)}, replication {self.replication}"


def _digest_of(common: "hashlib._Hash", design: str) -> str:
    digest = common.copy()
    digest.update(design.encode())
    return digest.hexdigest()[:24]


def run_unit(unit: Unit) -> Iterator[tuple[str, Tables, float]]:
    """Run a unit; yield each design with its tables and the seconds it took.

    Drawing the script is shared by the designs, and so is the time that it takes.
    """
    start = time.perf_counter()
    script = unit.scenario.script(unit.seed, unit.variant, unit.replication)
    prices = _prices(unit.scenario)
    drawn = (time.perf_counter() - start) / len(unit.designs)
    for design in unit.designs:
        start = time.perf_counter()
        nmaps = NMAPS if unit.replication == 0 else 0
        result = run_script(script, design, prices, NSAMPLES, nmaps, check=unit.check)
        tables = run_tables(result, unit.seed)
        yield design, tables, time.perf_counter() - start + drawn


def _prices(scenario: Scenario) -> Prices:
    return load_prices().with_values(dict(scenario.prices))
