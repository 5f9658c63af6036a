"""LLFree's fragmentation benchmark once more, as its source tells it and without any hurry.

Every thread has a list of pages; the machine is the obvious one of `kernel.whole_reference`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kernel.whole_reference import Whole

from vmmodel.kernel import CacheSize, RequestClass
from vmmodel.workloads.llfree_frag import FragDraws, FragSizes

FIRST = 4096


@dataclass(frozen=True)
class State:
    """Memory after a round."""

    blocks: list[int]
    regions: list[int]
    cached: int
    held: list[list[int]]


class Benchmark:
    """The benchmark in plain Python."""

    def __init__(self, sizes: FragSizes, seed: int, pgcache: bool, drain: bool) -> None:
        self.sizes, self.pgcache, self.drain = sizes, pgcache, drain
        cache = CacheSize.of(sizes.npages, sizes.nthreads)
        segment = (FIRST, FIRST + sizes.npages)
        self.whole = Whole([segment], sizes.nthreads, cache.bucket, cache.full_buckets)
        self.draws = FragDraws(sizes, seed)

    def states(self) -> Iterator[State]:
        """Run it."""
        sizes = self.sizes
        held: list[list[int]] = [[] for _ in range(sizes.nthreads)]
        for _ in range(sizes.each):
            for thread, pages in enumerate(held):
                pages.append(self.alloc(thread))
        flat = [page for pages in held for page in pages]
        flat = [flat[source] for source in self.draws.shuffle()]
        held = [flat[thread * sizes.each :][: sizes.each] for thread in range(sizes.nthreads)]
        for slot in range(sizes.each // 2, sizes.each):
            for thread, pages in enumerate(held):
                self.free(pages[slot], thread)
        held = [pages[: sizes.each // 2] for pages in held]
        yield self.state(held)
        for _ in range(sizes.rounds):
            self.round(held)
            yield self.state(held)

    def round(self, held: list[list[int]]) -> None:
        """Each thread frees the slots it draws, then fills them in the same order."""
        order = [
            (turn % len(held), int(place) % self.sizes.each)
            for turn, place in enumerate(self.draws.round_turns())
        ]
        for thread, slot in order:
            self.free(held[thread][slot], thread)
        if self.drain:
            for cache in self.whole.caches:
                self.whole.drain_cpus(cache)
        for thread, slot in order:
            held[thread][slot] = self.alloc(thread)

    def alloc(self, thread: int) -> int:
        """One page for a thread."""
        if self.pgcache:
            return self.whole.alloc(RequestClass.NORMAL, 0, thread, False)
        assert self.whole.admit(RequestClass.NORMAL, 1)
        return self.whole.memory.alloc_pages(0, 0)

    def free(self, page: int, thread: int) -> None:
        """Give it back."""
        self.whole.free(page, thread)

    def state(self, held: list[list[int]]) -> State:
        """Count free blocks, and the pages of each 2 MB that are in one."""
        blocks, regions = [0] * 13, [0] * (self.sizes.npages // 512)
        for page, order in self.whole.memory.free_block.items():
            blocks[order] += 1
            for each in range(page, page + (1 << order)):
                regions[(each - FIRST) // 512] += 1
        return State(
            blocks,
            regions,
            sum(len(cache.pages()) for cache in self.whole.caches),
            [list(pages) for pages in held],
        )
