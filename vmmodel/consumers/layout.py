"""How UMA cuts a slab into items: pages per slab, items per slab, where the header goes.

The layout decides how many pages a zone asks for at once.  Zones with one page per slab use
the direct map; zones with several pages go through ``kmem_malloc``, where a request can fail
half way and has to be rolled back.

FreeBSD: ``keg_layout()``, ``slab_ipers_hdr()`` and ``bucket_select()`` in
``sys/vm/uma_core.c`` (13.0; red zone of KASAN as in main, 2025), reimplemented from their
rules.  Not modelled: UMA_ZONE_PCPU, CACHESPREAD, NOTOUCH, CONTIG and UMA-internal zones, none
of which is NOFREE on amd64.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

PAGE_SIZE = 4096
"""Bytes of a base page on amd64."""

SMALLEST_UNIT = 8
"""Bytes of the smallest item (UMA_SMALLEST_UNIT), so at most 512 items per slab and page."""

MAX_ITEMS = PAGE_SIZE // SMALLEST_UNIT
"""Most items in a slab, whatever its size (SLAB_MAX_SETSIZE)."""

RED_ZONE = 8
"""Bytes that a KASAN kernel adds after each item, and its least alignment."""

_SLAB_HEADER = 24
_OFFPAGE_HEADER = 48
_SHIFT = 31  # the kernel compares efficiencies as fixed point numbers, so this does too
_MIN_EFFICIENCY = (90 << _SHIFT) // 100

MAX_ITEM = 1 << 20
"""Largest item in bytes accepted here; larger ones are no UMA zones in practice."""


@dataclass(frozen=True)
class SlabLayout:
    """How one slab of a zone is laid out.

    >>> keg_layout(264, 8)
    SlabLayout(item_size=264, rsize=264, ipers=15, ppera=1, offpage=False, header=32)
    """

    item_size: int
    """Bytes that the consumer of the zone asks for."""
    rsize: int
    """Bytes from the start of one item to the start of the next."""
    ipers: int
    """Items per slab."""
    ppera: int
    """Pages per slab."""
    offpage: bool
    """Whether the header lies outside the slab."""
    header: int
    """Bytes of the header with its bitmap, wherever it lies."""

    @property
    def slab_bytes(self) -> int:
        """Bytes of the slab's pages."""
        return self.ppera * PAGE_SIZE

    @property
    def wasted(self) -> int:
        """Bytes that no item uses: header, red zones, padding and the tail of the slab.

        >>> keg_layout(264, 8).wasted
        136
        """
        outside = self.header if self.offpage else 0
        return self.slab_bytes + outside - self.ipers * self.item_size

    @property
    def efficiency(self) -> float:
        """Share of the memory in items as the kernel counts it, 0 to 1, padding included."""
        outside = self.header if self.offpage else 0
        return self.ipers * self.rsize / (self.slab_bytes + outside)


def _round_up(number: int, unit: int) -> int:
    return -(-number // unit) * unit


def _bitmap(items: int, invariants: bool) -> int:
    """Bytes of the free bitmap; INVARIANTS keeps a second one of the same size."""
    return 8 * -(-items // 64) * (2 if invariants else 1)


def _offpage_header(items: int, kasan: bool, invariants: bool) -> int:
    """Bytes of an item of "UMA Slabs 0" (to 256 items) or "UMA Slabs 1" (to 512)."""
    size = _OFFPAGE_HEADER + _bitmap(256 if items <= 256 else MAX_ITEMS, invariants)
    return size + (RED_ZONE if kasan else 0)


def _items_beside_header(size: int, rsize: int, slab: int, invariants: bool) -> int:
    """Items that fit into *slab* bytes together with their header.

    The padding after the last item need not be there.
    """
    padding = rsize - size
    first = (slab + padding - _SLAB_HEADER - _bitmap(1, invariants)) // rsize
    for items in range(min(MAX_ITEMS, first), 0, -1):
        header = _SLAB_HEADER + _bitmap(items, invariants)
        if items * rsize - padding + header <= slab:
            return items
    return 0


def _slab_sizes(size: int, rsize: int) -> Iterator[int]:
    """Slab sizes in the order tried: page by page, or item by item above a page."""
    if rsize <= PAGE_SIZE:
        first = (_round_up(size, PAGE_SIZE) + rsize - size) // PAGE_SIZE
        last = -(-MAX_ITEMS * rsize // PAGE_SIZE)
        yield from (pages * PAGE_SIZE for pages in range(first, last + 1))
    else:
        first = (_round_up(size, PAGE_SIZE) + rsize - size) // rsize
        for items in range(first, MAX_ITEMS + 2):
            yield _round_up(rsize * (items - 1) + size, PAGE_SIZE)


@cache
def keg_layout(
    item_size: int, align: int, *, kasan: bool = False, invariants: bool = False
) -> SlabLayout:
    """Lay out the slabs of a zone with items of *item_size* bytes, aligned to *align* bytes.

    The slab grows until 90 % of it are items; at each size the header is tried inside the
    slab first and then off page.  The first of equally good layouts stays.  *kasan* adds a
    red zone of 8 bytes to each item; *invariants* doubles the bitmap.  Raises ValueError
    when the size is not 1..1 MiB or the alignment is no power of two up to a page.

    >>> keg_layout(1360, 8).ppera, keg_layout(1368, 8).ppera
    (1, 4)
    """
    if not 1 <= item_size <= MAX_ITEM:
        raise ValueError(f"item size is {item_size} bytes, expected 1 to {MAX_ITEM}")
    if not 1 <= align <= PAGE_SIZE or align & (align - 1):
        raise ValueError(f"alignment is {align} bytes, expected a power of two up to {PAGE_SIZE}")
    size = item_size + (RED_ZONE if kasan else 0)
    rsize = _round_up(max(size, SMALLEST_UNIT), max(align, RED_ZONE) if kasan else align)
    best, best_efficiency = None, 0
    for slab in _slab_sizes(size, rsize):
        inline = _items_beside_header(size, rsize, slab, invariants)
        offpage = min((slab + rsize - size) // rsize, MAX_ITEMS)
        header = _offpage_header(offpage, kasan, invariants)
        for items, total, outside in ((inline, slab, False), (offpage, slab + header, True)):
            efficiency = (items * rsize << _SHIFT) // total
            if efficiency <= best_efficiency:
                continue
            own = header if outside else _SLAB_HEADER + _bitmap(items, invariants)
            best = SlabLayout(item_size, rsize, items, slab // PAGE_SIZE, outside, own)
            best_efficiency = efficiency
            if efficiency >= _MIN_EFFICIENCY:
                return best
    assert best is not None, "an off-page slab always holds its item"
    return best


_BUCKETS = ((64, 254), (128, 126), (256, 62), (512, 30), (1024, 16), (2048, 8), (3072, 4))


def uma_bucket_size(item_size: int) -> int:
    """Give the items in the per-CPU bucket of a zone with items of *item_size* bytes.

    This is the size at start: it grows by one at each contention of the zone's lock.  A
    bucket has a header of 16 bytes, hence 30 rather than 32 and so on.

    FreeBSD: ``bucket_select()`` and ``bucket_zones[]``.

    >>> [uma_bucket_size(size) for size in (64, 88, 264, 1304, 2544, 4096, 5280)]
    [254, 126, 30, 8, 4, 2, 1]
    """
    if item_size < 1:
        raise ValueError(f"item size is {item_size} bytes, expected at least 1")
    for limit, items in _BUCKETS:
        if item_size <= limit:
            return items
    return max(2 * PAGE_SIZE // item_size, 1)
