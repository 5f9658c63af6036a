"""Physical segments: which free list each part of memory belongs to.

FreeBSD: `vm_phys_add_seg()` splits a segment at 16 MB and at 4 GB; `vm_phys_init()` numbers the
free lists that exist and joins neighbours that share one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from vmmodel.kernel.pages import DMA32_END, LOWMEM_END, NFREELIST, REGION_ORDER

DEFAULT, DMA32, LOWMEM = range(NFREELIST)


@dataclass(frozen=True)
class PhysSegment:
    """Page frames start..end-1 with one free list.  FreeBSD: struct vm_phys_seg."""

    start: int
    end: int
    domain: int
    freelist: int = 0
    region_shift: int = 0
    """``(pfn >> 9) - region_shift`` numbers the 2 MB regions without gaps."""


def assign_free_lists(
    segments: Iterable[Sequence[int]], dma32_threshold: int
) -> tuple[list[PhysSegment], int]:
    """Split, number and join *segments*; give them and the number of free lists.

    The DMA32 list exists when more than *dma32_threshold* pages lie above.  FreeBSD counts them
    from the highest segment down, and counts what it has put into DEFAULT, below 4 GB too; what
    is decided for one segment below 4 GB then holds for all.

    >>> parts, n = assign_free_lists([(256, 8192)], 16_777_216)
    >>> [(part.start, part.end, part.freelist) for part in parts], n
    ([(256, 4096, 1), (4096, 8192, 0)], 2)
    """
    parts = [piece for segment in segments for piece in _split(*segment)]
    if not parts:
        raise ValueError("no memory: expected at least one segment")
    for before, after in pairwise(parts):
        if after.start < before.end:
            raise ValueError(f"segment {after.start}:{after.end} is not above the one before it")
    exists = [False] * NFREELIST
    default_pages = 0
    for part in reversed(parts):
        if part.end <= LOWMEM_END:
            exists[LOWMEM] = True
        elif default_pages > dma32_threshold and part.end <= DMA32_END:
            exists[DMA32] = True
        else:
            exists[DEFAULT] = True
            default_pages += part.end - part.start
    numbered = [replace(part, freelist=_number(part, exists)) for part in parts]
    return _number_regions(_join(numbered)), sum(exists)


def _split(start: int, end: int, domain: int = 0) -> list[PhysSegment]:
    if start < 0 or end <= start:
        raise ValueError(f"segment {start}:{end} is empty: expected FIRST < END")
    cuts = [start, *(cut for cut in (LOWMEM_END, DMA32_END) if start < cut < end), end]
    return [PhysSegment(a, b, domain) for a, b in pairwise(cuts)]


def _number(part: PhysSegment, exists: list[bool]) -> int:
    """Number the lists that exist without gaps; a missing DMA32 list means the one before it."""
    kind = LOWMEM if part.end <= LOWMEM_END else DMA32 if part.end <= DMA32_END else DEFAULT
    return sum(exists[: kind + 1]) - 1


def _join(parts: list[PhysSegment]) -> list[PhysSegment]:
    joined = parts[:1]
    for part in parts[1:]:
        last = joined[-1]
        if (last.end, last.domain, last.freelist) == (part.start, part.domain, part.freelist):
            joined[-1] = replace(last, end=part.end)
        else:
            joined.append(part)
    return joined


def _number_regions(parts: list[PhysSegment]) -> list[PhysSegment]:
    numbered: list[PhysSegment] = []
    used, last_region = 0, -1
    for part in parts:
        first = part.start >> REGION_ORDER
        used -= first == last_region
        numbered.append(replace(part, region_shift=first - used))
        last_region = (part.end - 1) >> REGION_ORDER
        used += last_region - first + 1
    return numbered
