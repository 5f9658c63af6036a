"""Allocate/free pairs on fragmented memory: compiled Python against the same algorithm in C.

Both run the same streams, one after the other, on two machines in the same state.  A round is two
streams: in the second they exchange machines and the order, so that neither profits from where
memory lies or from being first.  Time is CPU time of this process.  Every result must be equal.
"""

import ctypes
import statistics
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from benchmarks.compiler import FLAGS, Compiled, build
from benchmarks.rounds import Difference, at_most, cpu_ns, ratios, spread
from benchmarks.streams import CHUNK, MIXES, Memory, Mix, Slots
from vmmodel.kernel.pages import Domain, FreeList, Machine, Page, Segment
from vmmodel.kernel.replay import Block, Operation

SIZES = (1 << 16, 1 << 20, 1 << 24)
"""Pages: 256 MB, 4 GB, 64 GB."""
SEED = 1
GOAL = 1.3
"""Ours to C, at most."""
SOURCE = Path(__file__).with_name("buddy.c")
STRUCTS = (Page, FreeList, Segment, Domain, Machine, Operation, Block)
"""Those of which `layout` in buddy.c gives the sizes."""

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
    """CRC-32 of all results, which both gave."""

    def described(self) -> dict[str, Any]:
        """Give the case as JSON keeps it, with its medians."""
        medians = {
            "median_ours_ns": statistics.median(self.ours_ns),
            "median_c_ns": statistics.median(self.c_ns) if self.c_ns else None,
        }
        return {**vars(self), **medians, **(ratios(self.ours_ns, self.c_ns) if self.c_ns else {})}


def measure(quick: bool, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure all mixes on all sizes; *quick* leaves out 64 GB and takes shorter streams."""
    rounds, n, sizes = (7, 1 << 18, SIZES[:2]) if quick else (11, 1 << 19, SIZES)
    built = build(SOURCE, STRUCTS)
    compiled = built if isinstance(built, Compiled) else None
    cases = []
    for npages in sizes:
        for mix in MIXES:
            tell(f"allocator: {mix.name} on {npages:,} pages")
            cases.append(measure_case(mix, npages, compiled, rounds, n).described())
    result: dict[str, Any] = {"rounds": rounds, "goal": GOAL, "cases": cases}
    if compiled is None:
        return {**result, "without_c": built}
    return {**result, "compiler": compiled.compiler, "flags": " ".join(FLAGS)}


def tables(result: dict[str, Any]) -> list[Table]:
    """Give the result as a table; without a compiler the caption says why there is no C."""
    caption = result.get("without_c") or f"C: {result['compiler']}, {result['flags']}"
    table = Table(
        *("pairs of", "pages", "ours ns", "C ns", "ours / C", "low to high", "goal"),
        title=f"Allocate/free pairs, median of {result['rounds']} rounds",
        caption=caption,
        title_justify="left",
        caption_justify="left",
    )
    for case in result["cases"]:
        words = [case["mix"], f"{case['npages']:,}", f"{case['median_ours_ns']:.1f}"]
        if case["c_ns"]:
            words += [f"{case['median_c_ns']:.1f}", *spread(case)]
            words.append(at_most(case["median_ratio"], GOAL))
        table.add_row(*words)
    return [table]


def measure_case(mix: Mix, npages: int, compiled: Compiled | None, rounds: int, n: int) -> Case:
    """Run *rounds* rounds of *n* pairs on both; raise `Difference` if they do not agree."""
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
            memory = memories[i - half % len(contestants)]
            ns = cpu_ns(lambda run=contestants[i], on=memory: run(on, n))
            if half >= 0:
                times[half // 2, i] += ns / n  # two halves of n operations are n pairs
        digest = _agreed([memory.results(n) for memory in memories], digest, mix)
    _agreed([str(memory.state()).encode() for memory in memories], 0, mix)
    for memory in memories:
        memory.close()
    ours_ns, *others = times.T.tolist()
    return Case(mix.name, npages, n, ours_ns, others[0] if others else [], f"{digest:08x}")


def _agreed(answers: list[bytes], digest: int, mix: Mix) -> int:
    if any(answer != answers[0] for answer in answers):
        raise Difference(f"{mix.name}: compiled Python and C gave different answers")
    return zlib.crc32(answers[0], digest)


def _ours(memory: Memory, n: int) -> None:
    memory.vm.replay(memory.operations, memory.blocks, 0, n)


def _c(compiled: Compiled) -> Replay:
    in_c = compiled.library.replay
    in_c.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_int64] * 2
    in_c.restype = ctypes.c_int64

    def replay(memory: Memory, n: int) -> None:
        in_c(memory.vm.address, memory.operations.address, memory.blocks.address, 0, n)

    return replay
