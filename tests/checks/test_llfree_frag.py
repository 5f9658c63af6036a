"""LLFree's fragmentation benchmark: against a slow reference, conservation, random placement."""

from collections.abc import Iterator
from math import prod, sqrt

import numpy as np
import pytest
from checks import frag_reference

from vmmodel.checks.llfree_frag import REGIONS, ROUNDS, FragBenchmark, FragState, run_tables
from vmmodel.workloads.llfree_frag import FragSizes

TINY = FragSizes(6144, 3, 90, 10, rounds=12)
SMALL = FragSizes(65_536, 8, 90, 10, rounds=4)
WAYS = [(True, False), (True, True), (False, False)]
"""Through the page caches, the same with draining, each page from the buddy lists."""


@pytest.fixture(params=WAYS, ids=["pgcache", "drain", "buddy"])
def way(request: pytest.FixtureRequest) -> dict[str, bool]:
    """One of the three ways to run it."""
    pgcache, drain = request.param
    return {"pgcache": pgcache, "drain": drain}


def states_of(
    sizes: FragSizes, way: dict[str, bool], seed: int = 1
) -> Iterator[tuple[FragBenchmark, FragState]]:
    """Run the benchmark and show it after each round."""
    benchmark = FragBenchmark(sizes, seed, **way)
    for state in benchmark.states():
        yield benchmark, state
    benchmark.close()


def test_same_as_the_reference(way: dict[str, bool]) -> None:
    """Blocks, regions, caches and the page in every place are those of a plain-Python benchmark."""
    reference = frag_reference.Benchmark(TINY, 1, **way).states()

    for (benchmark, state), expected in zip(states_of(TINY, way), reference, strict=True):
        assert expected.blocks == state.free_blocks.tolist()
        assert expected.regions == state.region_free.tolist()
        assert expected.cached == state.cached
        held = np.array(benchmark.in_use()).reshape(TINY.nthreads, -1)[:, : TINY.kept]
        assert expected.held == held.tolist()


def test_no_page_is_lost(way: dict[str, bool]) -> None:
    """In use, free and cached pages are all memory after each round; every promise is kept."""
    for benchmark, state in states_of(SMALL, way):
        kept = [page for page in benchmark.in_use() if page >= 0]
        free = int((state.free_blocks << np.arange(13)).sum())

        assert SMALL.kept * SMALL.nthreads == len(kept) == len(set(kept))
        assert SMALL.npages == len(kept) + free + state.cached
        assert free == state.region_free.sum()
        assert state.cached == benchmark.vm.check_whole()


def test_random_placement() -> None:
    """After the first freeing, free blocks are what pages freed at random leave.

    Of *filled* pages *freed* are free, so an aligned group of g is with probability
    (freed)_g / (filled)_g, falling factorials.  For 512 pages that is never, and only what was
    not filled is in free 2 MB frames.
    """
    benchmark = FragBenchmark(SMALL, 1, pgcache=False)
    state = next(benchmark.states())
    benchmark.close()
    filled = SMALL.each * SMALL.nthreads
    freed = filled - SMALL.kept * SMALL.nthreads
    untouched = SMALL.npages - filled

    for order in range(1, 5):
        group = 1 << order
        share = prod((freed - i) / (filled - i) for i in range(group))
        expected = filled / group * share
        seen = int((state.free_blocks[order:] << np.arange(13 - order)).sum())
        assert abs(seen - untouched // group - expected) < 4 * sqrt(expected) + 1
    assert prod((freed - i) / (filled - i) for i in range(512)) < 1e-150
    assert untouched // 512 == (state.free_blocks[9:] << np.arange(4)).sum()


def test_caches_save_holds() -> None:
    """Without page caches every page takes the free lock; with them a bucket does."""
    holds = {
        pgcache: [state.lock_holds for _, state in states_of(SMALL, {"pgcache": pgcache})]
        for pgcache in (True, False)
    }

    per_round = 2 * SMALL.moved * SMALL.nthreads
    assert [per_round] * SMALL.rounds == holds[False][1:]
    assert all(0 < some < per_round / 2 for some in holds[True][1:])


def test_tables_have_their_schema_and_repeat() -> None:
    """One row a round, one a region; the same seed gives the same tables, another gives others."""

    def tables(seed: int) -> dict[str, object]:
        benchmark = FragBenchmark(TINY, seed)
        found = run_tables(benchmark)
        benchmark.close()
        assert (ROUNDS, REGIONS) == (found["rounds"].schema, found["regions"].schema)
        assert TINY.rounds + 1 == found["rounds"].num_rows
        assert 12 * (TINY.rounds + 1) == found["regions"].num_rows
        return {name: table.to_pydict() for name, table in found.items()}

    assert tables(1) == tables(1)
    assert tables(1) != tables(2)
