"""Draw random traces, answered by the reference, that go where the golden traces do not.

The golden traces have one segment, one free list and no NOFREE bump pointer.  These have tiny
segments with unaligned ends on either side of 16 MB and 4 GB, every free list, small chunks,
reserves, exhaustion, and ids that are dead, freed twice or of the wrong kind.

    python tests/oracle/generate.py SEED > trace.csv
"""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from oracle.reference import Held, Options, Reference

BOUNDARIES = (4096, 1 << 20)
Row = tuple[str, str, str]


def draw_trace(seed: int, operations: int = 150) -> str:
    """Draw a whole trace file."""
    rng = Random(seed)
    header = draw_header(rng)
    reference = Reference(Options.parse(header))
    rows = [answer(reference, "s", "")]
    mood = draw_mood(rng)
    for number in range(operations):
        if number % 40 == 39:
            mood = draw_mood(rng)
        rows.append(answer(reference, *draw_operation(rng, reference, mood)))
    rows.append(answer(reference, "s", ""))
    lines = [f"{header}  (reference; {len(rows)} ops)", "op,args,result"]
    return "\n".join(lines + [",".join(row) for row in rows]) + "\n"


def answer(reference: Reference, op: str, args: str) -> Row:
    """Let the reference answer one operation."""
    return op, args, reference.answer(op, args)


def draw_header(rng: Random) -> str:
    """Draw a machine."""
    layout = rng.choice([even_segments, even_segments, odd_segments, three_lists, large_blocks])
    words = ["# oracle", layout(rng)]
    if layout is not three_lists and rng.random() < 0.5:
        words.append(f"--dma32-threshold {rng.choice([0, 1, 200, 1000, 1700, 3000, 16777216])}")
    if rng.random() < 0.7:
        words.append(f"--nofree {rng.choice(['bump', 'pindex'])}")
    if rng.random() < 0.7:
        words.append(f"--import-order {rng.randrange(13)}")
    if rng.random() < 0.3:
        words.append(f"--import-pool {rng.randrange(2)}")
    if rng.random() < 0.5:
        words.append(f"--reserved {rng.choice([1, 2, 10, 300, 1000, 5000])}")
    return " ".join(words)


def even_segments(rng: Random) -> str:
    """Draw equal segments."""
    segments = rng.choice([1, 1, 2, 3, 5])
    each = rng.choice([rng.randrange(1, 40), rng.randrange(100, 3000), 512, 4096, 6144])
    start = rng.choice([4096, 4097, rng.randrange(5000), rng.randrange(1 << 16), (1 << 20) - each])
    gap = rng.choice([1, 3, 256, rng.randrange(1, 5000)])
    return f"--pages {segments * each} --segments {segments} --start {start} --gap {gap}"


def three_lists(rng: Random) -> str:
    """Draw segments in all three free lists, or nearly: the threshold is about what lies above."""
    above = rng.randrange(1, 3000)
    low, middle = rng.randrange(4096), rng.randrange(4097, 200_000)
    parts = [
        (low, rng.choice([low + 1, 4095, 4096, 4096 + rng.randrange(700)])),
        (middle + 1000, middle + 1000 + rng.randrange(1, 5000)),
        ((1 << 20) - rng.randrange(2000), (1 << 20) + above),
    ]
    words = [f"--seg {first}:{end}" for first, end in parts if first < end]
    return " ".join([*words, f"--dma32-threshold {above + rng.choice([-1, 0, -above, 100])}"])


def large_blocks(rng: Random) -> str:
    """Draw memory that holds several blocks of the largest order side by side."""
    segments = rng.choice([1, 2])
    start = rng.choice([4096, 8192, (1 << 20) - 8192, rng.randrange(20000)])
    return f"--pages {segments * rng.randrange(9000, 21000)} --segments {segments} --start {start}"


def odd_segments(rng: Random) -> str:
    """Draw segments of all sizes near the boundaries of the free lists."""
    edges = set()
    for around in rng.sample([*BOUNDARIES, 16384, (1 << 20) + 9000], rng.randrange(1, 4)):
        near = [around + rng.randrange(-3500, 4500) for _ in range(rng.randrange(4))]
        edges |= {edge for edge in [*near, around] if edge >= 0}
        edges.add(around + rng.randrange(1, 4000))
    ascending = sorted(edges)
    ends = ascending[1:]
    parts: list[tuple[int, int]] = []
    for first, end in zip(ascending, ends, strict=False):
        if end - first > 10000 or (parts and parts[-1][1] == first) or end == first:
            continue
        parts.append((first, end))
    return " ".join(f"--seg {first}:{end}" for first, end in parts or [(4096, 5000)])


def draw_mood(rng: Random) -> dict[str, float]:
    """Draw how likely each operation is for a while; to fill memory, or to drain it."""
    mood = {"a": 4.0, "n": 1.0, "f": 4.0, "g": 1.0, "c": 1.5, "x": 3.0, "y": 2.0, "s": 0.5}
    for op, factor in rng.choice(
        [
            {"a": 4.0, "n": 3.0, "f": 0.3, "c": 0.2, "y": 0.2},
            {"f": 3.0, "c": 3.0},
            {"x": 10.0, "f": 0.5},
            {"g": 4.0},
            {},
        ]
    ).items():
        mood[op] *= factor
    return mood


def draw_operation(rng: Random, reference: Reference, mood: dict[str, float]) -> tuple[str, str]:
    """Draw one operation and its arguments."""
    op = rng.choices(list(mood), list(mood.values()))[0]
    if op == "a":
        return op, f"{rng.choice([0, 0, 1, 2, rng.randrange(13)])} {rng.randrange(2)}"
    if op == "n":
        largest = rng.choice([3, 40, 600, 4096])
        return op, f"{rng.randint(1, largest)} {rng.randrange(2)}"
    if op == "g":
        return op, draw_contig(rng, reference)
    if op == "f":
        return op, draw_free(rng, reference)
    if op == "c":
        return op, draw_run(rng, reference)
    if op == "y":
        return draw_free_nofree(rng, reference)
    return op, ""


def draw_contig(rng: Random, reference: Reference) -> str:
    """Draw the arguments of `g`: often limits at which the answer turns."""
    largest = rng.choice([4, 16, 64, 64, 600, 4096, 13000])
    words = [rng.randint(1, largest)]
    if rng.random() < 0.7:
        words.append(1 << rng.choice([0, 1, 4, rng.randrange(13)]))
        if rng.random() < 0.7:
            words.append(rng.choice([0, 0, 1 << rng.randrange(15), 1 << words[0].bit_length()]))
            if rng.random() < 0.7:
                words += draw_range(rng, reference, words[0])
    return " ".join(map(str, words))


def draw_range(rng: Random, reference: Reference, count: int) -> list[int]:
    """Draw LOW and HIGH: about a free block, so that one page decides, or about a segment."""
    free = list(reference.memory.free_block)
    if free and rng.random() < 0.5:
        page = rng.choice(free)
        return [max(page + rng.choice([-1, 0, 0, 1]), 0), page + count + rng.choice([-1, 0, 1])]
    first, end, _ = rng.choice(reference.memory.segments)
    edges = [0, first, end, (first + end) // 2, rng.randint(first, end), 1 << 20, 4096, 1 << 21]
    return sorted(rng.sample(edges, 2), reverse=rng.random() < 0.02)


def live(reference: Reference, ops: str) -> list[int]:
    """Every id that holds pages of one of the operations *ops*."""
    return [each for each, held in reference.held.items() if held.op in ops]


def draw_free(rng: Random, reference: Reference) -> str:
    """Draw the argument of `f`: a live id, any id at all, or a range."""
    ids = live(reference, "an")
    if rng.random() < 0.25:
        first = rng.randrange(reference.ids + 2)
        return f"{first}-{first + rng.randrange(rng.choice([4, 40, 400]))}"
    if ids and rng.random() < 0.9:
        return str(rng.choice(ids))
    return str(rng.randrange(reference.ids + 3))


def draw_free_nofree(rng: Random, reference: Reference) -> tuple[str, str]:
    """Draw `y` of a NOFREE page, or `x` if there is none."""
    ids = live(reference, "x")
    return ("y", str(rng.choice(ids))) if ids else ("x", "")


def draw_run(rng: Random, reference: Reference) -> str:
    """Draw the argument of `c`: ids of one run of pages; sometimes one of them is dead."""
    memory = reference.memory
    at = {held.page: each for each, held in reference.held.items() if held.op in "ang"}
    if not at:
        return str(reference.ids + 1)
    page = rng.choice(list(at))
    segment, pool = memory.segment(page), memory.pool[page]
    run: list[int] = []
    while page in at and len(run) < rng.choice([1, 5, 100]):
        if memory.pool[page] != pool or memory.segment(page) != segment:
            break
        run.append(at[page])
        held: Held = reference.held[at[page]]
        page += held.count
    if rng.random() < 0.1:
        run.append(reference.ids + rng.randrange(3))
    return words_of(run)


def words_of(ids: list[int]) -> str:
    """Write ids as `A-B` where they rise by one."""
    spans: list[list[int]] = []
    for each in ids:
        if spans and spans[-1][1] + 1 == each:
            spans[-1][1] = each
        else:
            spans.append([each, each])
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)


if __name__ == "__main__":
    sys.stdout.write(draw_trace(int(sys.argv[1])))
