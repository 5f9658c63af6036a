"""A developer's desktop over two days: sessions, browsers, builds, nightly scans of all files.

The machine of review D23979, whose author counted the 2 MB chunks with a VM OBJECT slab.
"""

from dataclasses import dataclass

import numpy as np

from vmmodel.consumers.layout import SlabLayout, keg_layout, uma_bucket_size
from vmmodel.sim.whole import WholeScript
from vmmodel.traffic import Kind, Op
from vmmodel.workloads.parameters import Parameters, parameter
from vmmodel.workloads.population import (
    HOUR,
    SECOND,
    Ints,
    Population,
    ProcessKind,
    add_processes,
    mixture,
)
from vmmodel.workloads.streams import Streams
from vmmodel.workloads.zones import nofree_names

ZONES = ("VM OBJECT", "VMSPACE", "PROC", "THREAD", "TURNSTILE", "Files", "swblk")
PAGES_PER_GB = 262_144
FILES_PER_DIRECTORY = 16
"""Files that are opened, cached and evicted together; keeps the number of events down."""
VNODE_BYTES = 2200
"""Kernel memory of a cached file that is not NOFREE, assumed: vnode 480, znode and dnode about
1000, dbufs and ARC headers about 600, name about 100."""

COMPILER = ProcessKind("cc", 2400, 0.6, 4, 0.06, 12, 14, 8, 1, 400)
SHELL = ProcessKind("sh", 150, 0.7, 3, 0.2, 8, 10, 6, 1, 400)
BROWSER = ProcessKind("browser", 24_000, 0.9, 5, 0.03, 40, 160, 60, 24, 1500)
PROGRAM = ProcessKind("program", 2_000, 1.4, 4, 0.05, 14, 60, 20, 4, 1500)


@dataclass(frozen=True)
class DesktopParameters(Parameters):
    """The machine and what its user does."""

    memory_gb: int = parameter(
        16,
        "GB",
        "memory",
        mark="published",
        source="D23979: 25 % of its chunks are 4 GB",
        low=4,
        high=64,
    )
    cpus: int = parameter(8, "CPUs", "processors", mark="assumed", source="", low=1, high=32)
    hours: int = parameter(
        48,
        "h",
        "uptime",
        mark="published",
        source="D23979: after about two days",
        low=1,
        high=480,
    )
    vnodes: int = parameter(
        360_000,
        "files",
        "files cached at most, each with a VM object: kern.maxvnodes",
        mark="published",
        source="vntblinit(): maxproc + KB/64 + 3 * 98304 * 16 / 64 is 357,652 for 16 GB",
        low=10_000,
        high=1_500_000,
    )
    files_a_day: int = parameter(
        260_000,
        "files",
        "different files opened on a day, most of them in the nightly scan",
        mark="assumed",
        source="a source tree with its objects has about 100,000 files, a base system with ports "
        "some 500,000; swept from one to the other",
        low=20_000,
        high=1_000_000,
    )
    file_pages: float = parameter(
        2.5,
        "pages",
        "median size of a file, lognormal with sigma 1.6",
        mark="assumed",
        source="medians of 4 to 16 KB are usual for source trees and systems",
        low=1,
        high=16,
    )
    zfs_share: float = parameter(
        1.0,
        "of file cache",
        "share of the file cache that ZFS holds, in pool DIRECT; the rest is in VM objects",
        mark="assumed",
        source="ZFS keeps its cache in UMA pages (abd_chunk); 0 is a machine with UFS",
        low=0,
        high=1,
    )
    arc_gb: float = parameter(
        3.6,
        "GB",
        "most that ZFS caches: vfs.zfs.arc.max",
        mark="assumed",
        source="set between an eighth of memory (arc_min's order) and all but 1 GB (the default)",
        low=1,
        high=15,
    )
    builds_a_day: int = parameter(
        4, "builds", "builds on a day", mark="assumed", source="", low=0, high=48
    )
    build_processes: int = parameter(
        2400,
        "processes",
        "compilers and shells of one build",
        mark="assumed",
        source="a kernel has about 3000 source files",
        low=0,
        high=50_000,
    )
    browser_tabs: int = parameter(
        120, "processes", "browser processes started on a day", mark="assumed", source="",
        low=0, high=5000,
    )  # fmt: skip
    programs: int = parameter(
        400, "processes", "other programs started on a day", mark="assumed", source="",
        low=0, high=20_000,
    )  # fmt: skip


def zone_layouts(names: tuple[str, ...]) -> tuple[tuple[str, SlabLayout], ...]:
    """Give name and slab layout of NOFREE zones, as FreeBSD 13.0 has them."""
    kinds = nofree_names("13")
    return tuple((name, keg_layout(kinds[name].item_size, kinds[name].align)) for name in names)


def bucket_sizes(names: tuple[str, ...]) -> tuple[int, ...]:
    """Give the items in a bucket of each zone at the start."""
    return tuple(uma_bucket_size(nofree_names("13")[name].item_size) for name in names)


def desktop_script(parameters: DesktopParameters, streams: Streams) -> WholeScript:
    """Draw the two days."""
    p = parameters
    numbers = {name: z for z, name in enumerate(ZONES)}
    population = Population()
    _add_files(population, p, numbers, streams("files"))
    _add_builds(population, p, numbers, streams("builds"))
    _add_session(population, p, numbers, streams("session"))
    load = population.load(p.cpus, bucket_sizes(ZONES), numbers["swblk"])
    pages = p.memory_gb * PAGES_PER_GB
    return WholeScript((pages,), load, zone_layouts(ZONES), p.hours * HOUR)


def _days(p: DesktopParameters) -> int:
    return -(-p.hours // 24)


def _cpus(p: DesktopParameters, n: int, rng: np.random.Generator) -> Ints:
    return rng.integers(0, p.cpus, n)


def _add_files(
    population: Population, p: DesktopParameters, zones: dict[str, int], rng: np.random.Generator
) -> None:
    """Open directories of files: a fifth by day at any time, the rest in a scan by night.

    A file that is opened has a VM object and its share of kernel memory for as long as its vnode is
    cached.  When more files were opened than vnodes may be, the first ones are recycled.
    """
    n = p.files_a_day * _days(p) // FILES_PER_DIRECTORY
    by_day = rng.integers(0, p.hours * HOUR, n // 5)
    night = rng.integers(0, _days(p), n - n // 5) * 24 * HOUR + 15 * HOUR
    by_night = night + rng.integers(0, HOUR, n - n // 5)
    opened = np.sort(np.concatenate([by_day, by_night]))
    cpu = _cpus(p, n, rng)
    sizes = rng.lognormal(np.log(p.file_pages), 1.6, (n, FILES_PER_DIRECTORY))
    pages = np.minimum(np.ceil(sizes).sum(axis=1), 65_536).astype(np.int64)
    population.events(Op.ITEMS, cpu, opened, zones["VM OBJECT"], FILES_PER_DIRECTORY)
    kernel = population.objects(n, Kind.KERNEL)
    held = -(-FILES_PER_DIRECTORY * VNODE_BYTES // 4096)
    population.events(Op.TOUCH, cpu, opened, kernel, held)
    in_zfs = rng.random(n) < p.zfs_share
    arc = population.objects(int(in_zfs.sum()), Kind.ARC)
    population.events(Op.USE, cpu[in_zfs], opened[in_zfs], arc, pages[in_zfs], 200)
    _evict_beyond(population, p, cpu[in_zfs], opened[in_zfs], arc, pages[in_zfs])
    mapped = population.objects(n - len(arc), Kind.FILE, size=pages[~in_zfs])
    population.events(Op.USE, cpu[~in_zfs], opened[~in_zfs], mapped, pages[~in_zfs], 200)
    most = p.vnodes // FILES_PER_DIRECTORY
    if n > most:
        population.events(Op.UNITEMS, cpu[:-most], opened[most:], zones["VM OBJECT"],
                          FILES_PER_DIRECTORY)  # fmt: skip
        population.events(Op.DROP, cpu[:-most], opened[most:], kernel[:-most], 1)


def _evict_beyond(
    population: Population, p: DesktopParameters, cpu: Ints, opened: Ints, arc: Ints, pages: Ints
) -> None:
    """Let ZFS evict the files opened first once its cache is full."""
    read = np.cumsum(pages)
    evicts = np.searchsorted(read, read + int(p.arc_gb * PAGES_PER_GB))
    kept = evicts >= len(opened)
    when = opened[evicts[~kept]]
    population.events(Op.DROP, cpu[~kept], when, arc[~kept], 1)


def _add_builds(
    population: Population, p: DesktopParameters, zones: dict[str, int], rng: np.random.Generator
) -> None:
    """Start builds by day; each keeps all CPUs busy with compilers that live for a second."""
    for _ in range(p.builds_a_day * _days(p)):
        start = int(rng.integers(0, max(p.hours * HOUR - HOUR, 1)))
        n = p.build_processes
        times = start + np.sort(rng.integers(0, HOUR // 4, n))
        for kind, share in ((COMPILER, 0.7), (SHELL, 0.3)):
            chosen = np.sort(rng.choice(n, int(n * share), replace=False))
            life = mixture(1.2 * SECOND, 60 * SECOND, 0.987, len(chosen), rng)
            cpu = _cpus(p, len(chosen), rng)
            add_processes(population, kind, zones, cpu, times[chosen], life, rng)


def _add_session(
    population: Population, p: DesktopParameters, zones: dict[str, int], rng: np.random.Generator
) -> None:
    """Start browsers and programs by day, and use what they hold every now and then."""
    horizon = p.hours * HOUR
    for kind, a_day, typical in ((BROWSER, p.browser_tabs, HOUR), (PROGRAM, p.programs, HOUR // 6)):
        n = a_day * _days(p)
        start = np.sort(rng.integers(0, horizon, n))
        life = mixture(typical, horizon, 0.93, n, rng)
        cpu = _cpus(p, n, rng)
        heaps = add_processes(population, kind, zones, cpu, start, life, rng)
        _use_again(population, cpu, start, life, heaps, rng)


def _use_again(
    population: Population, cpu: Ints, start: Ints, life: Ints, heaps: Ints,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Use each process's heap about once in half an hour of its life."""
    times = np.minimum(rng.poisson(life / (HOUR // 2)), 60)
    which = np.repeat(np.arange(len(start)), times)
    when = start[which] + (rng.random(len(which)) * 0.98 + 0.01) * life[which]
    population.events(Op.USE, cpu[which], when.astype(np.int64), heaps[which], 1)
