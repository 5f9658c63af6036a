"""Benchmarks of the literature in a workload file: ordinary pages, run by ``./study check``."""

from typing import ClassVar, Literal

from pydantic import model_validator

from vmmodel.workloads.llfree_frag import FragSizes
from vmmodel.workloads.quantity import Quantity, quantity, refused
from vmmodel.workloads.story import Story

PAGES_PER_GB = 262_144


class Fragmentation(Story):
    """LLFree's fragmentation benchmark."""

    plain_names: ClassVar[bool] = True
    model: Literal["llfree-frag"]
    memory_gb: Quantity = quantity("GB", 0.0625, 128, "memory, a whole number of 2 MB regions")
    threads: Quantity = quantity("CPUs", 1, 64, "threads, each on a processor", whole=True)
    fill: Quantity = quantity("% of pages", 1, 95, "pages filled at first", whole=True)
    moved: Quantity = quantity(
        "% of the kept", 1, 100, "pages freed and allocated again in a round", whole=True
    )
    rounds: Quantity = quantity("rounds", 1, 1000, "rounds after the freeing of half", whole=True)

    @model_validator(mode="after")
    def _whole_regions(self) -> "Fragmentation":
        if not float(self.memory_gb.value * 512).is_integer():
            what = f"value is {self.memory_gb.value:g}"
            raise refused("memory_gb.value", what, "a size in GB in steps of 2 MB")
        return self

    @property
    def sizes(self) -> FragSizes:
        """How much each thread fills, keeps and moves."""
        return FragSizes(
            npages=round(self.memory_gb.value * PAGES_PER_GB),
            nthreads=self.threads.whole,
            fill_percent=self.fill.whole,
            realloc_percent=self.moved.whole,
            rounds=self.rounds.whole,
        )


class LockBulk(Story):
    """LLFree's bulk benchmark, and the processors on which the lock is fitted and predicted."""

    plain_names: ClassVar[bool] = True
    model: Literal["lock-bulk"]
    holds: Quantity = quantity("holds", 1, 100_000, "batches of each processor", whole=True)
    fitted: Quantity = quantity("CPUs", 5, 8, "most processors of the fit", whole=True)
    measured: Quantity = quantity("CPUs", 8, 128, "cores of the measured machine", whole=True)
    most: Quantity = quantity("CPUs", 9, 128, "processors up to which is predicted", whole=True)

    @property
    def fitted_cores(self) -> range:
        """Processors whose times are fitted; one processor's are taken as they are."""
        return range(2, self.fitted.whole + 1)
