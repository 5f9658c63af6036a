"""Buckets of UMA zones: how large they are, when they grow and shrink, what they hold."""

import pytest
from traffic.small import files, timeline, traffic_of

from vmmodel.consumers.layout import uma_bucket_size
from vmmodel.traffic import entries
from vmmodel.traffic.machine import Traffic

LOCK_NS = 100


def zone_of(traffic: Traffic, slabs: int) -> Traffic:
    """Put *slabs* items into the slabs of the zone."""
    traffic.set_keg_free(0, slabs)
    return traffic


def buckets(traffic: Traffic, cpu: int = 0) -> tuple[int, int]:
    """Items in the two buckets of a CPU."""
    row = traffic._arrays["items"].records[cpu]
    return int(row["alloc"]), int(row["free"])


def total(traffic: Traffic, ncpus: int) -> int:
    """Items in slabs and in buckets."""
    zone = traffic.zone(0)
    return zone["keg_free"] + zone["nitems"] + sum(sum(buckets(traffic, q)) for q in range(ncpus))


@pytest.mark.parametrize(
    ("item", "size"), [(264, 30), (136, 62), (88, 126), (1304, 8), (2544, 4), (192, 62)]
)
def test_bucket_starts_with_the_size_that_its_items_give(item: int, size: int) -> None:
    """VM OBJECT 30, swblk 62, PGRP 126, PROC 8, VMSPACE 4, TURNSTILE 62."""
    assert size == uma_bucket_size(item)


def test_items_are_taken_from_slabs_by_the_bucket() -> None:
    """The first item fetches eight; the next seven ask nobody."""
    with traffic_of(files(1), timeline(), zones=(8,)) as traffic:
        zone_of(traffic, 20)

        assert 0 == traffic.items_alloc(0, 0, 1)
        assert ((7, 0), 12, 1) == (
            buckets(traffic),
            traffic.keg_free(0),
            traffic.zone(0)["exchanges"],
        )
        assert 0 == traffic.items_alloc(0, 0, 7)
        assert ((0, 0), 12, 1) == (
            buckets(traffic),
            traffic.keg_free(0),
            traffic.zone(0)["exchanges"],
        )


def test_slab_is_asked_for_when_slabs_cannot_fill_a_bucket() -> None:
    """With five items in slabs a bucket of eight wants a slab; the bucket then arrives whole."""
    with traffic_of(files(1), timeline(), zones=(8,)) as traffic:
        zone_of(traffic, 5)

        assert (3, 8) == (traffic.items_alloc(0, 0, 3), traffic.asked_items)
        traffic.items_arrive(0, 0, 8)
        assert 0 == traffic.items_alloc(0, 0, 3)
        assert (5, 0) == buckets(traffic)


def test_bucket_that_comes_late_is_shared() -> None:
    """Another thread of the CPU has brought one meanwhile."""
    with traffic_of(files(1), timeline(), zones=(8,)) as traffic:
        traffic.items_arrive(0, 0, 8)
        traffic.items_arrive(0, 0, 8)

        assert ((8, 0), 8) == (buckets(traffic), traffic.zone(0)["nitems"])


def test_two_buckets_are_swapped_before_anything_is_shared() -> None:
    """Seventeen items given back: one bucket shared, one full, one with the last item."""
    with traffic_of(files(1), timeline(), zones=(8,)) as traffic:
        zone_of(traffic, 24)
        traffic.items_alloc(0, 0, 24)
        for given, expected, shared in ((8, (8, 0), 0), (1, (1, 8), 0), (7, (8, 8), 0)):
            items_free(traffic, given)
            assert (expected, shared) == (buckets(traffic), traffic.zone(0)["nitems"])
        items_free(traffic, 1)
        assert ((1, 8), 8) == (buckets(traffic), traffic.zone(0)["nitems"])

        traffic.items_alloc(0, 0, 2)
        assert (7, 0) == buckets(traffic)


def items_free(traffic: Traffic, n: int, cpu: int = 0) -> None:
    """Give items back."""
    entries.items_free(traffic.at, 0, cpu, n)


def test_collision_makes_buckets_grow_by_one_up_to_the_largest() -> None:
    """Two CPUs fetch at one instant: the second waits for the zone's lock, and nine come."""
    with traffic_of(files(1), timeline(), timeline(), zones=(8,), lock=LOCK_NS) as traffic:
        zone_of(traffic, 10_000)
        traffic.items_alloc(0, 0, 1)
        traffic.items_alloc(0, 1, 1)

        assert ((7, 0), (8, 0)) == (buckets(traffic, 0), buckets(traffic, 1))
        assert (1, 9) == (traffic.zone(0)["contended"], traffic.zone(0)["bucket_size"])

        traffic.set_now(2 * LOCK_NS)
        traffic.items_alloc(0, 0, 8)
        assert (1, 9) == (traffic.zone(0)["contended"], traffic.zone(0)["bucket_size"])

        for i in range(300):
            traffic.items_alloc(0, i % 2, sum(buckets(traffic, i % 2)) + 1)
            zone_of(traffic, 10_000)
        assert 254 == traffic.zone(0)["bucket_size"]


def test_cpu_does_not_collide_with_itself() -> None:
    """Five buckets that one CPU takes at one instant are of one size, and five that it shares."""
    with traffic_of(files(1), timeline(), zones=(8,), lock=LOCK_NS) as traffic:
        zone_of(traffic, 100)
        traffic.items_alloc(0, 0, 40)
        items_free(traffic, 56)

        assert (10, 0) == (traffic.zone(0)["exchanges"], traffic.zone(0)["contended"])
        assert 8 == traffic.zone(0)["bucket_size"]


def test_reclaim_shrinks_buckets_and_keeps_every_item() -> None:
    """The shared buckets go back to their slabs, those of CPUs stay; two items is the least."""
    with traffic_of(files(1), timeline(), zones=(8,)) as traffic:
        zone_of(traffic, 40)
        traffic.items_alloc(0, 0, 40)
        items_free(traffic, 40)
        assert ((8, 8), 24, 0) == (
            buckets(traffic),
            traffic.zone(0)["nitems"],
            traffic.keg_free(0),
        )

        traffic.items_reclaim(0)

        assert ((8, 8), 0, 24, 7) == (
            buckets(traffic),
            traffic.zone(0)["nitems"],
            traffic.keg_free(0),
            traffic.zone(0)["bucket_size"],
        )
        for _ in range(9):
            traffic.items_reclaim(0)
        assert (2, 40) == (traffic.zone(0)["bucket_size"], total(traffic, 1))


def test_no_bucket_is_made_while_memory_is_short() -> None:
    """UMA then takes from slabs just what is asked for."""
    with traffic_of(files(1), timeline(), zones=(8,)) as traffic:
        zone_of(traffic, 20)
        traffic.vm.set_free_count(10)
        traffic.vm.uma_timeout()

        assert 0 == traffic.items_alloc(0, 0, 3)
        assert ((0, 0), 17) == (buckets(traffic), traffic.keg_free(0))


def test_items_are_conserved() -> None:
    """Whatever two CPUs take and give, items are in slabs, in buckets or taken."""
    with traffic_of(files(1), timeline(), timeline(), zones=(8,), lock=LOCK_NS) as traffic:
        zone_of(traffic, 5000)
        held = 0
        for i in range(400):
            n, cpu = (i * 37) % 23 + 1, i % 2
            traffic.set_now(i * 60)
            if i % 5 < 3:
                assert 0 == traffic.items_alloc(0, cpu, n)
                held += n
            elif held >= n:
                items_free(traffic, n, cpu)
                held -= n
            if i % 50 == 49:
                traffic.items_reclaim(0)
            assert 5000 == total(traffic, 2) + held
            assert held == traffic.zone(0)["taken"] - traffic.zone(0)["given"]
        assert traffic.zone(0)["contended"] > 0
