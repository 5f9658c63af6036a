"""The whole machine in a workload file: zones, phases, processes, files, memory, failures."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from vmmodel.errors import meant, shown
from vmmodel.workloads.quantity import DURATION, RATE, Part, Quantity, quantity, refused
from vmmodel.workloads.story import Name, Story, listed
from vmmodel.workloads.zones import nofree_names

DAY_S = 86_400.0
SPAN_S = 400 * DAY_S
"""Longest duration of anything, in s."""


class Machine(Part):
    """Memory, processors and kernel."""

    memory_gb: Quantity = quantity("GB", 0.125, 256, "memory of each NUMA domain")
    cpus: Quantity = quantity("CPUs", 1, 128, "processors", whole=True)
    domains: int = Field(1, ge=1, le=4)
    policy: Literal["first-touch", "round-robin"] = "first-touch"
    kernel: Literal["13", "main"] = "13"
    kasan: bool = False
    zones: list[str] = Field(min_length=1, max_length=40)
    """NOFREE zones; those of swap blocks are used by laundering."""

    @model_validator(mode="after")
    def _zones_exist(self) -> "Machine":
        known = nofree_names(self.kernel)
        for zone in self.zones:
            if zone not in known:
                raise refused(
                    "zones", f"no NOFREE zone {shown(zone)}{meant(zone, known)}", listed(known)
                )
        if len(set(self.zones)) < len(self.zones):
            raise refused("zones", "a zone appears twice", "each zone once")
        return self


class Stretch(Part):
    """A phase that follows the one before; rates are multiplied by its level.

    In `ramp` and `drop` the level moves evenly from that of the phase before, in `steady` and
    `spike` it is there at once.  In a `drop` what is alive ends early, in proportion.
    """

    kind: Literal["ramp", "steady", "spike", "drop"]
    name: Name
    until: Quantity = quantity("of the run", 0, 1, "when the phase ends")
    level: Quantity = quantity("times", 0, 1000, "rates at its end, against those stated")


class Night(Part):
    """An hour of every day at which the share of the load comes that belongs to the night."""

    kind: Literal["night"]
    name: Name
    at: Quantity = quantity(DURATION, 0, DAY_S, "time of day, counted from the start of the run")
    length: Quantity = quantity(DURATION, 1, DAY_S, "how long it lasts")


class Mixture(Part):
    """Nearly all lives exponential and short, the rest evenly up to the longest."""

    shape: Literal["mixture"]
    short: Quantity = quantity(DURATION, 1e-6, SPAN_S, "mean of the short lives")
    short_share: Quantity = quantity("of lives", 0, 1, "share of the short lives")
    longest: Quantity | None = quantity(
        DURATION, 1e-6, SPAN_S, "longest life; the whole run if not given", optional=True
    )


class Exponential(Part):
    """Lives without memory."""

    shape: Literal["exponential"]
    mean: Quantity = quantity(DURATION, 1e-6, SPAN_S, "mean life")


class Histogram(Part):
    """Lives drawn from a published histogram."""

    shape: Literal["histogram"]
    data: Literal["kernel-build"]
    trace: Quantity = quantity(DURATION, 1e-3, SPAN_S, "how long the recorded trace lasts here")


class Forever(Part):
    """Lives that last as long as the run."""

    shape: Literal["forever"]


Lifetime = Annotated[Mixture | Exponential | Histogram | Forever, Field(discriminator="shape")]


class ProcessKind(Part):
    """What a process, or a connection, of one kind has."""

    pages: Quantity | None = quantity(
        "pages", 1, 400_000, "anonymous pages, median; lognormal", optional=True
    )
    sigma: Quantity | None = quantity("-", 0, 3, "sigma of its pages", optional=True)
    objects: Quantity | None = quantity(
        "objects", 1, 16, "anonymous VM objects: heap, stack, data of libraries", whole=True,
        optional=True,
    )  # fmt: skip
    copied: Quantity | None = quantity(
        "of pages", 0, 1, "pages copied on write: every third of a mapping", optional=True
    )
    gap: Quantity | None = quantity(DURATION, 0, 60, "time between two page faults", optional=True)
    kernel_pages: Quantity = quantity(
        "pages", 0, 10_000, "page tables, stacks, slabs that are not NOFREE", whole=True
    )
    items: dict[str, int | Quantity] = Field(max_length=40)
    """Items of NOFREE zones; each THREAD brings a TURNSTILE."""

    @model_validator(mode="after")
    def _sound(self) -> "ProcessKind":
        anonymous = ("pages", "sigma", "objects", "copied", "gap")
        missing = [key for key in anonymous if getattr(self, key) is None]
        if missing and len(missing) < len(anonymous):
            raise refused(missing[0], "is missing", f"all of {', '.join(anonymous)}, or none")
        for zone, count in self.items.items():
            if isinstance(count, int) and not 0 <= count <= 10_000:
                raise refused(f"items.{shown(zone)}", "is out of range", "0 to 10000 items")
            if isinstance(count, Quantity) and (
                count.unit != "items" or count.low < 0 or count.high > 10_000
            ):
                raise refused(
                    f"items.{shown(zone)}", "has a wrong unit or range", "0 to 10000 items"
                )
        return self


class Population(Part):
    """What comes in the course of a run."""

    phases: list[Name] | None = Field(None, min_length=1, max_length=40)
    """Phases in which it comes; all if not given."""
    falls: bool = True
    """Whether a drop ends it early."""


class Arrivals(Population):
    """Processes of one kind that start one by one."""

    process: Name
    stream: Name | None = None
    """Stream of chance it is drawn from, in turn with others of the same stream."""
    rate: Quantity = quantity(RATE, 0, 1e8, "processes started at level 1")
    life: Lifetime
    used_again: Quantity | None = quantity(
        DURATION, 1e-3, SPAN_S, "mean time between two uses of its heap", optional=True
    )
    most_uses: int = Field(60, ge=1, le=10_000)


class Member(Part):
    """A kind of process in a batch."""

    process: Name
    share: Quantity = quantity("of processes", 0, 1, "share of the batch")
    life: Lifetime


class Batch(Population):
    """Many processes that start together: a build."""

    rate: Quantity = quantity(RATE, 0, 1e6, "batches started at level 1")
    processes: Quantity = quantity("processes", 0, 10**6, "processes of a batch", whole=True)
    length: Quantity = quantity(DURATION, 1e-3, SPAN_S, "time over which they start")
    room: Quantity = quantity(DURATION, 0, SPAN_S, "no batch starts closer to the end of the run")
    mix: list[Member] = Field(min_length=1, max_length=20)


class Files(Population):
    """Files that are opened, cached, recycled: by the directory, to keep events few."""

    rate: Quantity = quantity(RATE, 0, 1e9, "different files opened at level 1")
    night_share: Quantity | None = quantity(
        "of opens", 0, 1, "opened in a scan by night", optional=True
    )
    directory: int = Field(16, ge=1, le=1024)
    """Files that are opened, cached and evicted together."""
    pages: Quantity = quantity("pages", 0.01, 65_536, "median size; lognormal")
    sigma: Quantity = quantity("-", 0, 3, "sigma of their sizes")
    kernel_bytes: Quantity = quantity(
        "bytes", 0, 10**6, "kernel memory of a cached file that is not NOFREE", whole=True
    )
    gap: Quantity = quantity(DURATION, 0, 60, "time between two pages read")
    zfs_share: Quantity = quantity(
        "of file cache", 0, 1, "held by ZFS, in pool DIRECT; the rest is in VM objects"
    )
    zfs_gb: Quantity = quantity("GB", 0, 256, "most that ZFS caches: vfs.zfs.arc.max")
    vnodes: Quantity = quantity(
        "files", 1, 10**8, "files cached at most, each with a VM object: kern.maxvnodes",
        whole=True,
    )  # fmt: skip
    reopened: Quantity | None = quantity(
        "times", 0, 100, "mean number of times a file is read again while it is cached",
        optional=True,
    )  # fmt: skip


class Memory(Population):
    """Memory that grows: objects that come as the phases say, are used, and go."""

    kind: Literal["anonymous", "file", "kernel"]
    total_gb: Quantity = quantity("GB", 0, 1024, "asked for over the run")
    step: Quantity = quantity("pages", 1, 400_000, "pages of each object", whole=True)
    gap: Quantity = quantity(DURATION, 0, 60, "time between two pages")
    items: dict[str, int | Quantity] = Field(default_factory=dict, max_length=40)
    life: Lifetime
    used_again: Quantity | None = quantity(
        DURATION, 1e-3, SPAN_S, "mean time between two uses of all of an object", optional=True
    )
    most_uses: int = Field(60, ge=1, le=10_000)


class Injections(Part):
    """Probabilities that something fails, drawn for every slab that may be asked for."""

    page: Quantity = quantity("of pages", 0, 1, "a page that cannot be had")
    second: Quantity = quantity("of pages", 0, 1, "a page whose radix node cannot be had")
    init: Quantity = quantity("of slabs", 0, 1, "a slab whose item cannot be set up")


class Description(Story):
    """A workload of the whole machine."""

    model: Literal["whole"]
    horizon: Quantity = quantity(DURATION, 1e-3, SPAN_S, "length of the run")
    machine: Machine
    phases: list[Annotated[Stretch | Night, Field(discriminator="kind")]] = Field(
        min_length=1, max_length=40
    )
    processes: dict[Name, ProcessKind] = Field(default_factory=dict, max_length=40)
    files: dict[Name, Files] = Field(default_factory=dict, max_length=10)
    batches: dict[Name, Batch] = Field(default_factory=dict, max_length=20)
    arrivals: dict[Name, Arrivals] = Field(default_factory=dict, max_length=40)
    memory: dict[Name, Memory] = Field(default_factory=dict, max_length=20)
    injections: Injections | None = None

    @field_validator("phases")
    @classmethod
    def _phases_follow(cls, phases: list[Stretch | Night]) -> list[Stretch | Night]:
        """Hold phases to ascending ends, the last of which is the end of the run."""
        names = [phase.name for phase in phases]
        ends = [phase.until.value for phase in phases if isinstance(phase, Stretch)]
        if len(set(names)) < len(names):
            raise refused("phases", "two phases have one name", "a name for each")
        if not ends or ends != sorted(set(ends)) or ends[0] <= 0 or ends[-1] != 1:
            raise refused("phases", "the ends of phases do not ascend to 1", "until: ..., 1.0")
        return phases

    @model_validator(mode="after")
    def _names_resolve(self) -> "Description":
        for place, name in self._processes_named():
            if name not in self.processes:
                known = listed(self.processes)
                raise refused(place, f"no process {name!r}{meant(name, self.processes)}", known)
        for place, held in self._zones_named():
            for zone in held:
                if zone not in self.machine.zones:
                    what = (
                        f"zone {shown(zone)} is not of the machine{meant(zone, self.machine.zones)}"
                    )
                    raise refused(place, what, listed(self.machine.zones))
        stretches = [phase.name for phase in self.phases if isinstance(phase, Stretch)]
        for place, phases in self._phases_named():
            for name in phases:
                if name not in stretches:
                    what = f"no phase {name!r}{meant(name, stretches)}"
                    raise refused(place, what, listed(stretches))
        night = any(isinstance(phase, Night) for phase in self.phases)
        for name, files in self.files.items():
            if files.night_share is not None and not night:
                raise refused(f"files.{name}.night_share", "there is no night", "a phase night")
        return self

    def _processes_named(self) -> Iterable[tuple[str, str]]:
        for name, arrivals in self.arrivals.items():
            yield f"arrivals.{name}.process", arrivals.process
        for name, batch in self.batches.items():
            for i, member in enumerate(batch.mix):
                yield f"batches.{name}.mix[{i}].process", member.process

    def _phases_named(self) -> Iterable[tuple[str, list[str]]]:
        for table in ("files", "batches", "arrivals", "memory"):
            for name, population in getattr(self, table).items():
                yield f"{table}.{name}.phases", population.phases or []

    def _zones_named(self) -> Iterable[tuple[str, list[str]]]:
        for name, kind in self.processes.items():
            turnstile = ["TURNSTILE"] if "THREAD" in kind.items else []
            yield f"processes.{name}.items", [*kind.items, *turnstile]
        for name, memory in self.memory.items():
            yield f"memory.{name}.items", list(memory.items)
        if self.files:
            yield "files", ["VM OBJECT"]
