"""From a trace to the script of a run: the same events for every design."""

from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from vmmodel.consumers.layout import SlabLayout, keg_layout
from vmmodel.consumers.memory import NO_INJECTION
from vmmodel.errors import InputError, meant, shown
from vmmodel.paths import beside
from vmmodel.sim.script import (
    Action,
    Give,
    ObjectPage,
    Refill,
    Release,
    Script,
    Squeeze,
    Take,
    Timeline,
)
from vmmodel.workloads.traced import Traced
from vmmodel.workloads.traceform import POOLS, Row
from vmmodel.workloads.traceread import Machine, read_rows
from vmmodel.workloads.zones import nofree_names

MOST_ZONES = 40
MOST_PLACES = 8_000_000
"""Parts of all takes and slabs of all failures: what a small file could blow up."""


@dataclass(frozen=True)
class Replay:
    """The script of a trace, and what its reader should be told."""

    script: Script
    notes: tuple[str, ...]


def trace_of(file: Path, description: Traced) -> Path:
    """Find the trace that a workload *file* names; it lies in its folder or below."""
    found = beside(file.resolve().parent, description.trace)
    if found is None:
        raise InputError(file, f"trace is {shown(description.trace)}",
                         "a file in the folder of the workload file")  # fmt: skip
    return found


def read_replay(path: Path) -> Replay:
    """Read a trace and turn it into a script; `InputError` says what is wrong with it."""
    machine, rows = read_rows(path)
    builder = _Builder(path, machine)
    for row in rows:
        builder.add(row)
    return builder.replay()


@dataclass
class _Burst:
    number: int
    cpu: int
    parts: set[int]
    """Parts that are still to be given."""


@dataclass
class _Builder:
    """Gathers rows, in order of time, into timelines."""

    path: Path
    machine: Machine
    zones: dict[str, tuple[int, SlabLayout]] = field(default_factory=dict)
    """Number and layout by name."""
    alive: dict[int, _Burst] = field(default_factory=dict)
    """Bursts by the id under which they were taken."""
    strangers: int = 0
    """Gives of what was taken before the trace began."""
    places: int = 0

    def __post_init__(self) -> None:
        self.cpus: list[list[tuple[int, Action]]] = [[] for _ in range(self.machine.cpus)]
        self.boot: list[Action] = []
        self.pressure: list[tuple[int, Action]] = []
        self.numbers = count()

    def refused(self, row: Row, what: str, expected: str) -> InputError:
        """Make the sentence about a row."""
        return InputError(self.path, f"{row.op}: {what}", expected, line=row.line)

    def add(self, row: Row) -> None:
        """Enter one row."""
        self.places += len(row.fails) + max(row.part, 0) * (row.op == "take")
        if self.places > MOST_PLACES:
            raise self.refused(row, "parts and slabs that fail are too many", f"{MOST_PLACES:,}")
        getattr(self, f"_{row.op}")(row)

    def _zone(self, row: Row) -> None:
        if row.name in self.zones:
            raise self.refused(row, f"{shown(row.name)} is there already", "each zone once")
        if row.count < 1 or row.id < 1 or row.id & (row.id - 1):
            expected = "count: bytes of an item; id: its alignment, a power of two"
            raise self.refused(row, f"{row.count} bytes aligned to {row.id}", expected)
        self._enter(row, row.count, row.id)

    def _enter(self, row: Row, item_size: int, align: int) -> int:
        """Lay out the slabs of a zone; a KASAN kernel is built with INVARIANTS."""
        if len(self.zones) == MOST_ZONES:
            raise self.refused(row, "too many zones", f"at most {MOST_ZONES}")
        kasan = self.machine.kasan
        layout = keg_layout(item_size, align, kasan=kasan, invariants=kasan)
        self.zones[row.name] = len(self.zones), layout
        return len(self.zones) - 1

    def _refill(self, row: Row) -> None:
        known = nofree_names(self.machine.kernel)
        if row.name in self.zones:
            number = self.zones[row.name][0]
        elif row.name in known:
            number = self._enter(row, known[row.name].item_size, known[row.name].align)
        else:
            what = f"no NOFREE zone {shown(row.name)}{meant(row.name, known)}"
            raise self.refused(row, what, "a row `zone` for it, or " + ", ".join(known))
        self._check_fails(row, self.zones[row.name][1].ppera)
        self.cpus[row.cpu].append((row.time_ns, Refill(number, row.count, row.fails)))

    def _check_fails(self, row: Row, npages: int) -> None:
        """Refuse a failure of a page that the request has not."""
        most = max((max(fail.page, fail.second) for fail in row.fails), default=-1)
        if most >= npages:
            what = f"page {most} fails, of a slab of {npages} pages"
            raise self.refused(row, what, f"pages 0 to {npages - 1}")

    def _page(self, row: Row) -> None:
        self._check_fails(row, 1)
        fails = row.fails[0] if row.fails else NO_INJECTION
        self.cpus[row.cpu].append((row.time_ns, ObjectPage(fails)))

    def _take(self, row: Row) -> None:
        if row.id in self.alive:
            what = f"id {row.id} is taken again, but was not given"
            raise self.refused(row, what, "no event is missing; a larger buffer of the recorder")
        parts = max(row.part, 1)
        burst = _Burst(next(self.numbers), row.cpu, set(range(parts)))
        self.alive[row.id] = burst
        action = Take(burst.number, row.count, POOLS[row.name], parts)
        if row.cpu < 0:
            self.boot.append(action)
        else:
            self.cpus[row.cpu].append((row.time_ns, action))

    def _give(self, row: Row) -> None:
        """Free on the CPU that took, so that never a free comes before its allocation."""
        burst, part = self.alive.get(row.id), max(row.part, 0)
        if burst is None or part not in burst.parts:
            self.strangers += 1
            return
        burst.parts.remove(part)
        if not burst.parts:
            del self.alive[row.id]
        cpu = row.cpu if burst.cpu < 0 else burst.cpu
        self.cpus[cpu].append((row.time_ns, Give(burst.number, part)))

    def _squeeze(self, row: Row) -> None:
        self.pressure.append((row.time_ns, Squeeze(row.count)))

    def _release(self, row: Row) -> None:
        self.pressure.append((row.time_ns, Release()))

    def replay(self) -> Replay:
        """Put the script together."""
        if not any(self.cpus):
            raise InputError(self.path, "no processor does anything", "rows refill, page, take")
        timelines: tuple[Timeline, ...] = tuple(map(tuple, self.cpus))
        script = Script(
            npages=self.machine.pages,
            cpus=timelines,
            horizon_ns=self.machine.ns,
            bucket=self.machine.bucket,
            zones=tuple((name, layout) for name, (_, layout) in self.zones.items()),
            boot=tuple(self.boot),
            pressure=tuple(self.pressure),
            kasan=self.machine.kasan,
        )
        notes = []
        if self.strangers:
            gives = "give is" if self.strangers == 1 else "gives are"
            notes.append(f"{self.strangers:,} {gives} of nothing taken in the trace: left out")
        return Replay(script, tuple(notes))
