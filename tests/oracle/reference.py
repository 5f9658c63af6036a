"""FreeBSD's buddy allocator once more, written to be obvious and not to be fast.

It shares no line and no idea of layout with `vmmodel.kernel`: free lists are ordered dictionaries
from the first page of a block to nothing, every page has its pool in a plain dictionary, and each
rule of the golden traces' description is one function.  Two programs that were written from the
same rules and never saw each other seldom make the same mistake.

Source of the rules: the description that came with the golden traces (`data/golden`), which were
recorded from FreeBSD 13.0's own `sys/vm/vm_phys.c`.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

MAX_ORDER = 12
POOLS = (0, 1)
DEFAULT, DIRECT = POOLS
LOWMEM_END = 4096
DMA32_END = 1 << 20


@dataclass
class Options:
    """What the first line of a trace says about the machine."""

    pages: int = 16384
    segments: int = 1
    start: int = 4096
    gap: int = 256
    ranges: list[tuple[int, int]] = field(default_factory=list)
    dma32_threshold: int = 16777216
    nofree: str = "pindex"
    import_order: int = 9
    import_pool: int = 0
    reserved: int = 0

    @classmethod
    def parse(cls, header: str) -> Options:
        """Read `# oracle OPTIONS  (source; operations)`."""
        words = header.split("(", 1)[0].split()
        assert words[:2] == ["#", "oracle"]
        options = cls()
        for name, value in zip(words[2::2], words[3::2], strict=True):
            if name == "--seg":
                first, end = value.split(":")
                options.ranges.append((int(first), int(end)))
            elif name == "--nofree":
                options.nofree = value
            else:
                setattr(options, name[2:].replace("-", "_"), int(value))
        return options

    def memory(self) -> list[tuple[int, int]]:
        """Every range of memory, ascending, before it is cut at 16 MB and 4 GB."""
        if self.ranges:
            return list(self.ranges)
        each, over = divmod(self.pages, self.segments)
        ranges, first = [], self.start
        for number in range(self.segments):
            size = each + (over if number == self.segments - 1 else 0)
            ranges.append((first, first + size))
            first += size + self.gap
        return ranges


def cut_at_boundaries(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Cut ranges where LOWMEM and DMA32 end."""
    parts = []
    for first, end in ranges:
        for boundary in (LOWMEM_END, DMA32_END):
            if first < boundary < end:
                parts.append((first, boundary))
                first = boundary
        parts.append((first, end))
    return parts


def segments_of(options: Options) -> tuple[list[tuple[int, int, int]], int]:
    """Segments as (first, end, free list) and the number of free lists.

    The counting pass goes from the highest part down, as `vm_phys_init()` does: what was judged
    DEFAULT so far is what the threshold is compared with.
    """
    parts = cut_at_boundaries(options.memory())
    exists = {"DEFAULT": False, "DMA32": False, "LOWMEM": False}
    counted = 0
    for first, end in reversed(parts):
        if end <= LOWMEM_END:
            exists["LOWMEM"] = True
        elif end <= DMA32_END and counted > options.dma32_threshold:
            exists["DMA32"] = True
        else:
            exists["DEFAULT"] = True
            counted += end - first
    number = {name: i for i, name in enumerate(name for name in exists if exists[name])}
    segments: list[tuple[int, int, int]] = []
    for first, end in parts:
        if end <= LOWMEM_END:
            freelist = number["LOWMEM"]
        elif end <= DMA32_END and exists["DMA32"]:
            freelist = number["DMA32"]
        else:
            freelist = number["DEFAULT"]
        if segments and segments[-1][1:] == (first, freelist):
            segments[-1] = (segments[-1][0], end, freelist)
        else:
            segments.append((first, end, freelist))
    return segments, len(number)


def aligned_pieces(first: int, end: int) -> list[tuple[int, int]]:
    """Cut [first, end) into maximal naturally aligned blocks: (page, order), ascending."""
    pieces = []
    while first < end:
        order = MAX_ORDER
        while first % (1 << order) or first + (1 << order) > end:
            order -= 1
        pieces.append((first, order))
        first += 1 << order
    return pieces


class Memory:
    """The buddy lists of one domain, rules 1 to 6."""

    def __init__(self, options: Options) -> None:
        self.segments, self.nfreelists = segments_of(options)
        self.lists = {
            (freelist, pool, order): OrderedDict[int, None]()
            for freelist in range(self.nfreelists)
            for pool in POOLS
            for order in range(MAX_ORDER + 1)
        }
        self.free_block: dict[int, int] = {}  # first page of each free block -> its order
        self.pool = {page: DEFAULT for first, end, _ in self.segments for page in range(first, end)}
        for first, end, _ in self.segments:
            self.append_range(first, end, DEFAULT)

    def segment(self, page: int) -> tuple[int, int, int]:
        """The segment that holds *page*."""
        return next(s for s in self.segments if s[0] <= page < s[1])

    def freelist(self, page: int) -> int:
        """The free list of *page*."""
        return self.segment(page)[2]

    def free_count(self) -> int:
        """Pages on all lists."""
        return sum(1 << order for order in self.free_block.values())

    def add(self, page: int, order: int, pool: int, *, at_head: bool = False) -> None:
        """Put a block on its list."""
        queue = self.lists[self.freelist(page), pool, order]
        queue[page] = None
        if at_head:
            queue.move_to_end(page, last=False)
        self.free_block[page] = order

    def remove(self, page: int) -> int:
        """Take the block that begins at *page* off its list, and say its order."""
        order = self.free_block.pop(page)
        del self.lists[self.freelist(page), self.pool[page], order][page]
        return order

    def set_pool(self, page: int, order: int, pool: int) -> None:
        """Move every page of a block to *pool*."""
        for each in range(page, page + (1 << order)):
            self.pool[each] = pool

    def append_range(self, first: int, end: int, pool: int) -> None:
        """Put a range back at the tails, without merging."""
        for page, order in aligned_pieces(first, end):
            self.add(page, order, pool)

    def alloc_pages(self, pool: int, order: int) -> int:
        """Rule 2: the first page of a block of 2^order pages, or -1."""
        for freelist in range(self.nfreelists):
            own = [(pool, o) for o in range(order, MAX_ORDER + 1)]
            steal = [(p, o) for o in range(MAX_ORDER, order - 1, -1) for p in POOLS]
            for from_pool, from_order in own + steal:
                queue = self.lists[freelist, from_pool, from_order]
                if not queue:
                    continue
                page = next(iter(queue))
                have = self.remove(page)
                self.set_pool(page, have, pool)
                while have > order:
                    have -= 1
                    self.add(page + (1 << have), have, pool)
                return page
        return -1

    def alloc_npages(self, pool: int, count: int) -> list[int]:
        """Rule 3: up to *count* pages, in the order the kernel hands them out."""
        got: list[int] = []
        for freelist in range(self.nfreelists):
            own = [(pool, o) for o in range(MAX_ORDER + 1)]
            steal = [(p, o) for o in range(MAX_ORDER, -1, -1) for p in POOLS]
            for from_pool, from_order in own + steal:
                queue = self.lists[freelist, from_pool, from_order]
                while queue and len(got) < count:
                    page = next(iter(queue))
                    order = self.remove(page)
                    self.set_pool(page, order, pool)
                    end = page + (1 << order)
                    taken = min(count - len(got), end - page)
                    got.extend(range(page, page + taken))
                    self.append_range(page + taken, end, pool)
        return got

    def free_pages(self, page: int, order: int) -> tuple[int, int]:
        """Rule 4: merge, put at the tail, and say which free block holds the page now."""
        first, end, _ = self.segment(page)
        pool = self.pool[page]
        while order < MAX_ORDER:
            buddy = page ^ (1 << order)
            if not first <= buddy < end or self.free_block.get(buddy) != order:
                break
            self.remove(buddy)
            self.set_pool(buddy, order, pool)
            page = min(page, buddy)
            order += 1
        self.add(page, order, pool)
        return page, order

    def alloc_contig(
        self, count: int, align: int = 1, boundary: int = 0, low: int = 0, high: int = 1 << 52
    ) -> int:
        """Rule 5: the first page of a run of *count* pages, or -1."""
        smallest = min((count - 1).bit_length(), MAX_ORDER)
        for segment in reversed(self.segments):
            for order in range(smallest, MAX_ORDER + 1):
                for pool in POOLS:
                    for page in self.lists[segment[2], pool, order]:
                        end = page + count
                        if (
                            low <= page
                            and end <= high
                            and page % align == 0
                            and (boundary == 0 or page // boundary == (end - 1) // boundary)
                            and self._following_are_free(segment, page, end, order)
                        ):
                            self._take_run(page, order, count)
                            return page
        return -1

    def _following_are_free(
        self, segment: tuple[int, int, int], page: int, end: int, order: int
    ) -> bool:
        """Whether the blocks after the first are free, and in the segment that is searched.

        The rules do not say which segment counts; `vm_phys_alloc_seg_contig()` of FreeBSD 13.0
        asks the one whose turn it is, not the one that the block lies in.
        """
        return all(
            segment[0] <= block < segment[1] and self.free_block.get(block) == order
            for block in range(page + (1 << order), end, 1 << order)
        )

    def _take_run(self, page: int, order: int, count: int) -> None:
        end = page
        while end < page + count:
            self.remove(end)
            self.set_pool(end, order, DEFAULT)
            end += 1 << order
        for piece, piece_order in aligned_pieces(page + count, end):
            self.add(piece, piece_order, DEFAULT, at_head=True)

    def free_contig(self, first: int, count: int) -> None:
        """Rule 6: merge the two ends only."""
        low, high = first, first + count
        most = min((low ^ high).bit_length() - 1, MAX_ORDER)
        pool = self.pool[first]
        set_aside = []
        if low % (1 << most):  # so ctz(low) < most
            order = (low & -low).bit_length() - 1
            set_aside.append((low, order))
            low += 1 << order
        if high % (1 << most):
            order = (high & -high).bit_length() - 1
            high -= 1 << order
            set_aside.append((high, order))
        self.append_range(low, high, pool)
        for page, order in set_aside:
            self.free_pages(page, order)

    def state(self, queued: int) -> str:
        """The answer to `s`."""
        words = b"".join(
            word.to_bytes(8, "little")
            for (freelist, pool, order), queue in self.lists.items()
            for word in (1 << 63 | freelist << 16 | pool << 8 | order, *queue)
        )
        counts = " ".join(
            f"fl{freelist}p{pool}="
            + ":".join(str(len(self.lists[freelist, pool, o])) for o in range(MAX_ORDER + 1))
            for freelist in range(self.nfreelists)
            for pool in POOLS
        )
        return f"free={self.free_count()} nofreeq={queued} crc={zlib.crc32(words):08x} {counts}"


@dataclass
class Held:
    """What one id holds: an operation's letter, its first page and its number of pages."""

    op: str
    page: int
    count: int


class Reference:
    """Answers the operations of a trace, one at a time."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.memory = Memory(options)
        self.ids = 0
        self.held: dict[int, Held] = {}
        self.runs: list[tuple[int, int]] = []  # NOFREE runs (first page, pages), head first

    def answer(self, op: str, args: str) -> str:
        """The result column of one row."""
        return str(getattr(self, f"op_{op}")(*args.split()))

    def _hold(self, op: str, page: int, count: int) -> None:
        if page >= 0:
            self.held[self.ids] = Held(op, page, count)
        self.ids += 1

    def op_a(self, order: str, pool: str) -> int:
        """`vm_phys_alloc_pages`."""
        page = self.memory.alloc_pages(int(pool), int(order))
        self._hold("a", page, 1 << int(order))
        return page

    def op_f(self, which: str) -> str:
        """`vm_phys_free_pages`, of one id or of all of a range.

        The rules give ids of `a` and `n` an order to be freed at; other ids count as dead here.
        """
        first, dash, last = which.partition("-")
        if not dash:
            block = self._free(int(first))
            return "-" if block is None else "{} {}".format(*block)
        ids = range(int(first), min(int(last) + 1, self.ids))
        return str(sum(self._free(each) is not None for each in ids))

    def _free(self, each: int) -> tuple[int, int] | None:
        if each not in self.held or self.held[each].op not in "an":
            return None
        held = self.held.pop(each)
        return self.memory.free_pages(held.page, held.count.bit_length() - 1)

    def op_n(self, count: str, pool: str) -> str:
        """`vm_phys_alloc_npages`."""
        pages = self.memory.alloc_npages(int(pool), int(count))
        for number in range(int(count)):
            self._hold("n", pages[number] if number < len(pages) else -1, 1)
        return " ".join([str(len(pages)), *ascending_runs(pages)])

    def op_g(self, count: str, *limits: str) -> int:
        """`vm_phys_alloc_contig`."""
        page = self.memory.alloc_contig(int(count), *map(int, limits))
        self._hold("g", page, int(count))
        return page

    def op_c(self, *which: str) -> str:
        """`vm_phys_free_contig` of a run of ids, all or nothing."""
        ids: list[int] = []
        for word in which:
            first, dash, last = word.partition("-")
            ids += range(int(first), int(last if dash else first) + 1)
        if any(each not in self.held for each in ids):
            return "-"
        run = [self.held.pop(each) for each in ids]
        count = sum(held.count for held in run)
        self.memory.free_contig(run[0].page, count)
        return str(count)

    def op_x(self) -> str:
        """One NOFREE page, from the queue or chunk, from an import, or an ordinary one."""
        page, source = self._nofree_page()
        self._hold("x", page, 1)
        return f"{page} {source}" if page >= 0 else "-1"

    def _nofree_page(self) -> tuple[int, str]:
        source = "q"
        if not self.runs:
            source = "i"
            order = self.options.import_order
            if self._admitted(1 << order):
                chunk = self.memory.alloc_pages(self.options.import_pool, order)
                if chunk >= 0:
                    self.runs.append((chunk, 1 << order))
        if self.runs:
            page, length = self.runs.pop(0)
            if length > 1:
                self.runs.insert(0, (page + 1, length - 1))
            return page, source
        if self._admitted(1):
            return self.memory.alloc_pages(DIRECT, 0), "p"
        return -1, ""

    def _admitted(self, count: int) -> bool:
        return self.memory.free_count() >= self.options.reserved + count

    def op_y(self, which: str) -> str:
        """A NOFREE page comes back."""
        if int(which) not in self.held:
            return "-"
        if self.options.nofree == "bump":
            return "ERR bump"
        self.runs.insert(0, (self.held.pop(int(which)).page, 1))
        return "ok"

    def op_s(self) -> str:
        """The state of all lists."""
        return self.memory.state(sum(length for _, length in self.runs))


def ascending_runs(pages: Iterable[int]) -> list[str]:
    """Write 7, 8, 9, 3 as `7-9`, `3`."""
    runs: list[list[int]] = []
    for page in pages:
        if runs and runs[-1][1] + 1 == page:
            runs[-1][1] = page
        else:
            runs.append([page, page])
    return [str(first) if first == last else f"{first}-{last}" for first, last in runs]
