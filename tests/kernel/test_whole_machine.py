"""Any sequence of requests is answered as by the slow reference, and keeps every promise."""

from bisect import bisect_left
from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from kernel.whole_reference import Whole
from strategies import examples, pools, request_classes

from vmmodel.kernel import NO_END, NO_PAGE, RequestClass, WholeVm
from vmmodel.kernel.cstruct import CHECKED

SIZES = (NO_END, 1500, 1024, 300)
"""Of four objects; the second has a tail without a reservation, the fourth is too small for one."""

cpus = st.sampled_from([0, 0, 0, 1, 2])
indexes = st.integers(0, 2047)
ranges = st.sampled_from([0, 512, 1024, 1536])
objects = st.integers(0, len(SIZES) - 1)


class WholeMachine(RuleBasedStateMachine):
    """Processes on three CPUs allocate and free, memory runs short, the page daemon reclaims."""

    @initialize(
        start=st.sampled_from([8192, 8192 + 37, 1 << 20]),
        npages=st.sampled_from([600, 2048, 3000, 5000]),
        pcpu=st.sampled_from([0, 5, 24, 60]),
    )
    def boot(self, start: int, npages: int, pcpu: int) -> None:
        segments = [(start, start + npages), (start + npages + 700, start + npages + 1800)]
        self.vm = WholeVm(segments, ncpu=3, zone_max_pcpu=pcpu)
        size = self.vm.cache_sizes[0]
        self.reference = Whole(segments, 3, size.bucket, size.full_buckets)
        self.loose: list[int] = []
        self.objects: list[dict[int, int]] = [{} for _ in SIZES]

    def teardown(self) -> None:
        if hasattr(self, "vm"):
            self.vm.close()

    def fault(self, owner: int, pindex: int, request_class: RequestClass, cpu: int) -> None:
        pages = self.objects[owner]
        if pindex in pages:
            return
        first = pindex - pindex % 512
        there = sorted(i for i in pages if first <= i < first + 512)
        at = bisect_left(there, pindex)
        pred = pages[there[at - 1]] if at > 0 else NO_PAGE
        succ = pages[there[at]] if at < len(there) else NO_PAGE
        m = self.vm.alloc_object(
            request_class, owner, pindex, size=SIZES[owner], pred=pred, succ=succ, cpu=cpu
        )
        place = (owner, pindex, SIZES[owner], (pred, succ))
        assert self.reference.alloc(request_class, 0, cpu, False, place) == m
        if m != NO_PAGE:
            pages[pindex] = m

    def give(self, m: int, cpu: int) -> None:
        self.reference.free(m, cpu)
        self.vm.free(m, cpu)

    @rule(
        owner=objects,
        first=st.one_of(ranges, ranges, indexes),
        npages=st.sampled_from([1, 2, 20, 200, 512]),
        request_class=request_classes,
        cpu=cpus,
    )
    def fault_in_order(
        self, owner: int, first: int, npages: int, request_class: RequestClass, cpu: int
    ) -> None:
        for pindex in range(first, first + npages):
            self.fault(owner, pindex, request_class, cpu)

    @rule(owner=objects, places=st.lists(indexes, min_size=1, max_size=8), cpu=cpus)
    def fault_anywhere(self, owner: int, places: list[int], cpu: int) -> None:
        for pindex in places:
            self.fault(owner, pindex, RequestClass.NORMAL, cpu)

    @rule(
        owner=objects,
        step=st.sampled_from([1, 1, 2]),
        keep=st.sampled_from([0, 0, 1, 500]),
        cpu=cpus,
    )
    def truncate(self, owner: int, step: int, keep: int, cpu: int) -> None:
        for pindex in sorted(self.objects[owner])[keep::step]:
            self.give(self.objects[owner].pop(pindex), cpu)

    @rule(
        npages=st.sampled_from([1, 3, 30, 300, 3000]),
        request_class=request_classes,
        pool=pools,
        cpu=cpus,
        pagedaemon=st.booleans(),
    )
    def alloc_noobj(
        self, npages: int, request_class: RequestClass, pool: int, cpu: int, pagedaemon: bool
    ) -> None:
        for _ in range(npages):
            m = self.vm.alloc_noobj(request_class, pool, cpu=cpu, pagedaemon=pagedaemon)
            assert self.reference.alloc(request_class, pool, cpu, pagedaemon) == m
            if m == NO_PAGE:
                break
            self.loose.append(m)

    @rule(npages=st.sampled_from([3, 30, 500, 5000]), cpu=cpus, step=st.sampled_from([1, 1, 3]))
    def free_noobj(self, npages: int, cpu: int, step: int) -> None:
        given = self.loose[::step][:npages]
        self.loose = [m for m in self.loose if m not in set(given)]
        for m in given:
            self.give(m, cpu)

    @rule(npages=st.sampled_from([12, 60, 250]), pool=pools, cpu=cpus, other=cpus)
    def burst(self, npages: int, pool: int, cpu: int, other: int) -> None:
        """One CPU allocates, another frees, and the first allocates again."""
        before = len(self.loose)
        self.alloc_noobj(npages, RequestClass.NORMAL, pool, cpu, False)
        for m in self.loose[before:]:
            self.give(m, other)
        del self.loose[before:]
        self.alloc_noobj(npages // 2, RequestClass.NORMAL, pool, cpu, False)

    @rule(cpu=cpus)
    def run_short(self, cpu: int) -> None:
        """Everything is allocated, then UMA looks at the free pages."""
        self.alloc_noobj(self.vm.npages, RequestClass.SYSTEM, 0, cpu, False)
        self.uma("timeout")

    @rule(cpu=cpus, n=st.integers(1, len(SIZES)))
    def exit(self, cpu: int, n: int) -> None:
        """Objects go with all of their pages."""
        for owner in sorted(range(len(SIZES)), key=lambda i: -len(self.objects[i]))[:n]:
            self.truncate(owner, 1, 0, cpu)

    @rule(ticks=st.integers(1, 3))
    def time_passes(self, ticks: int) -> None:
        self.reference.ticks += ticks
        self.vm.set_ticks(self.reference.ticks)

    @rule()
    def reclaim_inactive(self) -> None:
        assert self.reference.reclaim_inactive() == self.vm.reclaim_inactive()

    @rule(data=st.data())
    def break_reservation(self, data: st.DataObject) -> None:
        if regions := sorted(self.reference.reservations):
            region = data.draw(st.sampled_from(regions))
            self.reference.break_(region)
            self.vm.break_reservation(region * 512 + 11)

    @rule(how=st.sampled_from(["trim", "drain", "drain_cpus", "timeout"]))
    def uma(self, how: str) -> None:
        if how == "timeout":
            self.reference.timeout()
            self.vm.uma_timeout()
            return
        for cache in self.reference.caches:
            if how == "drain_cpus":
                self.reference.drain_cpus(cache)
            else:
                self.reference.reclaim(cache, how == "drain")
        self.vm.uma_reclaim(drain=how == "drain", drain_cpus=how == "drain_cpus")

    @invariant()
    def equals_reference(self) -> None:
        reference, vm = self.reference, self.vm
        assert reference.free_count == vm.free_count()
        assert f"crc={vm.checksum():08x}" in reference.memory.state(0)
        assert reference.holds == vm.take_lock_holds()
        reference.holds = 0
        assert [region * 512 for region in reference.queue] == vm.partpopq()
        full = sum(len(each.used) == 512 for each in reference.reservations.values())
        assert (
            reference.broken,
            reference.freed,
            reference.reclaimed,
            full,
            reference.filled,
            len(reference.queue),
            reference.unused(),
        ) == vm.reservations()
        for pool, cache in enumerate(reference.caches):
            assert len(cache.pages()) == vm.cache_counts(pool).pages

    @invariant()
    def memory_is_conserved(self) -> None:
        """V9, and every page is free, in a page cache, or held."""
        held = self.loose + [m for pages in self.objects for m in pages.values()]
        assert len(held) == len(set(held))
        cached = self.vm.check_whole()
        assert self.vm.npages == self.vm.free_count() + cached + len(held)


TestWholeMachine = WholeMachine.TestCase
TestWholeMachine.settings = examples(4 if CHECKED else 30)


def step(machine: WholeMachine, chance: Random) -> None:
    """Do one step, every kind of them as likely as any other."""
    cpu, owner = chance.randrange(3), chance.randrange(len(SIZES))
    request_class = chance.choice(list(RequestClass))
    npages, first = chance.choice([1, 20, 512]), 512 * chance.randrange(4)
    kinds = [
        lambda: machine.fault_in_order(owner, first, npages, request_class, cpu),
        lambda: machine.fault_anywhere(owner, chance.sample(range(2048), 8), cpu),
        lambda: machine.truncate(owner, 2, chance.choice([0, 100]), cpu),
        lambda: machine.exit(cpu, chance.randint(1, 4)),
        lambda: machine.alloc_noobj(npages, request_class, owner % 2, cpu, npages == 1),
        lambda: machine.free_noobj(chance.choice([30, 5000]), cpu, chance.randint(1, 2)),
        lambda: machine.burst(chance.choice([60, 250]), owner % 2, cpu, (cpu + 1) % 3),
        lambda: machine.run_short(cpu) if chance.random() < 0.2 else None,
        lambda: machine.time_passes(1),
        lambda: machine.uma(chance.choice(["trim", "drain", "drain_cpus", "timeout"])),
    ]
    chance.choice(kinds)()


@pytest.mark.parametrize("seed", range(1 if CHECKED else 3))
def test_long_walk_equals_reference(seed: int) -> None:
    """A walk that goes on until everything has happened differs from the reference nowhere."""
    machine, chance = WholeMachine(), Random(seed)
    machine.boot(8192 + 37, 5000, 24)
    happened, nsteps = [0], 0
    while 0 in happened or nsteps < 100:
        step(machine, chance)
        machine.equals_reference()
        machine.memory_is_conserved()
        done, counts = machine.vm.reservations(), machine.vm.cache_counts()
        happened = [done.broken, done.freed, done.reclaimed, done.filled, *counts[:3]]
        nsteps += 1
        assert nsteps < 1000

    machine.teardown()
