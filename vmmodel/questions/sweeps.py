"""The runs of a question: a sweep for each, kept in a folder and run once."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vmmodel.analysis.tables import Study, load
from vmmodel.experiment.scenario import Scenario
from vmmodel.experiment.store import read_meta
from vmmodel.experiment.sweep import Sweep

REPLICATIONS = {"quick": 10, "full": 50}


@dataclass(frozen=True)
class SweepLab:
    """Makes runs by sweeps into folders below *folder*."""

    folder: Path
    perform: Callable[[Sweep, Path], None]
    """Runs a sweep into a folder, with progress for whoever waits."""
    profile: str = "quick"
    replications: int = REPLICATIONS["quick"]
    seed: int = 1
    again: bool = False

    @property
    def full(self) -> bool:
        """Whether the full profile is asked for."""
        return self.profile == "full"

    def study(self, name: str, scenarios: tuple[Scenario, ...], designs: tuple[str, ...]) -> Study:
        """Run what is not there yet, and open the tables."""
        sweep = Sweep(scenarios, designs, self.replications, self.seed, self.profile)
        folder = self.folder / name
        meta = read_meta(folder)
        if self.again or meta is None or meta.get("key") != sweep.key():
            self.perform(sweep, folder)
        return load(folder)
