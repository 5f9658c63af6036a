"""Addresses of mapped kernel memory: best fit in what is imported by the quantum."""

from hypothesis import given
from hypothesis import strategies as st

from vmmodel.consumers.arena import KVA_NUMA_IMPORT_QUANTUM, KVA_QUANTUM, Arena


def test_addresses_ascend() -> None:
    """Slabs of five pages follow one another."""
    arena = Arena()

    assert [0, 5, 10] == [arena.alloc(5) for _ in range(3)]


def test_request_does_not_reach_over_two_imports() -> None:
    """102 slabs of five pages leave two of 512; the next begins a quantum, two fit in the rest."""
    arena = Arena()
    for _ in range(102):
        arena.alloc(5)

    assert [512, 510] == [arena.alloc(5), arena.alloc(2)]


def test_several_domains_import_more_at_a_time() -> None:
    """With two domains slab 103 follows slab 102: the quantum has 256 MB."""
    arena = Arena(2)

    assert [5 * i for i in range(103)] == [arena.alloc(5) for _ in range(103)]
    assert 128 * 512 == KVA_NUMA_IMPORT_QUANTUM == arena.end


def test_smallest_hole_that_is_large_enough_is_taken() -> None:
    """Of holes of four and two pages, two pages take the latter and three the former."""
    arena = Arena()
    starts = [arena.alloc(n) for n in (4, 1, 2, 1)]
    arena.free(starts[0], 4)
    arena.free(starts[2], 2)

    assert [starts[2], starts[0]] == [arena.alloc(2), arena.alloc(3)]


@given(st.lists(st.integers(1, 60), max_size=60))
def test_addresses_have_one_owner_and_come_back(sizes: list[int]) -> None:
    """No two owners share a page; when all is given back, whole quanta are free."""
    arena, owned = Arena(), []
    for size in sizes:
        owned.append((arena.alloc(size), size))
        if size % 3 == 0:
            arena.free(*owned.pop(size % len(owned)))
        pages = [page for start, n in owned for page in range(start, start + n)]
        assert len(set(pages)) == len(pages)
        assert arena.end == len(pages) + sum(n for _, n in arena.free_runs)
    for start, size in owned:
        arena.free(start, size)

    assert [(first, KVA_QUANTUM) for first in range(0, arena.end, KVA_QUANTUM)] == arena.free_runs
