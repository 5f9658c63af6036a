"""Files that are opened, cached, read again and recycled."""

import numpy as np

from vmmodel.traffic import Kind, Op
from vmmodel.workloads.course import Course
from vmmodel.workloads.description import Files
from vmmodel.workloads.population import PAGES_PER_GB, Ints, Population, draw_uses

NEVER = 1 << 62
MOST_PAGES = 65_536
"""Of a directory: 256 MB."""


def add_files(
    population: Population, files: Files, zones: dict[str, int], ncpus: int, course: Course,
    n: int, rng: np.random.Generator,
) -> None:  # fmt: skip
    """Open *n* directories of files, by day as the phases say and by night in a scan.

    A file that is opened has a VM object and its share of kernel memory for as long as its vnode is
    cached.  When more files were opened than vnodes may be, the first ones are recycled; a drop
    deletes some earlier.  The pages of ZFS outlive the vnode, those in a VM object do not.
    """
    opened = _opened(files, course, n, rng)
    cpu = rng.integers(0, ncpus, n)
    sizes = rng.lognormal(np.log(files.pages.value), files.sigma.value, (n, files.directory))
    pages = np.minimum(np.ceil(sizes).sum(axis=1), MOST_PAGES).astype(np.int64)
    in_zfs = rng.random(n) < files.zfs_share.value
    end = _recycled(opened, max(files.vnodes.whole // files.directory, 1))
    left = course.cut(opened, end, rng)
    number, directory = zones["VM OBJECT"], files.directory
    population.events(Op.ITEMS, cpu, opened, number, directory)
    kernel = population.objects(n, Kind.KERNEL)
    held = -(-directory * files.kernel_bytes.whole // 4096)
    population.events(Op.TOUCH, cpu, opened, kernel, held)
    arc = population.objects(int(in_zfs.sum()), Kind.ARC)
    population.events(Op.USE, cpu[in_zfs], opened[in_zfs], arc, pages[in_zfs], files.gap.ns)
    deleted = np.where(left < end, left, NEVER)[in_zfs]
    evicted = np.minimum(_evicted(files, opened[in_zfs], pages[in_zfs]), deleted)
    _at(population, Op.DROP, cpu[in_zfs], evicted, arc, 1)
    mapped = population.objects(n - len(arc), Kind.FILE, size=pages[~in_zfs])
    population.events(Op.USE, cpu[~in_zfs], opened[~in_zfs], mapped, pages[~in_zfs], files.gap.ns)
    _at(population, Op.DROP, cpu[~in_zfs], left[~in_zfs], mapped, 1)
    _at(population, Op.UNITEMS, cpu, left, number, directory)
    _at(population, Op.DROP, cpu, left, kernel, min(held, 1))
    gone = left.copy()
    gone[in_zfs] = np.minimum(gone[in_zfs], evicted)
    objects = np.empty(n, np.int64)
    objects[in_zfs], objects[~in_zfs] = arc, mapped
    if files.reopened:
        life = np.minimum(gone, course.horizon) - opened
        which, when = draw_uses(opened, life, rng.poisson(files.reopened.value, n), rng)
        population.events(Op.USE, cpu[which], when, objects[which], pages[which], files.gap.ns)


def _opened(files: Files, course: Course, n: int, rng: np.random.Generator) -> Ints:
    by_night = round(n * files.night_share.value) if files.night_share else 0
    day = course.by_day(n - by_night, rng)
    night = course.by_night(by_night, rng) if by_night else np.empty(0, np.int64)
    return np.sort(np.concatenate([day, night]))


def _recycled(opened: Ints, most: int) -> Ints:
    """Tell when each directory's vnodes are recycled: when *most* others were opened after it."""
    end = np.full(len(opened), NEVER)
    if len(opened) > most:
        end[:-most] = opened[most:]
    return end


def _evicted(files: Files, opened: Ints, pages: Ints) -> Ints:
    """Tell when ZFS evicts each directory: once its cache is full, the one opened first."""
    read = np.cumsum(pages)
    evicts = np.searchsorted(read, read + int(files.zfs_gb.value * PAGES_PER_GB))
    return np.append(opened, NEVER)[evicts]


def _at(population: Population, op: Op, cpu: Ints, time: Ints, number: Ints | int, n: int) -> None:
    """Add an event for each *time* that comes."""
    comes = time < NEVER
    numbers = np.broadcast_to(number, time.shape)
    population.events(op, cpu[comes], time[comes], numbers[comes], n)
