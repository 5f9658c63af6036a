"""Real machines: the NOFREE zones of a recorded ``vmstat -z``, grown to what was recorded.

A NOFREE keg never drains, so *used + free* items is the high-water mark that its pages hold.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np

from vmmodel.consumers.layout import PAGE_SIZE, keg_layout, uma_bucket_size
from vmmodel.errors import InputError
from vmmodel.sim.script import Action, Refill, Script
from vmmodel.workloads.background import Background, draw_background, storm_times
from vmmodel.workloads.deal import deal
from vmmodel.workloads.parameters import Parameters, parameter
from vmmodel.workloads.streams import Streams
from vmmodel.workloads.vmstat import NofreeZone, ZoneTable, nofree_zones
from vmmodel.workloads.zones import nofree_names

MOST_MEMORY_GB = 256
GB = 262_144
"""Pages in 1 GB."""


@dataclass(frozen=True)
class HostsParameters(Parameters):
    """What the recording does not say."""

    memory_gb: int = parameter(
        4,
        "GB",
        "memory of the machine; M1 has 24, M2 and M3 have 8",
        mark="assumed",
        source="no recording states it; M1's zones alone hold 8.4 GB",
        low=1,
        high=MOST_MEMORY_GB,
        sweep=(2, 4),
        sweep_why="larger machines cost more to run and hold the same NOFREE pages",
    )
    cpus: int = parameter(
        4, "CPUs", "processors", mark="assumed", source="not recorded", low=1, high=64
    )
    seconds: int = parameter(
        60,
        "s",
        "length of the run, into which the machine's uptime is pressed",
        mark="assumed",
        source="uptimes are not recorded; pages depend on the order of requests, not on pauses",
        low=1,
        high=100_000,
        sweep=(6, 600),
        sweep_why="only how far apart bursts lie depends on it",
    )
    boot_share: float = parameter(
        0.3,
        "of items",
        "share of the items that exist after the first hundredth of the run",
        mark="assumed",
        source="500 to 5000 NOFREE pages at boot are assumed in the literature of the review",
        low=0,
        high=1,
    )
    cache_share: float = parameter(
        0.5,
        "of memory",
        "file cache at the start and on average",
        mark="assumed",
        source="file cache fills what is free on an aged machine",
        low=0,
        high=0.9,
        sweep=(0.1, 0.7),
        sweep_why="the zones have to fit beside it",
    )
    turnover: float = parameter(
        0.25,
        "times",
        "how often the file cache is replaced during the run",
        mark="assumed",
        source="sweep it: churn of the cache is what scatters single pages",
        low=0,
        high=10,
        sweep=(0, 1),
        sweep_why="a run's cost grows with it; no faster churn was proposed",
    )
    anonymous_bursts: int = parameter(
        500,
        "bursts",
        "page-cache refills for faults",
        mark="assumed",
        source="lifetimes: published trace of a kernel build (LLFree, 2024)",
        low=0,
        high=100_000,
        sweep=(50, 2000),
        sweep_why="a run's cost grows with it; from a tenth to four times the usual",
    )
    kernel_bursts: int = parameter(
        600,
        "bursts",
        "page-table pages and slabs of other zones, 1 to 16 pages each",
        mark="assumed",
        source="pool DIRECT is shared with NOFREE slabs where no chunk serves them",
        low=0,
        high=100_000,
        sweep=(60, 2400),
        sweep_why="a run's cost grows with it; from a tenth to four times the usual",
    )
    storms: int = parameter(
        200,
        "instants",
        "when all CPUs are busy within some 20 us",
        mark="assumed",
        source="fork and thread storms; between them nobody waits",
        low=1,
        high=100_000,
        sweep=(20, 2000),
        sweep_why="from a few crowded instants to bursts that seldom meet",
    )


MEMORY_GB = {"M1": 24, "M2": 8, "M3": 8}
"""Recorded hosts whose zones do not fit a small machine."""


def hosts_script(table: ZoneTable, parameters: HostsParameters, streams: Streams) -> Script:
    """Draw the life of one host whose zones are those of *table*."""
    zones = nofree_zones(table)
    npages = parameters.memory_gb * GB
    kernel_pages = _other_pages(table)
    needed = kernel_pages + sum(_pages(zone) for zone in zones)
    if needed + parameters.cache_share * npages > 0.9 * npages:
        least = ceil(needed / GB / max(0.9 - parameters.cache_share, 1e-3))
        more = f"--set memory_gb={least} or more, or " if least <= MOST_MEMORY_GB else ""
        raise InputError(
            table.label,
            f"its zones hold {needed} pages, which {parameters.memory_gb} GB beside a file cache "
            f"of {parameters.cache_share:.0%} cannot hold",
            f"{more}a smaller cache_share",
        )
    background = Background(
        npages=npages,
        horizon_ns=parameters.seconds * 1_000_000_000,
        cpus=parameters.cpus,
        cache_share=parameters.cache_share,
        turnover=parameters.turnover,
        anonymous_bursts=parameters.anonymous_bursts,
        kernel_bursts=parameters.kernel_bursts,
        storms=parameters.storms,
        kernel_pages=kernel_pages,
    )
    boot, later = draw_background(background, streams)
    for number, zone in enumerate(zones):
        later += _grow(number, zone, parameters, background, streams(f"zone {zone.name}"))
    return Script(
        npages=npages,
        cpus=deal(later, parameters.cpus, streams("cpus")),
        horizon_ns=background.horizon_ns,
        bucket=background.bucket,
        zones=tuple((zone.name, keg_layout(zone.item_size, zone.align)) for zone in zones),
        boot=tuple(boot),
    )


def _other_pages(table: ZoneTable) -> int:
    """Count the pages of zones that are not NOFREE and take slabs of one page.

    Larger items lie in several pages through an object, so they are not in pool DIRECT.
    """
    names = nofree_names("13")
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
    parameters: HostsParameters,
    background: Background,
    rng: np.random.Generator,
) -> list[tuple[int, Action]]:
    """Draw the bucket refills that bring *zone* to its recorded size.

    A part comes at boot, the rest in storms that thin out: high-water marks of a stationary
    load come later and later, so the start of the run has more of them.
    """
    items, bucket = zone.used + zone.free, uma_bucket_size(zone.item_size)
    refills = ceil(items / bucket)
    early = rng.random(refills) < parameters.boot_share
    at_boot = (rng.uniform(0, 0.01, refills) * background.horizon_ns).astype(np.int64)
    times = np.sort(np.where(early, at_boot, storm_times(background, refills, rng, thinning=2)))
    sizes = [min(bucket, items - i * bucket) for i in range(refills)]
    return [
        (time_ns, Refill(number, size)) for time_ns, size in zip(times.tolist(), sizes, strict=True)
    ]
