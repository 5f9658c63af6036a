"""Calibrate the free lock on LLFree's bulk benchmark of 1 to 8 cores, and predict 64.

Every core allocates pages of order 0 and then frees them; what is published is the mean time of one
allocation and of one free.  For each of the two phases, in ns a hold of `BATCH` pages:

- *work* is what the buddy lists do under the hold, counted exactly and priced;
- *one core* gives the rest: its time is private work, *work* and the lock's uncontended cost;
- **fitted**, on the other cores: the **uncontended** cost of the lock beyond *work*, and its
  **hand-off** to another core.  Nothing else is.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from vmmodel.analysis.fit import Fit, fit
from vmmodel.analysis.published import read_published
from vmmodel.paths import DATA
from vmmodel.sim.bulk import Bulk, LinuxBatches, Service, closed_queue, simulate
from vmmodel.sim.lock_prices import BATCH
from vmmodel.sim.prices import Prices
from vmmodel.workloads.benchmarks import LockBulk
from vmmodel.workloads.parse import read_description

Vector = npt.NDArray[np.float64]

PUBLISHED = DATA / "llfree" / "linux_bulk_ns.csv"
PHASES = ("alloc", "free")
START = np.array([300.0, 300.0])
"""Where the fit starts, in ns; any order of magnitude will do."""


def our_sizes() -> LockBulk:
    """Read the benchmark as ``data/workloads`` describes it."""
    found = read_description(DATA / "workloads" / "lock-bulk.toml")
    assert isinstance(found, LockBulk)
    return found


@dataclass(frozen=True)
class Phase:
    """Allocation or free: what is known of it, in ns a hold."""

    one_core_ns: float
    """All that one core alone does for a batch."""
    work_ns: float
    """What of it is priced work of the buddy lists, under the lock."""
    uncontended_ns: float = 0.0
    """What else is under the lock."""
    handoff_ns: float = 0.0
    """What is added when another core held the lock before."""
    sizes: LockBulk = field(default_factory=our_sizes, repr=False)
    """Batches of a core, and the cores that are fitted."""

    @property
    def hold_ns(self) -> float:
        """How long the lock is held, without hand-off."""
        return self.work_ns + self.uncontended_ns

    @property
    def private_ns(self) -> float:
        """What one core's time leaves for work outside the lock; a fit may try to leave nothing."""
        return max(self.one_core_ns - self.hold_ns, 0.0)

    def bulk(self, ncpu: int) -> Bulk:
        """Give this phase to so many CPUs."""
        return Bulk(ncpu, self.sizes.holds.whole, self.private_ns, self.handoff_ns)

    def page_ns(self, cores: Iterable[int]) -> Vector:
        """Mean ns a page for each number of cores."""
        times = [np.mean(closed_queue(self.bulk(n), lambda _: self.hold_ns)) for n in cores]
        return np.array(times) / (self.sizes.holds.whole * BATCH)


@dataclass(frozen=True)
class Calibration:
    """A phase with its fitted prices, and how far to trust what follows from them."""

    given: Phase
    observed: pd.Series
    """Published mean ns a page, by number of cores; all of them, fitted or not."""

    @cached_property
    def fit(self) -> Fit:
        """The fit on all cores that are to be fitted."""
        return self._fit(self.given.sizes.fitted_cores)

    @property
    def phase(self) -> Phase:
        """The phase as fitted."""
        return self._with(self.fit.values)

    @cached_property
    def drift(self) -> float:
        """Relative error at twice the cores: the fit on 2 to 4 of them, asked for 8."""
        half = self._with(self._fit(range(2, 5)).values)
        return float(abs(half.page_ns([8])[0] / self.observed[8] - 1.0))

    def predict(self, cores: range) -> pd.DataFrame:
        """Mean ns a page and its 95 % interval.

        The interval is that of a new measurement under the fit, and beyond its cores wider by
        `drift` for each doubling.  It knows nothing of what the model leaves out.
        """
        middle = self.phase.page_ns(cores)
        spread = self.fit.relative_error(lambda values: self._with(values).page_ns(cores))
        most = self.given.sizes.fitted.whole
        beyond = self.drift * np.log2(np.maximum(np.array(cores) / most, 1.0))
        half = middle * (self.fit.quantile() * spread + beyond)
        return pd.DataFrame(
            {"cores": list(cores), "ns": middle, "low": middle - half, "high": middle + half}
        )

    def _with(self, values: Vector) -> Phase:
        return replace(self.given, uncontended_ns=float(values[0]), handoff_ns=float(values[1]))

    def _fit(self, cores: range) -> Fit:
        observed = self.observed[list(cores)].to_numpy(float)
        return fit(lambda values: self._with(values).page_ns(cores), observed, START)


def load_published() -> pd.DataFrame:
    """Read the published times: mean ns a page of four runs by number of cores."""
    columns = {f"{phase}_ns_avg": phase for phase in PHASES}
    table = read_published(PUBLISHED, {"cores": "int64", **dict.fromkeys(columns, "float64")})
    return table.groupby("cores")[list(columns)].mean().rename(columns=columns)


def priced_work(prices: Prices, sizes: LockBulk) -> dict[str, float]:
    """Mean priced work of a hold in each phase, in ns, as the buddy lists count it."""
    ncpu, holds = sizes.fitted.whole, sizes.holds.whole
    batches = LinuxBatches(2 * ncpu * holds * BATCH, ncpu, prices)
    work = {
        phase: float(np.mean([do(n % ncpu) for n in range(ncpu * holds)]))
        for phase, do in (("alloc", batches.alloc), ("free", batches.free))
    }
    batches.vm.close()
    return work


def calibrate(
    prices: Prices, published: pd.DataFrame, sizes: LockBulk | None = None
) -> dict[str, Calibration]:
    """Fit both phases of the benchmark, ours unless another is given."""
    sizes = sizes or our_sizes()
    found = {}
    for phase, work_ns in priced_work(prices, sizes).items():
        given = Phase(float(published[phase][1]) * BATCH, work_ns, sizes=sizes)
        found[phase] = Calibration(given, published[phase])
    return found


def by_definition(found: dict[str, Calibration], ncpu: int, prices: Prices) -> dict[str, float]:
    """Mean ns a page on SimPy's clock, every hold doing its real work on the buddy lists."""
    holds = found[PHASES[0]].given.sizes.holds.whole
    batches = LinuxBatches(2 * ncpu * holds * BATCH, ncpu, prices)
    means = {}
    for name, work in (("alloc", batches.alloc), ("free", batches.free)):
        phase = found[name].phase
        service = _with_uncontended(work, phase.uncontended_ns)
        means[name] = float(np.mean(simulate(phase.bulk(ncpu), service)[0])) / (holds * BATCH)
    batches.vm.close()
    return means


def _with_uncontended(work: Callable[[int], int], uncontended_ns: float) -> Service:
    return lambda cpu: work(cpu) + uncontended_ns
