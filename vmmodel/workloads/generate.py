"""From a workload's description to the script of a run: everything that chance decides."""

import numpy as np

from vmmodel.consumers.layout import SlabLayout, keg_layout, uma_bucket_size
from vmmodel.consumers.memory import Injection
from vmmodel.errors import InputError
from vmmodel.sim.whole import WholeScript
from vmmodel.traffic import Kind, Op, Policy
from vmmodel.workloads.course import Course
from vmmodel.workloads.description import Arrivals, Batch, Description, Machine, Memory, ProcessKind
from vmmodel.workloads.filecache import add_files
from vmmodel.workloads.injections import draw_injections
from vmmodel.workloads.lifetimes import draw_lives
from vmmodel.workloads.population import (
    PAGES_PER_GB,
    Population,
    add_items,
    add_processes,
    draw_uses,
)
from vmmodel.workloads.population import ProcessKind as Kinds
from vmmodel.workloads.quantity import Quantity
from vmmodel.workloads.streams import Streams
from vmmodel.workloads.zones import nofree_names

MOST_ARRIVALS = 1_000_000
"""Of one table, to keep a script within memory; ours have at most some 300,000."""
MOST_USES = 10_000_000
"""Of what came of one table, and of files."""
MOST_INJECTIONS = 1_000_000
KINDS = {"anonymous": Kind.ANON, "file": Kind.FILE, "kernel": Kind.KERNEL}


class Generator:
    """Draws one script; every table draws from the stream of its own name."""

    def __init__(self, description: Description, streams: Streams) -> None:
        self.description, self.machine, self.streams = description, description.machine, streams
        self.course = Course(description)
        self.zones = {name: z for z, name in enumerate(description.machine.zones)}
        self.population = Population()
        self.drawn: dict[str, np.random.Generator] = {}

    def script(self) -> WholeScript:
        """Draw everything in the order of the description."""
        d = self.description
        for name, files in d.files.items():
            course = Course(d, files)
            n = self.count(files.rate.number_in(course.area) / files.directory, name)
            uses = n * max(files.directory, files.reopened.value if files.reopened else 0)
            self.bound(uses, 2 * MOST_USES, f"{name}: {uses:.3g} files or reads")
            add_files(self.population, files, self.zones, self.ncpus, course, n, self.rng(name))
        for name, batch in d.batches.items():
            self.add_batches(name, batch)
        for name, arrivals in d.arrivals.items():
            self.add_arrivals(name, arrivals)
        for name, memory in d.memory.items():
            self.add_memory(name, memory)
        return self._whole()

    @property
    def ncpus(self) -> int:
        """Processors of the machine."""
        return self.machine.cpus.whole

    def rng(self, name: str) -> np.random.Generator:
        """Give the stream *name*, where it has got to."""
        return self.drawn.setdefault(name, self.streams(name))

    def count(self, expected: float, name: str) -> int:
        """Round an expected number of arrivals; `InputError` where a script would be too long."""
        self.bound(expected, MOST_ARRIVALS, f"{name}: {expected:.3g} arrivals")
        return int(expected + 1e-6)

    def bound(self, number: float, most: int, what: str) -> None:
        """Refuse what would not fit into memory."""
        if number > most:
            raise InputError(f"workload {self.description.name}", what, f"at most {most:,}")

    def add_batches(self, name: str, batch: Batch) -> None:
        """Start batches whose processes come evenly over a while."""
        rng, each, course = self.rng(name), batch.processes.whole, Course(self.description, batch)
        n = self.count(batch.rate.number_in(course.area), name)
        self.count(n * each, name)
        latest = max(course.horizon - batch.room.ns, 1)
        for _ in range(n):
            times = course.one(latest, rng) + np.sort(rng.integers(0, batch.length.ns, each))
            for member in batch.mix:
                size = int(each * member.share.value)
                chosen = times[np.sort(rng.choice(each, size, replace=False))]
                life = draw_lives(member.life, chosen, course.horizon, rng)
                cpu = rng.integers(0, self.ncpus, size)
                kind = process_kind(member.process, self.description.processes[member.process])
                life = course.cut(chosen, chosen + life, rng) - chosen
                add_processes(self.population, kind, self.zones, cpu, chosen, life, rng)

    def add_arrivals(self, name: str, arrivals: Arrivals) -> None:
        """Start processes one by one, and use what they hold now and then."""
        rng, course = self.rng(arrivals.stream or name), Course(self.description, arrivals)
        n = self.count(arrivals.rate.number_in(course.area), name)
        start = np.sort(course.by_day(n, rng))
        life = draw_lives(arrivals.life, start, course.horizon, rng)
        cpu = rng.integers(0, self.ncpus, n)
        kind = process_kind(arrivals.process, self.description.processes[arrivals.process])
        life = course.cut(start, start + life, rng) - start
        heaps = add_processes(self.population, kind, self.zones, cpu, start, life, rng)
        if arrivals.used_again and len(heaps):
            times = np.minimum(rng.poisson(life / arrivals.used_again.ns), arrivals.most_uses)
            self.bound(times.sum(), MOST_USES, f"{name}: {times.sum()} uses")
            which, when = draw_uses(start, life, times, rng)
            self.population.events(Op.USE, cpu[which], when, heaps[which], 1)

    def add_memory(self, name: str, memory: Memory) -> None:
        """Let objects come, be used as a whole, and go."""
        rng, step, gap = self.rng(name), memory.step.whole, memory.gap.ns
        course = Course(self.description, memory)
        n = self.count(memory.total_gb.value * PAGES_PER_GB / step, name)
        start = np.sort(course.by_day(n, rng))
        n = len(start)
        life = draw_lives(memory.life, start, course.horizon, rng)
        cpu = rng.integers(0, self.ncpus, n)
        end = course.cut(start, start + life, rng)
        kind, items = KINDS[memory.kind], whole_items(memory.items)
        objects = self.population.objects(n, kind, **({"size": step} if kind is Kind.FILE else {}))
        add_items(self.population, Op.ITEMS, items, self.zones, cpu, start)
        self.population.events(Op.USE, cpu, start, objects, step, gap)
        if memory.used_again:
            life = np.minimum(end, course.horizon) - start
            times = np.minimum(rng.poisson(life / memory.used_again.ns), memory.most_uses)
            self.bound(times.sum(), MOST_USES, f"{name}: {times.sum()} uses")
            which, when = draw_uses(start, life, times, rng)
            self.population.events(Op.USE, cpu[which], when, objects[which], step, gap)
        self.population.events(Op.DROP, cpu, end, objects, 1)
        add_items(self.population, Op.UNITEMS, items, self.zones, cpu, end)

    def _whole(self) -> WholeScript:
        machine = self.machine
        domains = (int(machine.memory_gb.value * PAGES_PER_GB),) * machine.domains
        names = tuple(machine.zones)
        sizes = bucket_sizes(names, machine)
        swap, home = self.zones.get("swblk", -1), _home(self.ncpus, machine.domains)
        load = self.population.load(self.ncpus, sizes, swap, _policy(machine), home=home)
        layouts = zone_layouts(names, machine)
        return WholeScript(domains, load, layouts, self.course.horizon, machine.kasan,
                           self._injections(layouts), self.course.phases())  # fmt: skip

    def _injections(self, layouts: tuple[tuple[str, SlabLayout], ...]) -> tuple[Injection, ...]:
        """Draw failures for as many slabs as would hold every item that is ever taken."""
        rates = self.description.injections
        if rates is None:
            return ()
        taken = self.population.items_taken(len(layouts))
        slabs = sum(-(-n // layout.ipers) for n, (_, layout) in zip(taken, layouts, strict=True))
        pages = max(layout.ppera for _, layout in layouts)
        return draw_injections(
            min(slabs, MOST_INJECTIONS), pages, self.rng("injections"),
            page=rates.page.value, second=rates.second.value, init=rates.init.value,
        )  # fmt: skip


def process_kind(name: str, kind: ProcessKind) -> Kinds:
    """Turn a described process into numbers."""
    items = whole_items(kind.items)

    def value(found: Quantity | None) -> float:
        return found.value if found else 0

    return Kinds(
        name, value(kind.pages), value(kind.sigma), int(value(kind.objects)), value(kind.copied),
        kind.kernel_pages.whole, items, kind.gap.ns if kind.gap else 0,
    )  # fmt: skip


def whole_items(items: dict[str, int | Quantity]) -> dict[str, int]:
    """Give numbers of items; every thread has a turnstile.  FreeBSD: thread_init()."""
    counts: dict[str, int] = {}
    for name, count in items.items():
        counts[name] = count if isinstance(count, int) else count.whole
        if name == "THREAD":
            counts["TURNSTILE"] = counts[name]
    return counts


def zone_layouts(names: tuple[str, ...], machine: Machine) -> tuple[tuple[str, SlabLayout], ...]:
    """Give name and slab layout of the machine's NOFREE zones."""
    kinds, kasan = nofree_names(machine.kernel), machine.kasan
    # A KASAN kernel is built with INVARIANTS, as syzkaller's is.
    return tuple(
        (name, keg_layout(kinds[name].item_size, kinds[name].align, kasan=kasan, invariants=kasan))
        for name in names
    )


def bucket_sizes(names: tuple[str, ...], machine: Machine) -> tuple[int, ...]:
    """Give the items in a bucket of each zone at the start."""
    return tuple(uma_bucket_size(nofree_names(machine.kernel)[name].item_size) for name in names)


def _home(ncpus: int, ndomains: int) -> tuple[int, ...]:
    """Give each CPU its domain: equal shares, in order."""
    return tuple(cpu * ndomains // ncpus for cpu in range(ncpus)) if ndomains > 1 else ()


def _policy(machine: Machine) -> Policy:
    return Policy.ROUND_ROBIN if machine.policy == "round-robin" else Policy.FIRST_TOUCH
