"""Slab layouts: the published table of NOFREE zones, KASAN and INVARIANTS, and bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmmodel.consumers.layout import MAX_ITEMS, PAGE_SIZE, keg_layout, uma_bucket_size

# zone, item bytes, align, rounded bytes, items per slab, pages per slab, bucket
ZONES = [
    ("VM OBJECT", 264, 8, 264, 15, 1, 30),
    ("PROC", 1304, 8, 1304, 3, 1, 8),
    ("PROC to 1360 B", 1360, 8, 1360, 3, 1, 8),
    ("PROC from 1368 B", 1368, 8, 1368, 11, 4, 8),
    ("THREAD (13)", 1792, 32, 1792, 9, 4, 8),
    ("THREAD (main, estimate)", 1856, 64, 1856, 2, 1, 8),
    ("THREAD (main, largest)", 2048, 64, 2048, 2, 1, 8),
    ("TURNSTILE", 136, 64, 192, 21, 1, 62),
    ("VMSPACE (13)", 2544, 8, 2544, 3, 2, 4),
    ("VMSPACE (14, estimate)", 616, 8, 616, 6, 1, 16),
    ("PGRP", 88, 8, 88, 46, 1, 126),
    ("Files", 80, 8, 80, 50, 1, 126),
    ("Mountpoints", 2752, 64, 2752, 7, 5, 4),
    ("pbuf", 2624, 64, 2624, 3, 2, 4),
    ("BUF TRIE", 144, 8, 144, 28, 1, 62),
    ("swblk", 136, 8, 136, 29, 1, 62),
    ("swpctrie", 144, 8, 144, 28, 1, 62),
    ("AIO", 208, 8, 208, 19, 1, 62),
    ("AIOP", 32, 8, 32, 126, 1, 254),
    ("AIOCB", 552, 8, 552, 7, 1, 16),
    ("AIOLIO", 272, 8, 272, 14, 1, 30),
    ("fakepg (13)", 104, 8, 104, 39, 1, 126),
    ("fakepg (main)", 88, 8, 88, 46, 1, 126),
    ("socket (13)", 944, 8, 944, 4, 1, 16),
    ("RADIX NODE", 144, 8, 144, 28, 1, 62),
]

SIZES = st.integers(1, 40_000)
ALIGNS = st.sampled_from([1, 2, 4, 8, 16, 32, 64, 128, 4096])


@pytest.mark.parametrize(("zone", "size", "align", "rsize", "ipers", "ppera", "bucket"), ZONES)
def test_known_zones(
    zone: str, size: int, align: int, rsize: int, ipers: int, ppera: int, bucket: int
) -> None:
    """Every NOFREE zone has the layout and the bucket that FreeBSD gives it."""
    layout = keg_layout(size, align)

    assert (rsize, ipers, ppera) == (layout.rsize, layout.ipers, layout.ppera)
    assert bucket == uma_bucket_size(size)


def test_kasan_adds_a_red_zone() -> None:
    """KASAN adds 8 bytes to each item, which can cost a zone an item."""
    assert 15 == keg_layout(264, 8).ipers
    assert (272, 14) == (keg_layout(264, 8, kasan=True).rsize, keg_layout(264, 8, kasan=True).ipers)
    assert (96, 42) == (keg_layout(88, 8, kasan=True).rsize, keg_layout(88, 8, kasan=True).ipers)


def test_kasan_aligns_to_the_shadow_scale() -> None:
    """KASAN aligns even byte-sized items to 8 bytes."""
    assert 10 == keg_layout(10, 1).rsize
    assert 24 == keg_layout(10, 1, kasan=True).rsize


def test_kasan_can_push_a_zone_to_several_pages() -> None:
    """An item that fits three to a page with little to spare needs four pages under KASAN."""
    assert (3, 1) == (keg_layout(1360, 8).ipers, keg_layout(1360, 8).ppera)
    assert (11, 4) == (keg_layout(1360, 8, kasan=True).ipers, keg_layout(1360, 8, kasan=True).ppera)


def test_invariants_doubles_the_bitmap() -> None:
    """INVARIANTS keeps a second bitmap, and the larger header can cost an item."""
    assert 32 == keg_layout(264, 8).header
    assert 40 == keg_layout(264, 8, invariants=True).header
    assert 14 == keg_layout(264, 8, kasan=True, invariants=True).ipers


def test_page_sized_items_keep_the_header_elsewhere() -> None:
    """Items of a whole page leave no room for a header, so it lies off page, 80 bytes."""
    layout = keg_layout(PAGE_SIZE, 8)

    assert (1, 1, True, 80) == (layout.ipers, layout.ppera, layout.offpage, layout.header)
    assert 80 == layout.wasted


def test_recorded_header_sizes() -> None:
    """Headers off page have the sizes that hosts print for "UMA Slabs 0" and "UMA Slabs 1"."""
    few, many = keg_layout(4096, 8), keg_layout(8, 8)

    assert 80 == few.header
    assert not many.offpage or many.header == 112


def test_buckets_end_at_the_item_size_limits() -> None:
    """A bucket shrinks by one step just above each size limit."""
    limits = [64, 128, 256, 512, 1024, 2048, 3072, 4096]

    assert [254, 126, 62, 30, 16, 8, 4, 2] == [uma_bucket_size(size) for size in limits]
    assert [126, 62, 30, 16, 8, 4, 2, 1] == [uma_bucket_size(size + 1) for size in limits]


@pytest.mark.parametrize(("size", "align"), [(0, 8), (-1, 8), (1 << 21, 8), (8, 0), (8, 3)])
def test_bad_arguments(size: int, align: int) -> None:
    """Sizes and alignments that no zone can have are refused."""
    with pytest.raises(ValueError, match="expected"):
        keg_layout(size, align)


def test_bad_bucket_size() -> None:
    """An item without bytes has no bucket."""
    with pytest.raises(ValueError, match="at least 1"):
        uma_bucket_size(0)


@given(size=SIZES, align=ALIGNS, kasan=st.booleans(), invariants=st.booleans())
def test_everything_fits(size: int, align: int, kasan: bool, invariants: bool) -> None:
    """Items and an inline header always fit in the slab, and no more than 512 items."""
    layout = keg_layout(size, align, kasan=kasan, invariants=invariants)
    last = (layout.ipers - 1) * layout.rsize + size + (8 if kasan else 0)

    assert 1 <= layout.ipers <= MAX_ITEMS
    assert 0 == layout.rsize % align
    assert last + (0 if layout.offpage else layout.header) <= layout.slab_bytes
    assert 0 <= layout.wasted


@given(size=st.integers(9, 4096), invariants=st.booleans())
def test_efficiency(size: int, invariants: bool) -> None:
    """Aligned items of at least 9 bytes fill 90 % of the slab, given pages enough."""
    layout = keg_layout(size, 8, invariants=invariants)

    assert 0.9 <= layout.efficiency + 1e-9
