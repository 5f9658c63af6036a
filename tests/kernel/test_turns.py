"""Turns do what the same allocations and frees do one at a time."""

import numpy as np
import pytest

from vmmodel.kernel import NO_PAGE, Pool, RequestClass, Vm, WholeVm
from vmmodel.kernel.cstruct import StructArray
from vmmodel.kernel.turns import Place, Turn

NCPU = 3
FILLED = 3000


def turns_of(places: list[int]) -> StructArray:
    """Write places as turns."""
    turns = StructArray(Turn, len(places))
    turns.column("place")[:] = places
    return turns


def alloc_one(vm: WholeVm, cpu: int, cached: bool) -> int:
    """Allocate a page by one call."""
    if cached:
        return vm.alloc_noobj(RequestClass.NORMAL, cpu=cpu)
    return Vm.page_alloc(vm, RequestClass.NORMAL, Pool.DEFAULT)


def free_one(vm: WholeVm, m: int, cpu: int, cached: bool) -> None:
    """Free a page by one call."""
    if cached:
        vm.free(m, cpu)
    else:
        Vm.page_free(vm, m)


@pytest.mark.parametrize("cached", [True, False])
def test_same_as_one_at_a_time(cached: bool) -> None:
    """Processors in turn get the same pages, and leave the same lists, as by single calls."""
    rng = np.random.default_rng(5)
    filled = rng.permutation(FILLED).tolist()
    freed = rng.permutation(FILLED)[: FILLED // 2].tolist()
    together, single = WholeVm.of_size(8192, NCPU), WholeVm.of_size(8192, NCPU)
    places, held = StructArray(Place, FILLED), [NO_PAGE] * FILLED

    assert FILLED == together.alloc_in_turns(places, turns_of(filled), cached=cached)
    for turn, place in enumerate(filled):
        held[place] = alloc_one(single, turn % NCPU, cached)
    assert held == places.column("pfn").tolist()

    assert len(freed) == together.free_in_turns(places, turns_of(freed))
    for turn, place in enumerate(freed):
        free_one(single, held[place], turn % NCPU, cached)
        held[place] = NO_PAGE
    assert held == places.column("pfn").tolist()
    assert single.checksum() == together.checksum()
    assert single.cache_counts() == together.cache_counts()
    assert together.check_whole() == together.cache_counts().pages


def test_short_memory_ends_the_turns() -> None:
    """The first turn that gets no page is the answer, and nothing is written for it."""
    vm, places = WholeVm.of_size(1024), StructArray(Place, 2000)
    places.column("pfn")[:] = NO_PAGE

    served = vm.alloc_in_turns(places, turns_of(list(range(2000))), cached=False)

    assert 1024 - vm.thresholds().free_reserved == served
    assert served == (places.column("pfn") != NO_PAGE).sum()
