"""The scenarios by name: story, question, parameters, and how their script is drawn."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from vmmodel.errors import InputError, meant
from vmmodel.paths import DATA
from vmmodel.sim.machine import AnyScript
from vmmodel.sim.script import Script
from vmmodel.workloads.described import described, draw_described
from vmmodel.workloads.hosts import MEMORY_GB, HostsParameters, hosts_script
from vmmodel.workloads.init_failure import InitFailureParameters, init_failure_script
from vmmodel.workloads.misuse import MisuseParameters, misuse_script
from vmmodel.workloads.parameters import Parameters
from vmmodel.workloads.second_resource import SecondResourceParameters, second_resource_script
from vmmodel.workloads.streams import Streams
from vmmodel.workloads.syzkaller import SyzkallerParameters, syzkaller_script
from vmmodel.workloads.vmstat import ZoneTable, nofree_zones, read_zone_table

HOSTS_FILE = DATA / "hosts" / "vmstat_z.csv"


@dataclass(frozen=True)
class Scenario:
    """A story with its parameters; a changed copy comes from `with_values`."""

    name: str
    title: str
    story: str
    question: str
    limits: tuple[str, ...]
    """What it does not show."""
    parameters: Parameters
    draw: Callable[[Parameters, Streams, str], AnyScript]
    """Parameters, streams and variant to a script."""
    variants: tuple[str, ...] = ("",)
    """What there is to choose from; the scenario is run for each of `chosen`."""
    chosen: tuple[str, ...] = ("",)
    profiles: tuple[str, ...] = ("quick", "full")
    """Profiles of the report that run it."""
    source: str = ""
    """Digest of a user's own input, or how else it departs from the recorded one."""
    notes: tuple[str, ...] = ()
    """What the reader of a user's own input should be told."""
    setting: str = ""
    """What a sweep varies here, as ``cpus=4``; it names rows and decides nothing."""
    prices: tuple[tuple[str, float], ...] = ()
    """Events that are priced otherwise than in ``data/costs.toml``, in ns."""
    seed: int | None = None
    """Seed of its own, where a sweep has several."""

    def script(self, seed: int, variant: str, replication: int) -> AnyScript:
        """Draw one replication; the same arguments give the same script."""
        streams = Streams(seed, self.name, variant, replication)
        return self.draw(self.parameters, streams, variant)

    def with_values(self, values: dict[str, str]) -> "Scenario":
        """Set parameters from text; `InputError` names what is wrong."""
        return replace(self, parameters=self.parameters.with_values(values))

    def choose(self, *variants: str) -> "Scenario":
        """Run for *variants* only; `InputError` if there is no such variant."""
        for variant in variants:
            if variant not in self.variants:
                known = ", ".join(self.variants).strip() or "none"
                what = f"{self.name} has no variant {variant!r}{meant(variant, self.variants)}"
                raise InputError("--variant", what, known)
        return replace(self, chosen=variants)


@dataclass(frozen=True)
class Host:
    """Draws the script of a recorded host; a class, so that workers can be sent it."""

    own_memory: bool = False
    """Whether the memory of recorded hosts is overridden by the parameter."""

    def __call__(self, parameters: Parameters, streams: Streams, variant: str) -> Script:
        assert isinstance(parameters, HostsParameters)
        if not self.own_memory and variant in MEMORY_GB:
            parameters = replace(parameters, memory_gb=MEMORY_GB[variant])
        return _host(read_zone_table(HOSTS_FILE, variant), parameters, streams)


@dataclass(frozen=True)
class OwnHost:
    """Draws the script of a user's own zone table, which was read once."""

    table: ZoneTable

    def __call__(self, parameters: Parameters, streams: Streams, _variant: str) -> Script:
        assert isinstance(parameters, HostsParameters)
        return _host(self.table, parameters, streams)


def _host(table: ZoneTable, parameters: HostsParameters, streams: Streams) -> Script:
    """Draw from streams that the zones name, so that a file's name changes nothing."""
    return hosts_script(table, parameters, streams.of(_content(table)))


def _content(table: ZoneTable) -> str:
    """Digest what a script depends on: names, sizes and numbers of items."""
    rows = [(row.name, row.size, row.used, row.free) for row in table.rows]
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:16]


def _syzkaller(parameters: Parameters, streams: Streams, _variant: str) -> Script:
    assert isinstance(parameters, SyzkallerParameters)
    return syzkaller_script(parameters, streams)


def _second_resource(parameters: Parameters, streams: Streams, _variant: str) -> Script:
    assert isinstance(parameters, SecondResourceParameters)
    return second_resource_script(parameters, streams)


def _init_failure(parameters: Parameters, streams: Streams, _variant: str) -> Script:
    assert isinstance(parameters, InitFailureParameters)
    return init_failure_script(parameters, streams)


def _misuse(parameters: Parameters, streams: Streams, _variant: str) -> Script:
    assert isinstance(parameters, MisuseParameters)
    return misuse_script(parameters, streams)


SCENARIOS: dict[str, Scenario] = {
    "hosts": Scenario(
        name="hosts",
        title="Zones of real machines",
        story="The zones of a recorded vmstat -z grow to their recorded size beside a file cache; "
        "what is not NOFREE among them shares pool DIRECT with what is.",
        question="How many 2 MB regions do NOFREE pages pin on a real machine?",
        limits=(
            "Memory, processors and order of growth were not recorded: they are assumed.",
            "The tables are excerpts, so the zones shown are a lower bound.",
            "Nothing fails here, so designs differ in placement and cost only; two CPUs that "
            "need a slab of one zone at the same instant may both make one.",
        ),
        parameters=HostsParameters(),
        draw=Host(),
        variants=("M1", "M2", "M3", "M4", "M5", "M6", "M7", "M12"),
        chosen=("M2", "M3", "M5"),
    ),
    "syzkaller": Scenario(
        name="syzkaller",
        title="The reported failure",
        story="A fuzzer exhausts a 2 GB machine with a KASAN kernel again and again; slabs of "
        "several pages are asked for without sleeping and fail half way.",
        question="What does each design do with the pages of a request that failed half way?",
        limits=(
            "No stack trace or reproducer of the report is public; the trigger is derived.",
            "Exhaustion is a process that takes pages, not the page daemon at work.",
            "The rate of failures is chosen to be met within seconds.",
        ),
        parameters=SyzkallerParameters(),
        draw=_syzkaller,
    ),
    "second-resource": Scenario(
        name="second-resource",
        title="One page, then another resource",
        story="Single NOFREE pages are entered into an object; now and then the radix node for it "
        "cannot be had and the page has to go back.",
        question="Does a batch make freeing unnecessary?",
        limits=(
            "The failure is injected at a rate far above the real one.",
            "Memory is plentiful on purpose: only the second resource fails.",
        ),
        parameters=SecondResourceParameters(),
        draw=_second_resource,
    ),
    "init-failure": Scenario(
        name="init-failure",
        title="A slab whose items cannot be set up",
        story="Processes and threads come; now and then the set-up of an item of a new slab fails, "
        "and all pages of the slab have to go back although its zone is NOFREE.",
        question="What does each design do with the pages of a slab that cannot be used?",
        limits=(
            "The failure is injected at a rate far above the real one.",
            "Memory is plentiful on purpose: only the set-up fails.",
        ),
        parameters=InitFailureParameters(),
        draw=_init_failure,
    ),
    "misuse": Scenario(
        name="misuse",
        title="Callers that free wrongly",
        story="NOFREE pages in use are freed by somebody who must not; clean-ups call the wrong "
        "function, free a page twice, or free it while its page queue still links it.",
        question="Which free path notices a wrong free, and which lets it pass in silence?",
        limits=(
            "Nobody knows how often such bugs occur: the share of each outcome counts, not a rate.",
            "What a corrupt list or a page with two users does next is not followed.",
            "The assertion of separate is compiled out of a release kernel, which is the design "
            "separate,illegal=escape.",
        ),
        parameters=MisuseParameters(),
        draw=_misuse,
    ),
}


def _described(path: Path) -> Scenario:
    """Make the scenario of a workload file; its digest tells it from others of the same name."""
    parameters = described(path)
    d = parameters.description
    return Scenario(
        name=d.name,
        title=d.title,
        story=d.story,
        question=d.question,
        limits=tuple(d.limits),
        parameters=parameters,
        draw=draw_described,
        profiles=tuple(d.profiles),
        source=parameters.structure(),
    )


SCENARIOS |= {path.stem: _described(path) for path in sorted((DATA / "workloads").glob("*.toml"))}


def scenario(
    name: str, zones: Path | None = None, values: dict[str, str] | None = None
) -> Scenario:
    """Find a scenario by name and set it up; `InputError` suggests the nearest name.

    What ends in .toml is a user's own workload file.
    *zones* is a user's own ``vmstat -z`` for the scenario `hosts`.
    """
    values = values or {}
    found = _described(Path(name)) if name.endswith(".toml") else SCENARIOS.get(name)
    if found is None:
        what = f"{name!r} is unknown{meant(name, SCENARIOS)}"
        raise InputError("scenario", what, ", ".join(SCENARIOS))
    if zones is not None:
        if name != "hosts":
            raise InputError("--zones", f"scenario {name} has no zone table", "scenario hosts")
        table = read_zone_table(zones)
        if not nofree_zones(table):
            raise InputError(zones, "none of its zones is NOFREE", "VM OBJECT, PROC, THREAD, ...")
        label, digest = (table.label,), _content(table)
        found = replace(found, draw=OwnHost(table), source=digest, notes=table.notes)
        found = replace(found, variants=label, chosen=label)
    elif "memory_gb" in values and name == "hosts":
        found = replace(found, draw=Host(own_memory=True), source="own memory")
    return found.with_values(values)
