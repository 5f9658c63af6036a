"""UMA zones: items in slabs, slabs from pages, buckets filled in one go.

A NOFREE zone keeps its slabs for ever (`keg_drain()` returns at once), so what matters of it is
how its slabs came to be.  FreeBSD: ``sys/vm/uma_core.c``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from vmmodel.consumers.kmem import kmem_free, kmem_malloc
from vmmodel.consumers.layout import SlabLayout
from vmmodel.consumers.memory import NO_INJECTION, Injection, Memory
from vmmodel.consumers.page import alloc_nofree_page, free_nofree_pages
from vmmodel.consumers.steps import Event, Operation, Steps, work
from vmmodel.kernel import NO_PAGE


@dataclass
class Zone:
    """A zone whose keg is NOFREE, and the items it has made so far."""

    name: str
    layout: SlabLayout
    slabs: int = 0
    """Slabs that the zone holds, and will hold for ever."""
    free_items: int = 0
    """Items in slabs that no bucket has taken."""
    held: list[int] = field(default_factory=list)
    """Page frames of all slabs."""

    @property
    def pages(self) -> int:
        """Pages of all slabs."""
        return self.slabs * self.layout.ppera


def zone_import(
    zone: Zone, memory: Memory, count: int, injections: Iterator[Injection]
) -> Steps[int]:
    """Fill a bucket with *count* items; give how many could be had.

    Only the first slab may be slept for; the request for every further one is M_NOWAIT, which
    is how a rollback comes about although the consumer said M_WAITOK.  FreeBSD: zone_import().
    """
    got, waitok = 0, True
    while got < count:
        if zone.free_items == 0:
            injection = next(injections, NO_INJECTION)
            served = yield Operation("slab", keg_fetch_slab(zone, memory, waitok, injection))
            if not served:
                break
        taken = min(zone.free_items, count - got)
        zone.free_items -= taken
        got += taken
        waitok = False
    return got


def keg_fetch_slab(zone: Zone, memory: Memory, waitok: bool, injection: Injection) -> Steps[bool]:
    """Make one more slab: first without sleeping, then, with *waitok*, asleep until it is there.

    FreeBSD: keg_fetch_slab() of a round-robin keg.
    """
    served = yield from keg_alloc_slab(zone, memory, injection)
    while not served and waitok:
        yield memory.wait()
        served = yield from keg_alloc_slab(zone, memory, NO_INJECTION)
    return served


def keg_alloc_slab(zone: Zone, memory: Memory, injection: Injection) -> Steps[bool]:
    """Make one slab without sleeping; False if a page is missing or an item's set-up fails.

    FreeBSD: keg_alloc_slab(); a failing set-up frees the slab's pages although they are NOFREE
    (keg_free_slab(), route R3).
    """
    layout, tally = zone.layout, memory.tally
    tally.requests += 1
    tally.requested_pages += layout.ppera
    pages = yield from _slab_pages(zone, memory, injection)
    if pages is None:
        tally.failed += 1
        return False
    yield work(lock=1, slab_init=layout.ipers)
    if injection.init:
        tally.init_failures += 1
        tally.failed += 1
        yield Event("init-failure", layout.ppera)
        yield from _free_slab_pages(memory, pages, injection)
        return False
    memory.held += pages
    zone.slabs += 1
    zone.held += pages
    zone.free_items += layout.ipers
    return True


def _through_kmem(memory: Memory, npages: int) -> bool:
    """Tell whether a slab is mapped by `kmem_malloc()` or lies in the direct map."""
    return memory.kasan or npages > 1


def _slab_pages(zone: Zone, memory: Memory, injection: Injection) -> Steps[list[int] | None]:
    npages = zone.layout.ppera
    if _through_kmem(memory, npages):
        return (yield from kmem_malloc(memory, npages, waitok=False, injection=injection))
    if injection.page == 0:
        memory.tally.page_failures += 1
        return None
    m = yield Operation("nofree-page", alloc_nofree_page(memory))
    if m == NO_PAGE:
        return None
    yield work(zero_page=1)
    return [m]


def _free_slab_pages(memory: Memory, pages: list[int], injection: Injection) -> Steps[None]:
    if _through_kmem(memory, len(pages)):
        yield from kmem_free(memory, pages, injection)
    else:
        yield from free_nofree_pages(memory, pages, injection)
