"""Buckets of NOFREE zones filled in storms: what fails of their slabs is drawn beforehand.

A slab whose items cannot be set up is the third route by which NOFREE pages come back.
FreeBSD: keg_alloc_slab() calls keg_free_slab() when an item's constructor fails, although the keg
is NOFREE.
"""

import numpy as np

from vmmodel.consumers.layout import SlabLayout, keg_layout, uma_bucket_size
from vmmodel.sim.script import Refill
from vmmodel.workloads.background import Background, storm_times
from vmmodel.workloads.bursts import Bursts, Refills, Slabs
from vmmodel.workloads.drawn import Drawn
from vmmodel.workloads.injections import draw_injections
from vmmodel.workloads.streams import Streams
from vmmodel.workloads.zones import nofree_names


def draw_slabs(subject: Slabs, d: Bursts, background: Background, streams: Streams) -> Drawn:
    """Draw when buckets are filled, of which zones, and which of their slabs fail."""
    times = storm_times(background, subject.refills.whole, streams("refills")).tolist()
    chosen = draw_zones(subject, streams("zones of refills"))
    refills = draw_refills(subject, d, chosen, streams("init failures"))
    return Drawn(list(zip(times, refills, strict=True)), layouts_of(subject, d))


def draw_zones(subject: Refills, rng: np.random.Generator) -> list[int]:
    """Draw the number of the zone of each refill, by the zones' weights."""
    weights = np.array([weight.value for weight in subject.zones.values()])
    chosen = rng.choice(len(weights), subject.refills.whole, p=weights / sum(weights))
    return [int(zone) for zone in chosen]


def draw_refills(
    subject: Refills, d: Bursts, chosen: list[int], rng: np.random.Generator
) -> list[Refill]:
    """Draw what fails in each of the refills of the *chosen* zones."""
    page, second, init = d.failures
    kinds = nofree_names(d.machine.kernel)
    buckets = [uma_bucket_size(kinds[name].item_size) for name in subject.zones]
    layouts = [layout for _, layout in layouts_of(subject, d)]
    refills = []
    for zone in chosen:
        items, layout = buckets[zone], layouts[zone]
        slabs = -(-items // layout.ipers)
        drawn = draw_injections(slabs, layout.ppera, rng, page=page, second=second, init=init)
        refills.append(Refill(zone, items, drawn))
    return refills


def layouts_of(subject: Refills, d: Bursts) -> tuple[tuple[str, SlabLayout], ...]:
    """Give name and slab layout of the subject's zones.

    A KASAN kernel is built with INVARIANTS, as syzkaller's is.
    """
    kinds, kasan = nofree_names(d.machine.kernel), d.machine.kasan
    return tuple(
        (name, keg_layout(kinds[name].item_size, kinds[name].align, kasan=kasan, invariants=kasan))
        for name in subject.zones
    )
