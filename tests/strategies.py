"""Hypothesis strategies: orders, pools, layouts of memory; and how to read free lists."""

from collections.abc import Iterator

from hypothesis import settings
from hypothesis import strategies as st

from vmmodel.kernel import Pool, RequestClass, Vm
from vmmodel.kernel.pages import DMA32_END, LOWMEM_END

orders = st.one_of(st.integers(0, 3), st.integers(0, 12))
pools = st.sampled_from([int(pool) for pool in Pool])
request_classes = st.sampled_from(list(RequestClass))


def examples(number: int) -> settings:
    """Ask for *number* examples in the default profile, and as many more in others."""
    return settings(max_examples=number * settings().max_examples // 40)


@st.composite
def layouts(draw: st.DrawFn, max_pages: int = 6000) -> list[tuple[int, int]]:
    """Draw up to four segments, often unaligned, near the ends of LOWMEM and DMA32."""
    around = draw(st.sampled_from([8192, LOWMEM_END, DMA32_END]))
    first = max(0, around - draw(st.integers(0, 3000)))
    segments = []
    for size in draw(st.lists(st.integers(1, max_pages // 2), min_size=1, max_size=4)):
        segments.append((first, first + size))
        first += size + draw(st.integers(1, 900))
    return segments


@st.composite
def machines(draw: st.DrawFn) -> Vm:
    """Draw free memory; the caller closes it."""
    threshold = draw(st.sampled_from([0, 500, 16_777_216]))
    return Vm(draw(layouts()), dma32_threshold=threshold)


def free_lists(vm: Vm) -> dict[tuple[int, int, int], list[int]]:
    """Read (free list, pool, order) -> first pages of its blocks, head to tail."""
    lists: dict[tuple[int, int, int], list[int]] = {}
    for word in vm.list_words().tolist():
        if word < 0:
            marker = word + (1 << 63)
            blocks = lists[marker >> 16, marker >> 8 & 0xFF, marker & 0xFF] = []
        else:
            blocks.append(word)
    return lists


def block_pages(first: int, order: int) -> Iterator[int]:
    """Every page of a block."""
    return iter(range(first, first + (1 << order)))
