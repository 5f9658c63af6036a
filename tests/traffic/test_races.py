"""Between asking for the free lock and getting it others go on: what they did counts."""

import pytest
from traffic.small import anonymous, files, timeline, traffic_of

from vmmodel.kernel import Pool, RequestClass, WholeVm
from vmmodel.traffic import Op
from vmmodel.traffic.machine import Traffic
from vmmodel.traffic.turn import LOCK

NORMAL = RequestClass.NORMAL
TOUCH = timeline((0, Op.TOUCH, 0, 1))
HOLD_NS = 100


def other_thread(vm: WholeVm, npages: int = 1, cpu: int = 0) -> list[int]:
    """Let another thread of a CPU get pages through the cache."""
    return [vm.alloc_noobj(NORMAL, Pool.DEFAULT, cpu=cpu) for _ in range(npages)]


def finish(traffic: Traffic, taken: int) -> int:
    """Let CPU 0, which has asked, get the lock and end its operation; give its hold in ns."""
    traffic.check(taken)
    hold = traffic.locked(0, traffic.now, 0)
    traffic.check(taken)
    assert traffic.turn(0, traffic.now) >= 0
    traffic.check(taken)
    return hold


def test_bucket_that_comes_late_is_shared() -> None:
    """Another thread of the CPU filled a bucket of eight meanwhile: seven pages go to all CPUs."""
    with traffic_of(files(1), TOUCH, timeline(), domains=(65536,), free_lock=HOLD_NS) as traffic:
        assert -LOCK == traffic.turn(0, traffic.now)
        assert 65536 - 8 == traffic.vm.free_count()
        other_thread(traffic.vm)

        assert HOLD_NS == finish(traffic, 1)

        assert (65536 - 16, 14) == (traffic.vm.free_count(), traffic.vm.cache_counts().pages)
        before = traffic.vm.cache_counts()
        other_thread(traffic.vm, 7, cpu=1)
        after = traffic.vm.cache_counts()
        assert (before.imports, before.exchanges + 1) == (after.imports, after.exchanges)


def test_bucket_that_comes_late_is_released_when_the_shared_cache_is_full() -> None:
    """Seven pages go back under a second hold, which is paid too."""
    with traffic_of(files(1), TOUCH, timeline(), domains=(65536,), free_lock=HOLD_NS) as traffic:
        vm = traffic.vm
        pages = other_thread(vm, 72, cpu=1)
        vm.take_lock_holds()
        assert -LOCK == traffic.turn(0, traffic.now)
        other_thread(vm)
        for m in pages:
            vm.free(m, 1)
        releases = vm.cache_counts().releases

        assert 2 * HOLD_NS == finish(traffic, 1)

        assert releases + 1 == vm.cache_counts().releases


def test_bucket_of_one_that_comes_late_is_spent_at_once() -> None:
    """Its only page is handed out: nothing is shared, and nothing is released."""
    with traffic_of(files(1), TOUCH, timeline(), free_lock=HOLD_NS) as traffic:
        vm = traffic.vm
        assert (1, 0) == (vm.cache_sizes[0].bucket, vm.cache_counts().releases)
        assert -LOCK == traffic.turn(0, traffic.now)
        first = other_thread(vm)[0]
        vm.free(first)
        assert 1 == vm.cache_counts().pages

        assert HOLD_NS == finish(traffic, 0)

        assert (0, 1) == (vm.cache_counts().releases, vm.cache_counts().pages)


def test_block_may_be_gone_when_the_lock_comes() -> None:
    """A reservation was admitted, but another thread took the last block: single pages instead."""
    with traffic_of(anonymous(1), TOUCH, domains=(512,), free_lock=HOLD_NS) as traffic:
        vm = traffic.vm
        assert -LOCK == traffic.turn(0, traffic.now)
        m = vm.alloc_object(NORMAL, 7, 0)
        assert (0, 510) == (vm.free_blocks().sum(), vm.free_count())
        traffic.check(1)

        traffic.locked(0, traffic.now, 0)
        assert 511 == vm.free_count()
        assert -LOCK == traffic.turn(0, traffic.now)  # one page of the cache
        for _ in range(2):
            traffic.locked(0, traffic.now, 0)
            assert -LOCK == traffic.turn(
                0, traffic.now
            )  # the buddy lists, then breaking a reservation
        traffic.locked(0, traffic.now, 0)
        assert 1 == vm.reservations().reclaimed
        assert -LOCK == traffic.turn(0, traffic.now)  # a reservation once more, then one page
        traffic.locked(0, traffic.now, 0)
        assert -LOCK == traffic.turn(0, traffic.now)

        finish(traffic, 1)

        assert [m + 1] == traffic.records()["page"].tolist()


@pytest.mark.parametrize("ncpus", [2, 3])
def test_object_of_two_cpus_is_refused(ncpus: int) -> None:
    """Two CPUs at one page index, without the object's lock, would both allocate it."""
    idle = [timeline()] * (ncpus - 2)
    with (
        pytest.raises(AssertionError, match="object 0 is not of one CPU"),
        traffic_of(files(1), TOUCH, *idle, TOUCH),
    ):
        pass
