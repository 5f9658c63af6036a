"""Any sequence of the kernel's operations keeps every promise of physical memory."""

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)
from strategies import examples, free_lists, machines, orders, pools, request_classes

from vmmodel.kernel import NO_PAGE, RequestClass, Vm

Run = tuple[int, int, int]  # first page, pages, pool


class MemoryMachine(RuleBasedStateMachine):
    """Allocates and frees in every way there is, and keeps a list of what is held."""

    blocks = Bundle("blocks")
    runs = Bundle("runs")
    singles = Bundle("singles")

    @initialize(vm=machines())
    def boot(self, vm: Vm) -> None:
        self.vm = vm
        self.held: set[int] = set()
        self.only_merged = True

    def teardown(self) -> None:
        if hasattr(self, "vm"):
            self.vm.close()

    def take(self, first: int, npages: int) -> None:
        """Enter pages as held: they were free, and lie in one segment."""
        pages = range(first, first + npages)
        assert self.held.isdisjoint(pages)
        assert any(part.start <= first and first + npages <= part.end for part in self.vm.segments)
        self.held.update(pages)

    def give(self, first: int, npages: int) -> None:
        self.held.difference_update(range(first, first + npages))

    def count(self, npages: int) -> None:
        """Account for what the bare lists did."""
        self.vm.set_free_count(self.vm.free_count() + npages)

    def expected_block(self, order: int, pool: int) -> int:
        """The head of the list that alloc_pages must take from."""
        lists = free_lists(self.vm)
        for freelist in range(self.vm.nfreelists):
            own = [(pool, have) for have in range(order, 13)]
            steal = [(p, have) for have in range(12, order - 1, -1) for p in (0, 1)]
            for from_pool, have in own + steal:
                if lists[freelist, from_pool, have]:
                    return lists[freelist, from_pool, have][0]
        return NO_PAGE

    @rule(target=blocks, order=orders, pool=pools)
    def alloc_pages(self, order: int, pool: int) -> object:
        expected = self.expected_block(order, pool)
        m = self.vm.alloc_pages(order, pool)
        assert expected == m
        if m == NO_PAGE:
            assert not self.vm.free_blocks()[order:].any()
            return multiple()
        assert m % (1 << order) == 0
        self.take(m, 1 << order)
        self.count(-1 << order)
        return m, order, pool

    @rule(block=consumes(blocks))
    def free_pages(self, block: Run) -> None:
        m, order, pool = block
        head = self.vm.free_pages(m, order, pool)
        whole = self.vm.order(head)
        assert head <= m
        assert m + (1 << order) <= head + (1 << whole)
        assert head % (1 << whole) == 0
        freelist = next(p.freelist for p in self.vm.segments if p.start <= m < p.end)
        assert head == free_lists(self.vm)[freelist, pool, whole][-1]
        self.give(m, 1 << order)
        self.count(1 << order)

    @rule(target=singles, npages=st.integers(1, 300), pool=pools)
    def alloc_npages(self, npages: int, pool: int) -> object:
        free = self.vm.check()
        pages = self.vm.alloc_npages(npages, pool)
        assert min(npages, free) == len(pages)
        for m in pages:
            self.take(m, 1)
        self.count(-len(pages))
        return multiple(*[(m, 1, pool) for m in pages])

    @rule(single=consumes(singles))
    def free_single(self, single: Run) -> None:
        self.free_pages((single[0], 0, single[2]))

    @rule(
        target=runs,
        npages=st.one_of(st.integers(1, 40), st.integers(1, 6000)),
        alignment=st.integers(0, 7).map(lambda k: 1 << k),
        boundary=st.one_of(st.just(0), st.integers(3, 13).map(lambda k: 1 << k)),
        data=st.data(),
    )
    def alloc_contig(
        self, npages: int, alignment: int, boundary: int, data: st.DataObject
    ) -> object:
        edge = st.integers(self.vm.segments[0].start, self.vm.segments[-1].end)
        low, high = sorted((data.draw(edge), data.draw(edge)))
        m = self.vm.alloc_contig(npages, low=low, high=high, alignment=alignment, boundary=boundary)
        if m == NO_PAGE:
            return multiple()
        assert low <= m
        assert m + npages <= high
        assert m % alignment == 0
        assert boundary == 0 or m // boundary == (m + npages - 1) // boundary
        self.take(m, npages)
        self.count(-npages)
        return m, npages, 0

    @rule(run=consumes(runs))
    def free_contig(self, run: Run) -> None:
        m, npages, pool = run
        self.vm.free_contig(m, npages, pool)
        self.give(m, npages)
        self.count(npages)
        self.only_merged = False

    @rule(block=consumes(blocks))
    def free_block_as_run(self, block: Run) -> None:
        self.free_contig((block[0], 1 << block[1], block[2]))

    @rule(target=singles, request_class=request_classes, pool=pools)
    def page_alloc(self, request_class: RequestClass, pool: int) -> object:
        m = self.vm.page_alloc(request_class, pool)
        if m == NO_PAGE:
            return multiple()
        self.take(m, 1)
        return m, 1, pool

    @rule(target=singles, request_class=request_classes, npages=st.integers(1, 300), pool=pools)
    def pages_alloc(self, request_class: RequestClass, npages: int, pool: int) -> object:
        before = self.vm.free_count()
        pages = self.vm.pages_alloc(request_class, npages, pool)
        if request_class is RequestClass.INTERRUPT:
            assert (npages if npages <= before else 0) == len(pages)
        for m in pages:
            self.take(m, 1)
        return multiple(*[(m, 1, pool) for m in pages])

    @rule(single=consumes(singles), pool=pools)
    def page_free(self, single: Run, pool: int) -> None:
        self.vm.set_pool(single[0], pool)
        head = self.vm.page_free(single[0])
        freelist = next(p.freelist for p in self.vm.segments if p.start <= head < p.end)
        assert head == free_lists(self.vm)[freelist, pool, self.vm.order(head)][-1]
        self.give(single[0], 1)

    @rule(first=consumes(singles), second=consumes(singles))
    def pages_free(self, first: Run, second: Run) -> None:
        self.vm.pages_free([first[0], second[0]])
        self.give(first[0], 1)
        self.give(second[0], 1)

    @invariant()
    def memory_is_conserved(self) -> None:
        assert self.vm.npages - len(self.held) == self.vm.check() == self.vm.free_count()

    @invariant()
    def list_counts_are_right(self) -> None:
        counts = self.vm.free_blocks_by_list()
        for (freelist, pool, order), blocks in free_lists(self.vm).items():
            assert len(blocks) == counts[freelist, pool, order]

    @invariant()
    def regions_add_up(self) -> None:
        free, marks = self.vm.regions()
        assert self.vm.npages - len(self.held) == free.sum()
        assert len(self.held) == marks.sum()
        assert (free + marks.sum(axis=1)).max() <= 512

    @invariant()
    @precondition(lambda self: self.only_merged)
    def buddies_are_merged(self) -> None:
        """V8: until a run was freed without merging, no two free buddies of one order exist."""
        assert 0 == self.vm.n_unmerged()


TestMemoryMachine = MemoryMachine.TestCase
TestMemoryMachine.settings = examples(80)
