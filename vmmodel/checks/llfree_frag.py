"""Run LLFree's fragmentation benchmark on FreeBSD's buddy allocator."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vmmodel.experiment.schema import ORDERS
from vmmodel.kernel import WholeVm
from vmmodel.kernel.cstruct import StructArray
from vmmodel.kernel.turns import Place, Turn
from vmmodel.workloads.llfree_frag import (
    FragDraws,
    FragSizes,
    Places,
    fill_turns,
    halving_turns,
)


@dataclass(frozen=True)
class FragState:
    """Memory after a round; round 0 is the one after the fill and the freeing of half."""

    round: int
    free_blocks: npt.NDArray[np.int64]
    """Free blocks by order, on the buddy lists."""
    region_free: npt.NDArray[np.int64]
    """Free pages on the buddy lists in each 2 MB region."""
    cached: int
    """Pages in page caches: neither in use nor free."""
    lock_holds: int
    """Holds of the domain free lock since the round before."""


class FragBenchmark:
    """The benchmark on one machine.

    With *pgcache* single pages go through the per-CPU page caches, as in the kernel.  *drain*
    empties these between the frees and the allocations of a round, which one version of the
    artifact does to Linux's.
    """

    def __init__(
        self, sizes: FragSizes, seed: int, *, pgcache: bool = True, drain: bool = False
    ) -> None:
        self.sizes, self.pgcache, self.drain = sizes, pgcache, drain
        self.vm = WholeVm.of_size(sizes.npages, ncpu=sizes.nthreads)
        self._draws = FragDraws(sizes, seed)
        self._places = StructArray(Place, sizes.each * sizes.nthreads)

    def states(self) -> Iterator[FragState]:
        """Fill, shuffle, free half; then do the rounds.  Memory is read after each."""
        self._alloc(fill_turns(self.sizes))
        pages = self._places.column("pfn")
        pages[:] = pages[self._draws.shuffle()]
        self._free(halving_turns(self.sizes))
        yield self._read(0)
        for number in range(1, self.sizes.rounds + 1):
            turns = self._draws.round_turns()
            self._free(turns)
            if self.drain:
                self.vm.uma_reclaim(drain_cpus=True)
            self._alloc(turns)
            yield self._read(number)

    def in_use(self) -> list[int]:
        """Pages that the threads hold, by place; NO_PAGE where there is none."""
        pages: list[int] = self._places.column("pfn").tolist()
        return pages

    def close(self) -> None:
        """Forget the machine."""
        self._places.close()
        self.vm.close()

    def _alloc(self, places: Places) -> None:
        with _Turns(places) as turns:
            served = self.vm.alloc_in_turns(self._places, turns, cached=self.pgcache)
        assert served == len(places), f"memory is short after {served} of {len(places)} pages"

    def _free(self, places: Places) -> None:
        with _Turns(places) as turns:
            self.vm.free_in_turns(self._places, turns)

    def _read(self, number: int) -> FragState:
        return FragState(
            number,
            self.vm.free_blocks(),
            self.vm.regions()[0],
            self.vm.cache_counts().pages,
            self.vm.take_lock_holds(),
        )


class _Turns:
    """A list of places as compiled code reads it, for as long as it is needed."""

    def __init__(self, places: Places) -> None:
        self._turns = StructArray(Turn, len(places))
        self._turns.column("place")[:] = places

    def __enter__(self) -> StructArray:
        return self._turns

    def __exit__(self, *_: object) -> None:
        self._turns.close()


def _field(name: str, type_: pa.DataType, unit: str, meaning: str) -> pa.Field:
    return pa.field(name, type_, nullable=False, metadata={"unit": unit, "meaning": meaning})


ROUNDS = pa.schema(
    [
        _field("round", pa.int32(), "-", "0 after the freeing of half, then 1, 2, ..."),
        *[_field(n, pa.int64(), "blocks", f"free blocks of order {n[1:]}") for n in ORDERS],
        _field("cached", pa.int64(), "pages", "in page caches, neither in use nor free"),
        _field("lock_holds", pa.int64(), "-", "holds of the free lock since the round before"),
    ]
)
REGIONS = pa.schema(
    [
        _field("round", pa.int32(), "-", "as in rounds"),
        _field("region", pa.int32(), "-", "2 MB region, ascending address"),
        _field("free", pa.int16(), "pages", "free pages of the 512, on the buddy lists"),
    ]
)


def run_tables(
    benchmark: FragBenchmark, done: Callable[[FragState], None] = lambda _: None
) -> dict[str, pa.Table]:
    """Run *benchmark* to its end; give the tables `rounds` and `regions`."""
    rounds, regions = [], []
    for state in benchmark.states():
        blocks = dict(zip(ORDERS, state.free_blocks.tolist(), strict=True))
        rest = {"cached": state.cached, "lock_holds": state.lock_holds}
        rounds.append({"round": state.round, **blocks, **rest})
        regions.append(_region_table(state))
        done(state)
    return {
        "rounds": pa.Table.from_pylist(rounds, schema=ROUNDS),
        "regions": pa.concat_tables(regions),
    }


def _region_table(state: FragState) -> pa.Table:
    n = len(state.region_free)
    columns = [np.full(n, state.round), np.arange(n), state.region_free]
    return pa.Table.from_arrays(
        [
            pa.array(c.astype(f.type.to_pandas_dtype()))
            for c, f in zip(columns, REGIONS, strict=True)
        ],
        schema=REGIONS,
    )
