"""Where pages come from and go to, page by page, worked out by hand from the kernel's rules."""

import numpy as np
from traffic.small import (
    MS,
    allocated,
    anonymous,
    files,
    freed,
    holds,
    leave,
    run,
    timeline,
    traffic_of,
)

from vmmodel.kernel import Pool
from vmmodel.kernel.pages import LOWMEM_END as FIRST
from vmmodel.traffic import Op, Policy
from vmmodel.traffic.machine import object_rows
from vmmodel.traffic.structs import Kind

TOUCH, DROP = Op.TOUCH, Op.DROP


def span(first: int, n: int, step: int = 1) -> list[int]:
    """Pages *first* and on."""
    return list(range(first, first + n * step, step))


# Page cache.  65536 pages and 2 CPUs: 65 pages in all, 65 / 4 / 2 = 8 in a bucket, 33 shared.


def test_bucket_is_filled_under_one_hold() -> None:
    """Eight pages cost one hold and leave the free count at once; the ninth costs the next."""
    idle = timeline()
    with traffic_of(files(1), timeline((0, TOUCH, 0, 8)), idle, domains=(65536,)) as traffic:
        run(traffic, 10)

        assert (1, 65536 - 8) == (holds(traffic), traffic.vm.free_count())

    with traffic_of(files(1), timeline((0, TOUCH, 0, 9)), idle, domains=(65536,)) as traffic:
        run(traffic, 10)

        assert (2, 65536 - 16) == (holds(traffic), traffic.vm.free_count())
        assert 7 == traffic.vm.cache_counts().pages


def test_pages_leave_a_bucket_last_in_first_out() -> None:
    """A bucket of the lowest eight pages gives the highest of them first."""
    touch = timeline((0, TOUCH, 0, 10))
    with traffic_of(files(1), touch, timeline(), domains=(65536,)) as traffic:
        run(traffic, 10)

        assert span(FIRST + 7, 8, -1) + span(FIRST + 15, 2, -1) == allocated(traffic)


def test_cpus_have_buckets_of_their_own_and_share_the_full_ones() -> None:
    """Forty pages freed by one CPU are five buckets: two stay, the other takes three."""
    first = timeline((0, TOUCH, 0, 40), (100, DROP, 0, 0))
    second = timeline((200, TOUCH, 1, 24), (300, TOUCH, 1, 1))
    with traffic_of(files(2), first, second, domains=(65536,)) as traffic:
        run(traffic, 250)

        assert 5 == holds(traffic)
        assert (65536 - 40, 16) == (traffic.vm.free_count(), traffic.vm.cache_counts().pages)
        assert 3 + 3 == traffic.vm.cache_counts().exchanges

        run(traffic, 400)

        assert 6 == holds(traffic)


def test_full_shared_cache_is_relieved_by_one_hold_a_bucket() -> None:
    """Of 72 freed pages, nine buckets, four are shared and two kept: three are released."""
    script = timeline((0, TOUCH, 0, 72), (100, DROP, 0, 0))
    with traffic_of(files(1), script, timeline(), domains=(65536,)) as traffic:
        run(traffic, 200)

        assert (9, 3) == (traffic.vm.cache_counts().imports, traffic.vm.cache_counts().releases)
        assert 9 + 3 == holds(traffic)
        assert 48 == traffic.vm.cache_counts().pages


def test_cache_is_not_filled_while_memory_is_severely_short() -> None:
    """Below free_severe each page is a hold of its own, and none is cached."""
    touch = timeline((0, TOUCH, 0, 10))
    with traffic_of(files(1), touch, timeline(), domains=(65536,)) as traffic:
        vm = traffic.vm
        severe = vm.thresholds().free_severe
        taken = leave(traffic, severe - 1)

        run(traffic, 10, taken)

        assert (10, severe - 11) == (holds(traffic), vm.free_count())
        assert (0, 0) == (vm.cache_counts().imports, vm.cache_counts().pages)


def test_kernel_memory_reaches_deeper_than_users() -> None:
    """Users stop at free_reserved and sleep; class SYSTEM goes on down to two pages."""
    objects = object_rows([Kind.FILE, Kind.KERNEL], size=100)
    user, system = timeline((0, TOUCH, 0, 50)), timeline((100, TOUCH, 1, 90))
    with traffic_of(objects, user, system) as traffic:
        vm = traffic.vm
        reserved = vm.thresholds().free_reserved
        assert 32 + 34 + 4096 // 768 == reserved
        taken = leave(traffic, reserved + 20)

        run(traffic, 50, taken)
        assert (reserved, 1) == (vm.free_count(), int(traffic.state["sleepers"]))

        run(traffic, 200, taken)
        assert (2, 2) == (vm.free_count(), int(traffic.state["sleepers"]))


# Reservations.


def test_reservation_takes_one_page_from_the_free_count() -> None:
    """The block leaves the lists whole, the free count falls by what is touched."""
    with traffic_of(anonymous(1), timeline((0, TOUCH, 0, 3))) as traffic:
        run(traffic, 10)

        vm = traffic.vm
        assert span(FIRST, 3) == allocated(traffic)
        assert (4096 - 3, 1) == (vm.free_count(), holds(traffic))
        assert [0] * 9 + [1, 1, 1, 0] == vm.free_blocks().tolist()
        assert (1, 509) == (vm.reservations().partpopq, vm.reservations().unused)


def test_full_reservation_is_a_superpage() -> None:
    """512 pages in a row: one hold, one full reservation, none left in the queue."""
    with traffic_of(anonymous(1), timeline((0, TOUCH, 0, 512))) as traffic:
        run(traffic, 10)

        done = traffic.vm.reservations()
        assert (1, 1, 0, 1) == (done.fullpop, done.filled, done.partpopq, holds(traffic))


def test_exit_frees_in_ascending_order_and_returns_the_block_whole() -> None:
    """The last page gives back the block, under the second hold; the memory is one block again."""
    script = timeline((0, TOUCH, 0, 40), (100, DROP, 0, 0))
    with traffic_of(anonymous(1), script) as traffic:
        run(traffic, 200)

        vm = traffic.vm
        assert span(FIRST, 40) == freed(traffic)
        assert (1, 0, 2) == (vm.reservations().freed, vm.reservations().broken, holds(traffic))
        assert (4096, 1) == (vm.free_count(), vm.free_blocks()[12])


def test_file_that_ends_within_the_range_gets_no_reservation() -> None:
    """A file of 512 pages has one, a file of 511 pages has none."""
    for size, expected in ((512, 1), (511, 0)):
        with traffic_of(files(1, size=size), timeline((0, TOUCH, 0, 1))) as traffic:
            run(traffic, 10)

            assert expected == traffic.vm.reservations().partpopq


def test_queue_of_reservations_is_in_order_of_last_change() -> None:
    """Three objects, one a tick; the first changes again and goes to the end."""
    script = [(i * MS, TOUCH, i, 1) for i in range(3)] + [(3 * MS, TOUCH, 0, 1)]
    with traffic_of(anonymous(3), timeline(*script)) as traffic:
        run(traffic, 4 * MS)

        blocks = [FIRST + 512 * i for i in range(3)]
        assert [blocks[1], blocks[2], blocks[0]] == traffic.vm.partpopq()


def test_least_recently_changed_reservation_is_broken_for_an_empty_list() -> None:
    """Four objects hold all 2048 pages in reservations; a file's page breaks the second's."""
    script = [(i * MS, TOUCH, i, 1) for i in range(4)] + [(4 * MS, TOUCH, 0, 1)]
    objects = object_rows([Kind.ANON] * 4 + [Kind.FILE], size=[1 << 62] * 4 + [100])
    with traffic_of(objects, timeline(*script, (5 * MS, TOUCH, 4, 1)), domains=(2048,)) as traffic:
        run(traffic, 5 * MS)
        assert (0, 2048 - 5) == (traffic.vm.free_blocks().sum(), traffic.vm.free_count())

        run(traffic, 6 * MS)

        done = traffic.vm.reservations()
        assert (1, 1, 3) == (done.reclaimed, done.broken, done.partpopq)
        assert FIRST + 512 + 1 == allocated(traffic)[-1]
        assert 2048 - 6 == traffic.vm.free_count()


def test_object_goes_on_in_the_remains_of_its_broken_reservation() -> None:
    """Its range has pages from elsewhere now, so it gets single pages and no new reservation."""
    objects = object_rows([Kind.ANON] * 4 + [Kind.FILE], size=[1 << 62] * 4 + [100])
    script = [(i * MS, TOUCH, i, 1) for i in range(4)]
    script += [(5 * MS, TOUCH, 4, 1), (6 * MS, TOUCH, 0, 2)]
    with traffic_of(objects, timeline(*script), domains=(2048,)) as traffic:
        run(traffic, 7 * MS)

        assert [FIRST + 1, FIRST + 2, FIRST + 3] == allocated(traffic)[-3:]
        assert 3 == traffic.vm.reservations().partpopq


# Copy on write and fork, as a load says it: an object whose page indexes are *stride* apart.


def test_stride_leaves_holes_in_a_reservation() -> None:
    """Every second page of a range: the reservation is half full and never a superpage."""
    with traffic_of(anonymous(1, stride=2), timeline((0, TOUCH, 0, 257))) as traffic:
        run(traffic, 10)

        assert [*span(FIRST, 256, 2), FIRST + 512] == allocated(traffic)
        done = traffic.vm.reservations()
        assert (2, 256 + 511, 0, 2) == (done.partpopq, done.unused, done.filled, holds(traffic))


def test_stride_that_divides_no_range_keeps_page_indexes() -> None:
    """With a stride of 7 the second range begins at index 518: the sixth page of its block."""
    with traffic_of(anonymous(1, stride=7), timeline((0, TOUCH, 0, 75))) as traffic:
        run(traffic, 10)

        assert [*span(FIRST, 74, 7), FIRST + 512 + 518 - 512] == allocated(traffic)


def test_child_copies_into_a_reservation_of_its_own() -> None:
    """After fork a child writes each third page; its exit leaves the parent's superpage whole."""
    objects = anonymous(2, stride=[1, 3])
    script = timeline((0, TOUCH, 0, 512), (1000, TOUCH, 1, 100), (2000, DROP, 1, 0))
    with traffic_of(objects, script) as traffic:
        run(traffic, 1500)
        assert span(FIRST + 512, 100, 3) == allocated(traffic)[512:]
        assert (1, 412) == (traffic.vm.reservations().fullpop, traffic.vm.reservations().unused)

        run(traffic, 3000)

        assert (1, 1, 0) == (
            traffic.vm.reservations().fullpop,
            traffic.vm.reservations().freed,
            traffic.vm.reservations().partpopq,
        )
        assert 4096 - 512 == traffic.vm.free_count()


# Domains.  Two of 4096 pages, one CPU in each.


def domains_of(pages: list[int]) -> list[int]:
    """Domain of each page."""
    return [(m - FIRST) // 4096 for m in pages]


def two_domains(policy: Policy, npages: int, size: int, **columns: int) -> list[int]:
    """Touch *npages* on the CPU of domain 1 under a policy; give the domains of the pages."""
    objects = files(1, policy=policy, size=size, **columns)
    idle, touch = timeline(), timeline((0, TOUCH, 0, npages))
    with traffic_of(objects, idle, touch, domains=(4096, 4096), home=(0, 1)) as traffic:
        run(traffic, 10)
        return domains_of(allocated(traffic))


def test_first_touch_takes_the_domain_of_the_cpu() -> None:
    """The CPU at home in domain 1 gets its pages there."""
    assert [1] * 5 == two_domains(Policy.FIRST_TOUCH, 5, 100)


def test_preferred_takes_its_domain_wherever_the_cpu_is() -> None:
    """The CPU at home in domain 1 gets pages of domain 0 for an object that prefers it."""
    assert [0] * 5 == two_domains(Policy.PREFERRED, 5, 100, preferred=0)


def test_round_robin_takes_turns_by_the_page() -> None:
    """Without reservations each page comes from the other domain than the one before."""
    assert [1, 0, 1, 0, 1] == two_domains(Policy.ROUND_ROBIN, 5, 100)


def test_round_robin_stays_in_a_reservation() -> None:
    """Within a range of 512 the reservation decides, whichever domain has its turn.

    The turn is taken by the page all the same: after 512 of them it is domain 1's once more, and
    with a stride of 512, one page to a range, the ranges alternate.
    """
    assert [1] * 1024 == two_domains(Policy.ROUND_ROBIN, 1024, 2048)
    assert [1, 0, 1, 0] == two_domains(Policy.ROUND_ROBIN, 4, 2048, stride=512)


def test_request_falls_over_to_the_other_domain() -> None:
    """When domain 1 is down to its reserve, its CPU gets pages of domain 0."""
    idle, touch = timeline(), timeline((0, TOUCH, 0, 30))
    with traffic_of(files(1), idle, touch, domains=(4096, 4096), home=(0, 1)) as traffic:
        vm = traffic.vm
        taken = leave(traffic, 80, 1)

        run(traffic, 10, taken)

        left = 80 - vm.thresholds(1).free_reserved
        assert [1] * left + [0] * (30 - left) == domains_of(allocated(traffic))
        assert 0 == int(traffic.state["refused"])


def test_freed_page_returns_to_its_own_domain() -> None:
    """Whichever CPU drops a file, the pages of both domains are free in their own again."""
    objects = files(1, policy=Policy.ROUND_ROBIN)
    script = timeline((0, TOUCH, 0, 30), (100, DROP, 0, 0))
    with traffic_of(objects, script, domains=(4096, 4096)) as traffic:
        run(traffic, 50)
        assert [15, 15] == np.bincount(domains_of(allocated(traffic))).tolist()

        run(traffic, 200)
        cached = [traffic.vm.cache_counts(Pool.DEFAULT, d).pages for d in (0, 1)]
        assert [4096, 4096] == [cached[d] + traffic.vm.free_count(d) for d in (0, 1)]
