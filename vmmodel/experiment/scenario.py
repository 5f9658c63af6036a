"""The scenarios by name: story, question, parameters, and how their script is drawn."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from vmmodel.errors import InputError, meant
from vmmodel.experiment.drawing import (
    Host,
    OwnHost,
    OwnRecording,
    Recording,
    content_digest,
    draw_subject,
    draw_whole,
)
from vmmodel.paths import DATA
from vmmodel.sim.machine import AnyScript
from vmmodel.workloads.benchmarks import Fragmentation, LockBulk
from vmmodel.workloads.bursts import Bursts, Recorded
from vmmodel.workloads.described import Described, described
from vmmodel.workloads.description import Description
from vmmodel.workloads.replay import read_replay, trace_of
from vmmodel.workloads.streams import Streams
from vmmodel.workloads.traced import Traced
from vmmodel.workloads.vmstat import nofree_zones, read_zone_table


@dataclass(frozen=True)
class Scenario:
    """A story with its parameters; a changed copy comes from `with_values`."""

    name: str
    title: str
    story: str
    question: str
    limits: tuple[str, ...]
    """What it does not show."""
    parameters: Described
    draw: Callable[[Described, Streams, str], AnyScript]
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


def _of(parameters: Described, path: Path) -> Scenario:
    """Make the scenario of a workload; its digest tells it from others of the same name."""
    d = parameters.description
    found = Scenario(
        name=d.name,
        title=d.title,
        story=d.story,
        question=d.question,
        limits=tuple(d.limits),
        parameters=parameters,
        draw=draw_subject,
        profiles=tuple(d.profiles),
        source=parameters.structure(),
    )
    match d:
        case Bursts(subject=Recorded() as recorded):
            machines, chosen = tuple(recorded.machines), tuple(recorded.chosen)
            return replace(found, draw=Host(), variants=machines, chosen=chosen)
        case Bursts():
            return found
        case Description():
            return replace(found, draw=draw_whole)
        case Traced():
            return _of_trace(found, trace_of(path, d))
    what = f"{d.name} asks for no NOFREE pages, so there are no designs to compare"
    raise InputError("scenario", what, f"./study check {d.name}")


def _of_trace(found: Scenario, trace: Path) -> Scenario:
    """Let a scenario replay a trace: ours when it is needed, another at once."""
    ours = (DATA / "workloads").resolve()  # the model's digest covers what is there
    if trace.is_relative_to(ours):
        return replace(found, draw=Recording(str(trace.relative_to(ours))))
    replay = read_replay(trace)
    draw, source = OwnRecording(replay.script), f"{replay.script.digest} {replay.script.horizon_ns}"
    return replace(found, draw=draw, source=source, notes=replay.notes)


FIRST = ("hosts", "syzkaller", "second-resource", "init-failure", "misuse")
"""Workloads of the quick profile; the others follow by name."""
FILES = {path.stem: path for path in sorted((DATA / "workloads").glob("*.toml"))}
WORKLOADS: dict[str, Described] = {
    name: described(FILES[name]) for name in (*FIRST, *(n for n in FILES if n not in FIRST))
}
"""Every workload of ours; of those that `check` runs there is no scenario."""
SCENARIOS: dict[str, Scenario] = {
    name: _of(workload, FILES[name])
    for name, workload in WORKLOADS.items()
    if not isinstance(workload.description, Fragmentation | LockBulk)
}


def scenario(
    name: str,
    zones: Path | None = None,
    values: dict[str, str] | None = None,
    trace: Path | None = None,
) -> Scenario:
    """Find a scenario by name and set it up; `InputError` suggests the nearest name.

    What ends in .toml is a user's own workload file.  *zones* is a user's own ``vmstat -z`` for
    recorded machines, *trace* a trace to be replayed.
    """
    values = values or {}
    found = _find(name)
    found = with_memory(found, values) if zones is None else with_zones(found, zones)
    if trace is not None:
        if not isinstance(found.parameters.description, Traced):
            raise InputError("--trace", f"scenario {name} replays no trace", "scenario replay")
        found = _of_trace(found, trace.resolve())
    return found.with_values(values)


def workload(name: str, values: dict[str, str] | None = None) -> Described:
    """Find any workload by name or file, also one for which there is no scenario."""
    if not name.endswith(".toml") and name not in WORKLOADS:
        what = f"{name!r} is unknown{meant(name, WORKLOADS)}"
        raise InputError("scenario", what, ", ".join(WORKLOADS))
    found = described(Path(name)) if name.endswith(".toml") else WORKLOADS[name]
    return found.with_values(values or {})


def _find(name: str) -> Scenario:
    if name.endswith(".toml"):
        return _of(described(Path(name)), Path(name))
    if name in WORKLOADS and name not in SCENARIOS:
        return _of(WORKLOADS[name], FILES[name])
    if name not in SCENARIOS:
        what = f"{name!r} is unknown{meant(name, SCENARIOS)}"
        raise InputError("scenario", what, ", ".join(SCENARIOS))
    return SCENARIOS[name]


def with_memory(found: Scenario, values: dict[str, str]) -> Scenario:
    """Let the parameter decide on the memory of recorded machines where it is among *values*."""
    if not isinstance(found.draw, Host) or "memory_gb" not in values:
        return found
    return replace(found, draw=Host(own_memory=True), source=f"{found.source} own memory")


def with_zones(found: Scenario, zones: Path) -> Scenario:
    """Let recorded machines give way to a user's own."""
    if not isinstance(found.draw, Host):
        raise InputError("--zones", f"scenario {found.name} has no zone table", "scenario hosts")
    table = read_zone_table(zones)
    if not nofree_zones(table):
        raise InputError(zones, "none of its zones is NOFREE", "VM OBJECT, PROC, THREAD, ...")
    source = f"{found.source} {content_digest(table)}"
    found = replace(found, draw=OwnHost(table), source=source, notes=table.notes)
    return replace(found, variants=(table.label,), chosen=(table.label,))
