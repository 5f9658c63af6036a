"""Fragmented memory, and streams of allocations and frees that keep it so.

A *slot* is a block that is sometimes there.  A stream picks slots at random and toggles them: what
is there is freed, what is not is allocated again in the slot's order.  Two toggles are a pair.
With as many slots there as not, memory stays three quarters full.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vmmodel.kernel import Vm
from vmmodel.kernel.cstruct import StructArray
from vmmodel.kernel.replay import ALLOC, FREE, Block, Operation

CHUNK = 1 << 20
"""Operations of a stream that are in memory at a time."""


@dataclass(frozen=True)
class Mix:
    """Which orders are asked for, and in what shares."""

    name: str
    orders: tuple[int, ...]
    shares: tuple[float, ...]


MIXES = (
    Mix("order 0", (0,), (1.0,)),
    Mix("order 9", (9,), (1.0,)),
    Mix("90/10", (0, 9), (0.9, 0.1)),
)


@dataclass(frozen=True)
class Toggle:
    """Operations in the order they are done: which slot, and whether it is allocated or freed."""

    slots: npt.NDArray[np.int64]
    allocates: npt.NDArray[np.bool_]


class Slots:
    """The slots of a memory of *npages*: their orders, and which of them are there."""

    def __init__(self, npages: int, mix: Mix, seed: int) -> None:
        self.random = np.random.default_rng(np.random.SeedSequence([seed, npages, len(mix.name)]))
        mean = sum(s * (1 << o) for o, s in zip(mix.orders, mix.shares, strict=True))
        self.n_full = int(npages / mean)
        """Slots that fill the memory."""
        n = self.n_full + self.n_full // 2
        self.orders = self.random.choice(np.array(mix.orders, np.int8), size=n, p=mix.shares)
        self.there = np.zeros(n, bool)

    def fill(self) -> Iterator[Toggle]:
        """Fill the memory, then free a random quarter of it."""
        yield from self._chunks(np.arange(self.n_full), True)
        yield from self._chunks(self.random.permutation(self.n_full)[: self.n_full // 4], False)

    def toggle(self, n: int) -> Toggle:
        """Toggle *n* slots picked at random; the same slot may come again."""
        slots = self.random.integers(0, len(self.there), n)
        by_slot = np.argsort(slots, kind="stable")
        ordered = slots[by_slot]
        first = np.maximum.accumulate(
            np.where(np.r_[True, ordered[1:] != ordered[:-1]], np.arange(n), 0)
        )
        odd = np.empty(n, bool)
        odd[by_slot] = (np.arange(n) - first) % 2
        allocates = self.there[slots] == odd
        self.there[slots] = allocates  # the last one of a slot stays
        return Toggle(slots, allocates)

    def _chunks(self, slots: npt.NDArray[np.int64], allocate: bool) -> Iterator[Toggle]:
        self.there[slots] = allocate
        for start in range(0, len(slots), CHUNK):
            part = slots[start : start + CHUNK]
            yield Toggle(part, np.full(len(part), allocate))


class Memory:
    """A machine, what its slots hold, and room for *n* operations on them."""

    def __init__(self, npages: int, n_slots: int, n: int) -> None:
        self.vm = Vm.of_size(npages)
        self.blocks = StructArray(Block, n_slots)
        self.operations = StructArray(Operation, n)

    def load(self, slots: Slots, stream: Toggle) -> int:
        """Write *stream* as operations; give how many."""
        n = len(stream.slots)
        into = self.operations.records[:n]
        into["kind"] = np.where(stream.allocates, ALLOC, FREE)
        into["id"] = stream.slots
        into["order"] = slots.orders[stream.slots]
        return n

    def results(self, n: int) -> bytes:
        """Give the first page of each of *n* operations, and the orders that frees merged to."""
        done = self.operations.records[:n]
        return bytes(done["result"].tobytes() + done["result_order"].tobytes())

    def state(self) -> tuple[int, int]:
        """Digest all list orders, and count the free pages; the lists are checked."""
        assert self.vm.check() == self.vm.free_count()
        return self.vm.checksum(), self.vm.free_count()

    def close(self) -> None:
        """Free the memory."""
        for closable in (self.vm, self.blocks, self.operations):
            closable.close()
