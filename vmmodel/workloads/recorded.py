"""Real machines: the NOFREE zones of a recorded ``vmstat -z``, grown to what was recorded.

A NOFREE keg never drains, so *used + free* items is the high-water mark that its pages hold.
"""

from math import ceil

import numpy as np

from vmmodel.consumers.layout import PAGE_SIZE, keg_layout, uma_bucket_size
from vmmodel.errors import InputError
from vmmodel.sim.script import Action, Refill
from vmmodel.workloads.background import Background, storm_times
from vmmodel.workloads.bursts import PAGES_PER_GB, Bursts, Recorded
from vmmodel.workloads.drawn import Drawn
from vmmodel.workloads.streams import Streams
from vmmodel.workloads.vmstat import NofreeZone, ZoneTable, nofree_zones
from vmmodel.workloads.zones import Kernel, nofree_names

MOST_MEMORY_GB = 256


def draw_recorded(
    subject: Recorded, d: Bursts, background: Background, streams: Streams, table: ZoneTable
) -> Drawn:
    """Draw the life of one machine whose zones are those of *table*."""
    zones = nofree_zones(table, d.machine.kernel)
    actions: list[tuple[int, Action]] = []
    for number, zone in enumerate(zones):
        rng = streams(f"zone {zone.name}")
        actions += _grow(number, zone, subject.boot_share.value, background, rng)
    layouts = tuple((zone.name, keg_layout(zone.item_size, zone.align)) for zone in zones)
    return Drawn(actions, layouts)


def check_fits(table: ZoneTable, d: Bursts, npages: int) -> None:
    """Refuse a machine whose zones do not fit beside its file cache, with what would do."""
    kernel, share = d.machine.kernel, d.background.cache_share.value
    needed = other_pages(table, kernel) + sum(map(_pages, nofree_zones(table, kernel)))
    if needed + share * npages > 0.9 * npages:
        least = ceil(needed / PAGES_PER_GB / max(0.9 - share, 1e-3))
        more = f"--set memory_gb={least} or more, or " if least <= MOST_MEMORY_GB else ""
        raise InputError(
            table.label,
            f"its zones hold {needed} pages, which {npages // PAGES_PER_GB} GB beside a file cache "
            f"of {share:.0%} cannot hold",
            f"{more}a smaller cache_share",
        )


def other_pages(table: ZoneTable, kernel: Kernel) -> int:
    """Count the pages of zones that are not NOFREE and take slabs of one page.

    Larger items lie in several pages through an object, so they are not in pool DIRECT.
    """
    names = nofree_names(kernel)
    return sum(
        ceil((row.used + row.free) / (PAGE_SIZE // row.size))
        for row in table.rows
        if row.name not in names and 0 < row.size <= PAGE_SIZE
    )


def _pages(zone: NofreeZone) -> int:
    layout = keg_layout(zone.item_size, zone.align)
    return ceil((zone.used + zone.free) / layout.ipers) * layout.ppera


def _grow(
    number: int,
    zone: NofreeZone,
    boot_share: float,
    background: Background,
    rng: np.random.Generator,
) -> list[tuple[int, Action]]:
    """Draw the bucket refills that bring *zone* to its recorded size.

    A part comes at boot, the rest in storms that thin out: high-water marks of a stationary
    load come later and later, so the start of the run has more of them.
    """
    items, bucket = zone.used + zone.free, uma_bucket_size(zone.item_size)
    refills = ceil(items / bucket)
    early = rng.random(refills) < boot_share
    at_boot = (rng.uniform(0, 0.01, refills) * background.horizon_ns).astype(np.int64)
    times = np.sort(np.where(early, at_boot, storm_times(background, refills, rng, thinning=2)))
    sizes = [min(bucket, items - i * bucket) for i in range(refills)]
    return [
        (time_ns, Refill(number, size)) for time_ns, size in zip(times.tolist(), sizes, strict=True)
    ]
