"""Allocate/free pairs on fragmented memory: compiled Python against the same algorithm in C.

Both run the same streams, one after the other, on two machines in the same state.  A round is two
streams: in the second they exchange machines and the order, so that neither profits from where
memory lies or from being first.  Time is CPU time of this process.  Every result must be equal.
"""

import statistics
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.compiler import Compiled
from benchmarks.streams import CHUNK, MIXES, Memory, Mix, Slots

SIZES = (1 << 16, 1 << 20, 1 << 24)
"""Pages: 256 MB, 4 GB, 64 GB."""
ROUNDS = 11
SEED = 1

Replay = Callable[[Memory, int], None]


@dataclass(frozen=True)
class Case:
    """One row of the table; times are ns for a pair, one value a round."""

    mix: str
    npages: int
    pairs: int
    """In each round."""
    ours_ns: list[float]
    c_ns: list[float]
    """Empty without a compiler."""
    digest: str
    """CRC-32 of all returned pages, which both gave."""

    @property
    def ratios(self) -> list[float]:
        """Ours to C, by round."""
        return [a / b for a, b in zip(self.ours_ns, self.c_ns, strict=False)]

    @property
    def ratio(self) -> float | None:
        """Median of `ratios`."""
        return statistics.median(self.ratios) if self.c_ns else None


def measure_case(mix: Mix, npages: int, compiled: Compiled | None, rounds: int, n: int) -> Case:
    """Run *rounds* rounds of *n* pairs on both."""
    slots = Slots(npages, mix, SEED)
    contestants: list[Replay] = [_ours] if compiled is None else [_ours, _c(compiled)]
    memories = [Memory(npages, len(slots.there), max(n, CHUNK)) for _ in contestants]
    for stream in slots.fill():
        for memory in memories:
            _ours(memory, memory.load(slots, stream))
    times = np.zeros((rounds, len(contestants)))
    digest = 0
    for half in range(-2, 2 * rounds):  # the first two warm up
        stream = slots.toggle(n)
        for memory in memories:
            memory.load(slots, stream)
        for i in range(len(contestants))[:: 1 if half % 2 else -1]:
            ns = _timed(contestants[i], memories[i - half % len(contestants)], n)
            if half >= 0:
                times[half // 2, i] += ns / n  # two halves of n operations are n pairs
        digests = [_digest(memory, n) for memory in memories]
        assert len(set(digests)) == 1, f"{mix.name}: the results differ from those of C"
        digest = zlib.crc32(digests[0].to_bytes(4, "little"), digest)
    assert len({memory.state() for memory in memories}) == 1, f"{mix.name}: the lists differ"
    for memory in memories:
        memory.close()
    ours_ns, *others = times.T.tolist()
    return Case(mix.name, npages, n, ours_ns, others[0] if others else [], f"{digest:08x}")


def _ours(memory: Memory, n: int) -> None:
    assert n == memory.vm.replay(memory.operations, memory.blocks, 0, n)


def _c(compiled: Compiled) -> Replay:
    def replay(memory: Memory, n: int) -> None:
        at = memory.vm.address, memory.operations.address, memory.blocks.address
        assert n == compiled.replay(*at, 0, n)

    return replay


def _digest(memory: Memory, n: int) -> int:
    return zlib.crc32(memory.operations.column("result")[:n].tobytes())


def _timed(contestant: Replay, memory: Memory, n: int) -> int:
    start = time.process_time_ns()
    contestant(memory, n)
    return time.process_time_ns() - start


def cases(quick: bool) -> list[tuple[Mix, int, int, int]]:
    """Arguments of `measure_case` but for the compiler: mix, pages, rounds, operations."""
    rounds, n, sizes = (7, 1 << 17, SIZES[:2]) if quick else (ROUNDS, 1 << 19, SIZES)
    return [(mix, npages, rounds, n) for npages in sizes for mix in MIXES]
