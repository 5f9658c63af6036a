"""Page queues: what is used last is reclaimed last, files before anonymous memory."""

from traffic.small import (
    MS,
    allocated,
    anonymous,
    files,
    freed,
    run,
    scan,
    timeline,
    traffic_of,
)

from vmmodel.traffic import Kind, Op
from vmmodel.traffic.machine import Traffic, object_rows
from vmmodel.traffic.structs import ACTIVE, INACTIVE, LAUNDRY

TOUCH, USE, DROP = Op.TOUCH, Op.USE, Op.DROP


def queues(traffic: Traffic) -> list[int]:
    """Pages of the active, inactive and laundry queue."""
    return [traffic.queue_pages(0, kind) for kind in (ACTIVE, INACTIVE, LAUNDRY)]


def test_kinds_enter_the_queue_that_is_theirs() -> None:
    """Anonymous pages are active, file pages inactive, kernel memory is in no queue."""
    objects = object_rows([Kind.ANON, Kind.FILE, Kind.KERNEL])
    script = timeline((0, TOUCH, 0, 3), (10, TOUCH, 1, 5), (20, TOUCH, 2, 7))
    with traffic_of(objects, script) as traffic:
        run(traffic, 100)

        assert [3, 5, 0] == queues(traffic)


def test_files_are_reclaimed_least_recently_used_first() -> None:
    """Of three files the first is used again, so the second goes first and the first last."""
    script = [(i, TOUCH, i, 3) for i in range(3)] + [(10, USE, 0, 3)]
    with traffic_of(files(3), timeline(*script)) as traffic:
        run(traffic, 100)
        a, b, c = (allocated(traffic)[3 * i : 3 * i + 3] for i in range(3))

        assert b + c + a[:1] == scan(traffic, 7)
        assert a[1:] == scan(traffic, 7)
        assert 4096 == traffic.vm.free_count() + traffic.vm.cache_counts().pages


def test_second_use_makes_a_file_active() -> None:
    """Once used it is inactive still; used twice it is spared by the scan, and drop finds it."""
    script = timeline((0, TOUCH, 0, 3), (10, USE, 0, 3), (20, USE, 0, 3), (MS, DROP, 0, 0))
    with traffic_of(files(1), script) as traffic:
        run(traffic, 15)
        assert [0, 3, 0] == queues(traffic)

        run(traffic, 30)
        assert [3, 0, 0] == queues(traffic)
        assert [] == scan(traffic, 3)

        run(traffic, 4 * MS)
        assert allocated(traffic) == freed(traffic)
        assert [0, 0, 0] == queues(traffic)


def test_deactivation_takes_the_longest_unused_and_no_more_than_it_must() -> None:
    """Three anonymous objects; for two pages the one that was used longest ago is enough."""
    script = [(i, TOUCH, i, 2) for i in range(3)] + [(10, USE, 0, 2)]
    with traffic_of(anonymous(3, dirty=0), timeline(*script)) as traffic:
        run(traffic, 100)
        second = allocated(traffic)[2:4]

        assert [] == scan(traffic, 2)
        assert 2 == traffic.deactivate(0, 2)
        assert [4, 2, 0] == queues(traffic)
        assert second == scan(traffic, 9)


def test_dirty_pages_go_to_the_laundry_and_clean_ones_behind_them_are_freed() -> None:
    """A scan for two pages meets a dirty file first, then takes two of the clean one."""
    script = timeline((0, TOUCH, 0, 3), (10, TOUCH, 1, 3))
    with traffic_of(files(2, dirty=[1, 0]), script) as traffic:
        run(traffic, 100)

        assert allocated(traffic)[3:5] == scan(traffic, 2)
        assert [0, 1, 3] == queues(traffic)


def test_laundered_pages_are_the_next_to_be_reclaimed() -> None:
    """Written back, they go to the head of the inactive queue, before a file that was there."""
    script = timeline((0, TOUCH, 0, 3), (10, TOUCH, 1, 3))
    with traffic_of(files(2, dirty=[1, 0]), script) as traffic:
        run(traffic, 100)
        scan(traffic, 1)

        assert (0, 3, Kind.FILE) == traffic.take_laundry(0)
        assert (None, [0, 2, 0]) == (traffic.take_laundry(0), queues(traffic))
        traffic.laundered(0, 0, 0)

        assert [0, 5, 0] == queues(traffic)
        assert allocated(traffic)[:3] == scan(traffic, 3)


def test_page_entered_while_the_others_are_written_back_stays_dirty() -> None:
    """Its object is in a queue again, so the laundry thread leaves it there."""
    script = timeline((0, TOUCH, 0, 3), (5 * MS, TOUCH, 0, 1))
    with traffic_of(files(1, dirty=1), script) as traffic:
        run(traffic, 100)
        scan(traffic, 1)
        assert (0, 3, Kind.FILE) == traffic.take_laundry(0)
        run(traffic, 6 * MS)

        traffic.laundered(0, 0, 0)

        assert [0, 4, 0] == queues(traffic)
        assert [] == scan(traffic, 4)


def test_reclaimed_pages_fault_in_again_when_they_are_used() -> None:
    """Half of a file was dropped; using all of it allocates that half, and counts it."""
    script = timeline((0, TOUCH, 0, 6), (5 * MS, USE, 0, 6))
    with traffic_of(files(1), script) as traffic:
        run(traffic, 100)
        scan(traffic, 3)
        run(traffic, 6 * MS)

        assert (9, 6) == (len(allocated(traffic)), traffic.resident_pages())
        assert 3 == int(traffic.state["swapped_in"])


def test_use_reads_what_is_missing_of_its_own_pages() -> None:
    """Three of six pages are gone: using two reads two, using all then reads the third."""
    script = timeline((0, TOUCH, 0, 6), (5 * MS, USE, 0, 2), (6 * MS, USE, 0, 6))
    with traffic_of(files(1), script) as traffic:
        run(traffic, 100)
        scan(traffic, 3)
        run(traffic, 5 * MS + 1)
        assert (6 + 2, 5) == (len(allocated(traffic)), traffic.resident_pages())

        run(traffic, 7 * MS)

        assert (6 + 3, 6) == (len(allocated(traffic)), traffic.resident_pages())


def test_page_comes_back_into_its_reservation_through_the_page_above() -> None:
    """Pages 0 and 2 of 40 are gone; each is read to where it lay before, below its neighbour."""
    script = timeline((0, TOUCH, 0, 40), (5 * MS, USE, 0, 1), (9 * MS, USE, 0, 40))
    with traffic_of(anonymous(1, dirty=0), script) as traffic:
        run(traffic, 100)
        came = allocated(traffic)
        traffic.deactivate(0, 3)
        assert came[:3] == scan(traffic, 3)
        run(traffic, 6 * MS)
        assert came[:1] == allocated(traffic)[40:]

        run(traffic, 10 * MS)

        assert came[:3] == allocated(traffic)[40:]
        assert (1, 512 - 40) == (
            traffic.vm.reservations().partpopq,
            traffic.vm.reservations().unused,
        )


def test_page_above_that_is_from_elsewhere_bars_a_reservation() -> None:
    """The reservation was broken, so page 0 comes back as a single page beside the others."""
    script = timeline((0, TOUCH, 0, 40), (5 * MS, USE, 0, 1))
    with traffic_of(anonymous(1, dirty=0), script) as traffic:
        run(traffic, 100)
        traffic.vm.break_reservation(allocated(traffic)[0])
        traffic.deactivate(0, 1)
        scan(traffic, 1)

        run(traffic, 6 * MS)

        assert 41 == len(allocated(traffic))
        assert 0 == traffic.vm.reservations().partpopq


def test_new_pages_go_on_where_the_object_ended() -> None:
    """An object that lost two pages and grows has a hole, which its next use fills."""
    script = timeline((0, TOUCH, 0, 4), (5 * MS, TOUCH, 0, 3), (6 * MS, USE, 0, 7))
    with traffic_of(anonymous(1, dirty=0), script) as traffic:
        run(traffic, 100)
        first = allocated(traffic)[0]
        traffic.deactivate(0, 2)
        scan(traffic, 2)

        run(traffic, 7 * MS)

        assert [first + i for i in (4, 5, 6, 0, 1)] == allocated(traffic)[4:]


def test_pages_of_one_domain_come_back_between_those_of_the_other() -> None:
    """The second of four ranges was domain 0's and is reclaimed: it comes back, and no other."""
    script = timeline((0, TOUCH, 0, 683), (5 * MS, USE, 0, 683))
    objects = anonymous(1, dirty=0, stride=3, policy=1)
    with traffic_of(objects, script, domains=(4096, 4096)) as traffic:
        run(traffic, 100)
        came, unused = allocated(traffic), traffic.vm.reservations().unused
        traffic.deactivate(0, 683)
        assert came[171:342] == scan(traffic, 683)

        run(traffic, 6 * MS)

        block = allocated(traffic)[683] - 1  # page index 513 is the second of its range
        assert [block + 1 + 3 * i for i in range(171)] == allocated(traffic)[683:]
        assert unused == traffic.vm.reservations().unused


def test_drop_frees_each_domain_oldest_first() -> None:
    """A file with pages in two domains goes domain by domain, each in ascending order of index."""
    script = timeline((0, TOUCH, 0, 6), (100, DROP, 0, 0))
    with traffic_of(files(1, policy=1), script, domains=(4096, 4096)) as traffic:
        run(traffic, 200)

        came = allocated(traffic)
        assert came[1::2] + came[0::2] == freed(traffic)
