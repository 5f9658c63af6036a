"""Where the whole machine differed from FreeBSD; what still did would be expected to fail."""

import pytest
from sim.whole_tiny import SWBLK, VM_OBJECT, machine_of
from traffic.small import MS, anonymous, files, run, scan, timeline, traffic_of

from vmmodel.kernel import Pool
from vmmodel.kernel.cstruct import CHECKED
from vmmodel.traffic import Kind, Op
from vmmodel.traffic.machine import object_rows
from vmmodel.traffic.structs import RECLAIM

pytestmark = pytest.mark.skipif(CHECKED, reason="minutes where nothing is compiled")
TOUCH, USE = Op.TOUCH, Op.USE
MANY = 4096 - 134
"""Pages that make the page daemon of a machine of 4096 run."""


def test_swap_blocks_are_those_of_the_pages_of_an_object() -> None:
    """However often pages go to swap and come back, one block describes 16 of them.

    FreeBSD: swp_pager_meta_build() finds the block of a page that was written before.
    """
    uses = [((300 + 400 * i) * MS, USE, 0, MANY) for i in range(10)]
    script = timeline((5 * MS, TOUCH, 0, MANY), *uses)
    with machine_of(
        "compiled", anonymous(1), script, horizon_ns=4000 * MS, launder_page=1000
    ) as machine:
        machine.run(2)

        zone = machine.traffic.zone(SWBLK)
        assert zone["taken"] - zone["given"] <= -(-MANY // 16)


def test_file_that_is_read_again_has_reservations_again() -> None:
    """A file of two full superpages is reclaimed and read once more: two full superpages."""
    script = timeline((0, TOUCH, 0, 1024), (5 * MS, USE, 0, 1024))
    with traffic_of(files(1, size=1024), script) as traffic:
        run(traffic, 100)
        assert 2 == traffic.vm.reservations().fullpop
        scan(traffic, 1024)
        run(traffic, 6 * MS)

        assert 2 == traffic.vm.reservations().fullpop


def test_page_cache_serves_nofree_zones_without_the_free_lock() -> None:
    """Without a NOFREE allocator 100 slabs of one page need two buckets: two holds.

    FreeBSD: vm_page_alloc_noobj_domain() pops from the page cache in a critical section.
    """
    script = timeline((0, Op.ITEMS, VM_OBJECT, 1500))
    with machine_of("compiled", files(1), script, domains=(262144,), design="ordinary") as machine:
        machine.run(2)

        assert 100 == machine.zones[VM_OBJECT].slabs
        assert 2 == machine.vm.cache_counts(Pool.DIRECT).imports
        assert 2 == machine.traffic_clock.locks[0].holds


def test_kmem_pages_come_from_reservations() -> None:
    """Where there is no NOFREE allocator, a slab that is mapped lies in kernel_object's superpage.

    FreeBSD: kmem_back_domain() asks vm_page_alloc_domain_iter(), as for any object.
    """
    script = timeline((0, Op.ITEMS, VM_OBJECT, 30))
    with machine_of(
        "compiled", files(1), script, design="ordinary", script={"kasan": True}
    ) as machine:
        machine.run(2)

        assert 1 == machine.vm.reservations().partpopq


def test_fallback_pages_of_kmem_come_from_reservations() -> None:
    """513 pages are too few to import a chunk, and enough for a reservation of kernel_object.

    FreeBSD: vm_page_alloc_domain_iter() goes on to vm_reserv_alloc_page(), and vm_page_free_prep()
    gives such a page back to its reservation, so that it is never captured.
    """
    script = timeline((0, TOUCH, 0, 4096 - 513), (MS, Op.ITEMS, VM_OBJECT, 30))
    with machine_of(
        "compiled",
        object_rows([Kind.KERNEL]),
        script,
        horizon_ns=3 * MS,
        script={"kasan": True},
    ) as machine:
        machine.run(2)

        assert 2 == machine.zones[VM_OBJECT].slabs
        assert 1 == machine.vm.reservations().partpopq


def test_nofree_request_of_an_empty_domain_does_not_spin() -> None:
    """Domain 0 is used up for good, domain 1 is busy: the request sleeps, or is served there."""
    objects = object_rows([Kind.KERNEL, Kind.FILE], policy=2, preferred=[0, 1])
    greedy = timeline((0, TOUCH, 0, 2046), (MS, Op.ITEMS, VM_OBJECT, 10))
    busy = timeline((2 * MS, TOUCH, 1, 200), gap=1000)
    with machine_of(
        "compiled", objects, greedy, busy, domains=(2048, 2048), horizon_ns=3 * MS, free_lock=10
    ) as machine:
        result = machine.run(2)

        assert result.run["requests"] < 10


def test_low_memory_event_is_one_for_all_domains() -> None:
    """Two domains run short within 10 s: UMA reclaims once, so buckets shrink by one.

    FreeBSD: vm_pageout_lowmem() keeps one time for all.
    """
    objects = object_rows([Kind.KERNEL] * 2, policy=2, preferred=[0, 1])
    script = timeline((5 * MS, TOUCH, 0, 2000), (6 * MS, TOUCH, 1, 2000))
    with machine_of("compiled", objects, script, domains=(2048, 2048)) as machine:
        machine.run(2)

        assert 30 - 1 == machine.traffic.zone(VM_OBJECT)["bucket_size"]


def test_file_that_is_used_while_it_is_written_is_not_reclaimed_next() -> None:
    """Used twice between 20 and 21 ms while it is written until 45 ms, it is active."""
    script = timeline((5 * MS, TOUCH, 0, MANY), (20 * MS, USE, 0, MANY), (21 * MS, USE, 0, MANY))
    with machine_of(
        "compiled",
        files(1, size=1 << 62, dirty=1),
        script,
        launder_page=10_000,
        horizon_ns=150 * MS,
    ) as machine:
        machine.run(2)

        assert 0 == (machine.traffic.records()["op"] == RECLAIM).sum()


def test_nothing_is_laundered_while_clean_pages_suffice() -> None:
    """A dirty file lies first in the queue, but clean pages behind it are found at once.

    FreeBSD: vm_laundry_thread() starts in the background by the ratio of dirty to clean pages.
    """
    script = timeline((MS, TOUCH, 0, 1000), (5 * MS, TOUCH, 1, MANY - 1000))
    with machine_of(
        "compiled", files(2, size=1 << 62, dirty=[1, 0]), script, launder_page=10_000
    ) as machine:
        machine.run(2)

        assert (0, 0) == (machine.paging_of[0].shortfalls, machine.paging_of[0].laundered)
