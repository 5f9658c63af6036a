"""Slabs whose items cannot be set up: the third route by which NOFREE pages come back.

FreeBSD: keg_alloc_slab() calls keg_free_slab() when an item's constructor fails, although the keg
is NOFREE.
"""

from dataclasses import dataclass

import numpy as np

from vmmodel.consumers.layout import keg_layout, uma_bucket_size
from vmmodel.sim.script import Refill, Script
from vmmodel.workloads.background import Background, draw_background, storm_times
from vmmodel.workloads.deal import deal
from vmmodel.workloads.injections import draw_injections
from vmmodel.workloads.parameters import Parameters, parameter
from vmmodel.workloads.streams import Streams
from vmmodel.workloads.zones import ZoneKind, nofree_names

ZONES = ("VM OBJECT", "VMSPACE", "PROC", "THREAD", "TURNSTILE", "PGRP")
"""Zones that processes and threads come with; sizes as in FreeBSD 13.0: two are multi-page."""
WEIGHTS = (8, 3, 3, 6, 2, 1)
"""How often each is refilled, relative to the others: assumed."""


@dataclass(frozen=True)
class InitFailureParameters(Parameters):
    """A machine with free memory, in which an item's set-up fails now and then."""

    memory_gb: int = parameter(
        8,
        "GB",
        "memory of the machine",
        mark="assumed",
        source="an ordinary machine",
        low=1,
        high=64,
    )
    cpus: int = parameter(
        4, "CPUs", "processors", mark="assumed", source="an ordinary machine", low=1, high=64
    )
    seconds: int = parameter(
        20, "s", "length of the run", mark="assumed", source="free choice", low=1, high=10_000
    )
    refills: int = parameter(
        2000,
        "refills",
        "buckets of NOFREE zones filled",
        mark="assumed",
        source="with 2 pages a slab some 8000 pages; 500 to 5000 at boot is unverified",
        low=0,
        high=100_000,
    )
    init_failure: float = parameter(
        1e-3,
        "per slab",
        "probability that the set-up of an item fails",
        mark="assumed",
        source="upper end of the proposed sweep 1e-6 to 1e-3: the real event is too rare to meet",
        low=0,
        high=1,
    )
    cache_share: float = parameter(
        0.3,
        "of memory",
        "file cache at the start and on average",
        mark="assumed",
        source="memory is plentiful here on purpose",
        low=0,
        high=0.9,
    )


def init_failure_script(parameters: InitFailureParameters, streams: Streams) -> Script:
    """Draw a run."""
    npages = parameters.memory_gb * 262_144
    background = Background(
        npages=npages,
        horizon_ns=parameters.seconds * 1_000_000_000,
        cpus=parameters.cpus,
        cache_share=parameters.cache_share,
        turnover=0.1,
        anonymous_bursts=400,
        kernel_bursts=400,
        storms=100,
    )
    boot, later = draw_background(background, streams)
    times = storm_times(background, parameters.refills, streams("refills"))
    later += zip(times.tolist(), draw_refills(parameters, streams), strict=True)
    layouts = [keg_layout(kind.item_size, kind.align) for kind in _kinds()]
    return Script(
        npages=npages,
        cpus=deal(later, parameters.cpus, streams("cpus")),
        horizon_ns=background.horizon_ns,
        bucket=background.bucket,
        zones=tuple(zip(ZONES, layouts, strict=True)),
        boot=tuple(boot),
    )


def draw_refills(parameters: InitFailureParameters, streams: Streams) -> list[Refill]:
    """Draw which zone each bucket is of, and which of its slabs fail."""
    weights = np.array(WEIGHTS) / sum(WEIGHTS)
    chosen = streams("zones of refills").choice(len(ZONES), parameters.refills, p=weights)
    failures = streams("init failures")
    refills = []
    for zone in chosen.tolist():
        kind = _kinds()[zone]
        layout, items = keg_layout(kind.item_size, kind.align), uma_bucket_size(kind.item_size)
        slabs = -(-items // layout.ipers)
        drawn = draw_injections(slabs, layout.ppera, failures, init=parameters.init_failure)
        refills.append(Refill(zone, items, drawn))
    return refills


def _kinds() -> list[ZoneKind]:
    return [nofree_names("13")[name] for name in ZONES]
