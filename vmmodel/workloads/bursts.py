"""The subject beside bursts in a workload file: a machine, its traffic, what asks for pages.

Ordinary pages move in bursts of the size of a page cache's bucket, straight to and from the buddy
lists; there are no page caches, reservations or page daemon.  What asks for NOFREE pages is one of
five kinds of subject.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from vmmodel.errors import meant, shown
from vmmodel.workloads.quantity import DURATION, Part, Quantity, quantity, refused
from vmmodel.workloads.story import Story, listed
from vmmodel.workloads.vmstat import host_labels
from vmmodel.workloads.zones import Kernel, nofree_names

PAGES_PER_MB = 256
PAGES_PER_GB = 262_144


class BurstMachine(Part):
    """Memory, processors and kernel; one NUMA domain."""

    memory_gb: Quantity | None = quantity("GB", 1, 256, "memory", whole=True, optional=True)
    memory_mb: Quantity | None = quantity("MB", 64, 262_144, "memory", whole=True, optional=True)
    memory_gb_of: dict[str, int] = Field(default_factory=dict, max_length=40)
    """Memory of recorded machines whose zones fit no smaller one."""
    cpus: Quantity = quantity("CPUs", 1, 64, "processors", whole=True)
    kernel: Kernel = "13"
    kasan: bool = False

    @model_validator(mode="after")
    def _one_size(self) -> "BurstMachine":
        if (self.memory_gb is None) == (self.memory_mb is None):
            raise refused("memory_gb", "there is none or a second size", "memory_gb or memory_mb")
        for label, gb in self.memory_gb_of.items():
            if not 1 <= gb <= 256:
                raise refused(f"memory_gb_of.{shown(label)}", f"{gb} is no memory", "1 to 256 GB")
        return self

    @property
    def npages(self) -> int:
        """Pages of the machine."""
        if self.memory_gb is not None:
            return self.memory_gb.whole * PAGES_PER_GB
        assert self.memory_mb is not None, "held above"
        return self.memory_mb.whole * PAGES_PER_MB


class Traffic(Part):
    """Ordinary pages around the subject."""

    cache_share: Quantity = quantity("of memory", 0, 0.9, "file cache at the start and on average")
    turnover: Quantity = quantity("times", 0, 10, "how often the file cache is replaced in the run")
    anonymous_bursts: Quantity = quantity(
        "bursts", 0, 100_000, "page-cache refills for faults", whole=True
    )
    kernel_bursts: Quantity = quantity(
        "bursts", 0, 100_000, "page-table pages and slabs of other zones, 1 to 16 pages each",
        whole=True,
    )  # fmt: skip
    storms: Quantity = quantity(
        "instants", 1, 100_000, "when all CPUs are busy together", whole=True
    )
    storm_spread: Quantity = quantity(
        DURATION, 1e-9, 1, "mean distance of a storm's requests from its start"
    )
    file_pages: Quantity = quantity("pages", 1, 4096, "median size of a file; lognormal")
    file_sigma: Quantity = quantity("-", 0, 3, "sigma of file sizes")
    short_share: Quantity = quantity("of bursts", 0, 1, "share of the short lives")
    short_life: Quantity = quantity(
        "of the run", 1e-6, 1, "mean of the short lives; the others end evenly over the run"
    )


class Recorded(Part):
    """The zones of recorded machines, grown to what was recorded."""

    kind: Literal["recorded"]
    machines: list[str] = Field(min_length=1, max_length=40)
    """Labels of ``data/hosts/vmstat_z.csv``: the variants."""
    chosen: list[str] = Field(min_length=1, max_length=40)
    """Those that are run unless others are asked for."""
    boot_share: Quantity = quantity(
        "of items", 0, 1, "share of the items that exist after the first hundredth of the run"
    )

    @model_validator(mode="after")
    def _machines_exist(self) -> "Recorded":
        known = host_labels()
        for key, names, among in (
            ("machines", self.machines, known),
            ("chosen", self.chosen, tuple(self.machines)),
        ):
            for name in names:
                if name not in among:
                    what = f"no machine {shown(name)}{meant(name, among)}"
                    raise refused(key, what, listed(among))
            if len(set(names)) < len(names):
                raise refused(key, "a machine appears twice", "each machine once")
        return self


class Refills(Part):
    """Buckets of NOFREE zones that are filled."""

    refills: Quantity = quantity(
        "refills", 0, 100_000, "buckets of NOFREE zones filled", whole=True
    )
    zones: dict[str, Quantity] = Field(
        min_length=1, max_length=40, description="weight of {} among the refills"
    )


class Slabs(Refills):
    """Refills as processes and threads come: in storms."""

    kind: Literal["slabs"]


class Exhaustion(Refills):
    """Refills at any time, and most of them in episodes in which memory is exhausted."""

    kind: Literal["exhaustion"]
    pressed_share: Quantity = quantity(
        "of refills", 0, 1, "share of the refills that fall into episodes of exhaustion"
    )
    episodes: Quantity = quantity("episodes", 0, 1000, "how often memory is exhausted", whole=True)
    episode_ms: Quantity = quantity("ms", 1e-3, 10, "length of an episode", whole=True)
    squeezes: Quantity = quantity(
        "times", 1, 1000, "how often in an episode the pages left free change", whole=True
    )
    leave_pages: Quantity = quantity(
        "pages", 0, 10_000, "at most left free in an episode, above the floor of class SYSTEM",
        whole=True,
    )  # fmt: skip


class Pages(Part):
    """Single NOFREE pages, each entered into an object."""

    kind: Literal["pages"]
    requests: Quantity = quantity(
        "pages", 0, 1_000_000, "NOFREE pages asked for, one at a time", whole=True
    )


class SeveralPages(Part):
    """Slabs of one size, asked for in storms while memory is free or nearly exhausted."""

    kind: Literal["several-pages"]
    slab_pages: Quantity = quantity("pages", 1, 64, "pages of a slab", whole=True)
    requests: Quantity = quantity(
        "slabs", 1, 100_000, "slabs asked for, mean of a Poisson number", whole=True
    )
    storm: Quantity = quantity("slabs", 1, 1000, "slabs asked for together", whole=True)
    episodes: Quantity = quantity("episodes", 0, 1000, "how often memory is exhausted", whole=True)
    pressed_share: Quantity = quantity(
        "of the run", 0, 1, "how long memory is short, if there are episodes"
    )
    squeezes: Quantity = quantity(
        "times", 1, 1000, "how often in an episode the pages left free change", whole=True
    )
    leave_pages: Quantity = quantity(
        "pages", 0, 10_000, "at most left free in an episode, above the floor of class SYSTEM",
        whole=True,
    )  # fmt: skip


Subject = Annotated[
    Recorded | Slabs | Exhaustion | Pages | SeveralPages, Field(discriminator="kind")
]


class Failures(Part):
    """Probabilities that something fails, drawn for each request whatever becomes of it."""

    page_failure: Quantity | None = quantity(
        "per page", 0, 1, "probability that a page cannot be had although memory is free",
        optional=True,
    )  # fmt: skip
    second_failure: Quantity | None = quantity(
        "per page", 0, 1, "probability that the radix node cannot be had", optional=True
    )
    init_failure: Quantity | None = quantity(
        "per slab", 0, 1, "probability that the set-up of an item fails", optional=True
    )


class CallerBugs(Part):
    """Callers that free wrongly."""

    wrong_frees: Quantity = quantity(
        "frees", 0, 10_000, "frees of a page that is in use", whole=True
    )
    unconverted: Quantity = quantity(
        "of failures", 0, 1, "clean-ups that call vm_page_free() whatever the design wants"
    )
    twice: Quantity = quantity("of failures", 0, 1, "clean-ups that free a page twice")
    queued: Quantity = quantity(
        "of failures", 0, 1, "clean-ups whose page is still linked in a batch of its page queue"
    )
    invariants: Quantity = quantity(
        "0 or 1", 0, 1, "whether lists and orders are checked, as in a kernel with INVARIANTS",
        whole=True,
    )  # fmt: skip


class Bursts(Story):
    """A workload of a subject beside bursts."""

    plain_names: ClassVar[bool] = True
    model: Literal["bursts"]
    seconds: Quantity = quantity("s", 1e-3, 100_000, "length of the run")
    machine: BurstMachine
    background: Traffic
    subject: Subject
    injections: Failures = Field(default_factory=Failures)
    bugs: CallerBugs | None = None

    @model_validator(mode="after")
    def _parts_fit(self) -> "Bursts":
        subject, machine = self.subject, self.machine
        if isinstance(subject, Refills):
            self._zones_exist(subject)
        if isinstance(subject, Recorded):
            if machine.kasan:
                raise refused("machine.kasan", "recorded machines are no KASAN kernels", "false")
            if machine.memory_gb is None:
                raise refused("machine.memory_mb", "recorded machines are larger", "memory_gb")
            for label in machine.memory_gb_of:
                if label not in subject.machines:
                    what = f"{shown(label)} is not recorded"
                    raise refused("machine.memory_gb_of", what, listed(subject.machines))
            if self.failures != (0, 0, 0):
                raise refused("injections", "nothing fails on recorded machines", "no such table")
        elif machine.memory_gb_of:
            raise refused("machine.memory_gb_of", "no machine is recorded", "subject.machines")
        if isinstance(subject, Pages) and self.injections.init_failure is not None:
            raise refused("injections.init_failure", "single pages are no slabs", "kind slabs")
        if self.bugs is not None and not isinstance(subject, Pages):
            raise refused("bugs", f"they go with single pages, not {subject.kind}", "kind pages")
        return self

    def _zones_exist(self, subject: Refills) -> None:
        """Hold the zones to those that are NOFREE, with weights that can be drawn from."""
        known = nofree_names(self.machine.kernel)
        for zone, weight in subject.zones.items():
            if zone not in known:
                what = f"no NOFREE zone {shown(zone)}{meant(zone, known)}"
                raise refused("subject.zones", what, listed(known))
            if weight.unit != "times" or weight.low < 0 or weight.high > 1e6:
                key = f"subject.zones.{shown(zone)}"
                raise refused(key, "has a wrong unit or range", "0 to 1e6 times")
        if not any(weight.value for weight in subject.zones.values()):
            raise refused("subject.zones", "all weights are 0", "a zone that is refilled")

    @property
    def failures(self) -> tuple[float, float, float]:
        """Probabilities of a page failure, a radix-node failure, a failing set-up; 0 if not given.

        The first two are for each page, the last for each slab.
        """
        told = self.injections
        page, second, init = (
            found.value if found else 0.0
            for found in (told.page_failure, told.second_failure, told.init_failure)
        )
        return page, second, init
