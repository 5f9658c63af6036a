"""How the script of a scenario is drawn, by the model of its workload file.

What draws is a function or a small frozen class, so that a scenario can be sent to a worker.
"""

import hashlib
from dataclasses import dataclass
from functools import cache

from vmmodel.paths import DATA
from vmmodel.sim.script import Script
from vmmodel.sim.whole import WholeScript
from vmmodel.workloads.bursts import PAGES_PER_GB, Bursts
from vmmodel.workloads.described import Described
from vmmodel.workloads.description import Description
from vmmodel.workloads.drawbursts import draw_bursts
from vmmodel.workloads.generate import Generator
from vmmodel.workloads.replay import read_replay
from vmmodel.workloads.streams import Streams
from vmmodel.workloads.vmstat import ZoneTable, read_zone_table

HOSTS_FILE = DATA / "hosts" / "vmstat_z.csv"


def draw_whole(parameters: Described, streams: Streams, _variant: str) -> WholeScript:
    """Draw the script of a whole machine."""
    description = parameters.description
    assert isinstance(description, Description)
    return Generator(description, streams).script()


def draw_subject(parameters: Described, streams: Streams, _variant: str) -> Script:
    """Draw the script of a subject beside bursts."""
    return draw_bursts(_bursts(parameters), streams)


@dataclass(frozen=True)
class Host:
    """Draws the script of a recorded host."""

    own_memory: bool = False
    """Whether the memory of recorded hosts is overridden by the parameter."""

    def __call__(self, parameters: Described, streams: Streams, variant: str) -> Script:
        gb = None if self.own_memory else _bursts(parameters).machine.memory_gb_of.get(variant)
        table = read_zone_table(HOSTS_FILE, variant)
        return _host(table, parameters, streams, gb and gb * PAGES_PER_GB)


@dataclass(frozen=True)
class OwnHost:
    """Draws the script of a user's own zone table, which was read once."""

    table: ZoneTable

    def __call__(self, parameters: Described, streams: Streams, _variant: str) -> Script:
        return _host(self.table, parameters, streams)


@dataclass(frozen=True)
class Recording:
    """Gives the script of a trace below data/workloads/, which is read when it is needed."""

    name: str

    def __call__(self, _parameters: Described, _streams: Streams, _variant: str) -> Script:
        return _recording(self.name)


@cache
def _recording(name: str) -> Script:
    return read_replay(DATA / "workloads" / name).script


@dataclass(frozen=True, eq=False)
class OwnRecording:
    """Gives the script of a user's own trace, which was read once, and is too long to compare."""

    script: Script

    def __call__(self, _parameters: Described, _streams: Streams, _variant: str) -> Script:
        return self.script


def _host(
    table: ZoneTable, parameters: Described, streams: Streams, npages: int | None = None
) -> Script:
    """Draw from streams that the zones name, so that a file's name changes nothing."""
    return draw_bursts(_bursts(parameters), streams.of(content_digest(table)), table, npages)


def content_digest(table: ZoneTable) -> str:
    """Digest what a script depends on: names, sizes and numbers of items."""
    rows = [(row.name, row.size, row.used, row.free) for row in table.rows]
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:16]


def _bursts(parameters: Described) -> Bursts:
    description = parameters.description
    assert isinstance(description, Bursts)
    return description
