"""Golden traces: the file format of recorded allocator answers, read and checked.

A trace is what FreeBSD's own ``vm_phys.c`` answered to a stream of operations.  The format and
the rules behind it are in ``data/golden/README.md``.
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vmmodel.errors import InputError, shown
from vmmodel.kernel.cstruct import StructArray
from vmmodel.kernel.pages import DMA32_NPAGES_THRESHOLD, MAX_ORDER, NFREEORDER, NPOOL
from vmmodel.kernel.replay import ALLOC, FREE, FREE_RANGE, OTHER, Operation
from vmmodel.kernel.vm import HIGHEST_PFN

MAX_PAGES = 1 << 26
"""256 GB: the largest machine a trace may ask for.  Holes between segments cost no memory."""
MAX_IDS = 1 << 27
MAX_BYTES = 1 << 27
"""Largest trace, unpacked."""
MAX_ROWS = 1 << 21
"""Together with the three above it keeps a small packed file from filling the memory."""
COLUMNS = "op,args,result"


@dataclass(frozen=True)
class TraceOptions:
    """The first line of a trace: the machine, and how NOFREE pages are served."""

    segments: tuple[tuple[int, int], ...]
    """(first page frame, end), ascending, END exclusive."""
    dma32_threshold: int = DMA32_NPAGES_THRESHOLD
    nofree: str = "pindex"
    """``bump`` or ``pindex`` (the queue of runs of D49480)."""
    import_order: int = 9
    import_pool: int = 0
    reserved: int = 0
    """Pages below which nothing is admitted."""


@dataclass(frozen=True)
class Trace:
    """A trace, row by row; row *i* stands in line ``i + 3`` of its file."""

    path: Path
    options: TraceOptions
    ops: str
    """One letter a row."""
    args: list[list[int]]
    """Numbers; a range of ids A-B is a pair of its own in `ranges`."""
    ranges: list[list[tuple[int, int]]]
    """For `f` and `c`: ranges of ids, END exclusive."""
    results: list[str]
    first_id: npt.NDArray[np.int64]
    """First id that the row takes."""
    n_ids: int

    def text(self, row: int) -> str:
        """Word the operation of a row, as in the file."""
        spans = [str(a) if b == a + 1 else f"{a}-{b - 1}" for a, b in self.ranges[row]]
        return " ".join([self.ops[row], *map(str, self.args[row]), *spans])

    def batch(self) -> StructArray:
        """Give the rows as operations for `replay`: `a` and `f`; the others stop a batch."""
        array = StructArray(Operation, len(self.ops))
        array.column("kind")[:] = OTHER
        for row, op in enumerate(self.ops):
            operation, args = array.records[row], self.args[row]
            if op == "a":
                operation["kind"], operation["id"] = ALLOC, self.first_id[row]
                operation["order"], operation["pool"] = args
            elif op == "f" and args and args[0] < self.n_ids:
                operation["kind"], operation["id"] = FREE, args[0]
            elif op == "f" and not args:
                start, end = self.ranges[row][0]
                operation["kind"], operation["id"] = FREE_RANGE, min(start, self.n_ids)
                operation["end_id"] = min(end, self.n_ids)
        return array


def read_trace(path: Path) -> Trace:
    """Read a trace, plain or gzip; raise `InputError`, naming the line, if it is malformed."""
    lines = iter(enumerate(_read_lines(path), start=1))
    options = _parse_options(path, next(lines, (1, ""))[1])
    number, header = next(lines, (2, ""))
    if header.strip() != COLUMNS:
        raise InputError(path, f"the column line is {header[:40]!r}", f"{COLUMNS!r}", line=number)
    return _parse_rows(path, options, lines)


def _read_lines(path: Path) -> list[str]:
    text = _read_text(path)
    if text.count("\n") > MAX_ROWS:
        raise InputError(path, "has too many lines", f"at most {MAX_ROWS}")
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n")


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(2)
        opener = gzip.open if head == b"\x1f\x8b" else open
        with opener(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(path, f"cannot be read ({reason})", "a golden trace") from None
    if len(data) > MAX_BYTES:
        raise InputError(path, "is too large", f"at most {MAX_BYTES >> 20} MB unpacked")
    try:
        return bytes(data).decode("ascii")
    except UnicodeDecodeError as error:
        line = bytes(data).count(b"\n", 0, error.start) + 1
        raise InputError(path, "is not plain text", "a golden trace", line=line) from None


def _parse_options(path: Path, line: str) -> TraceOptions:
    def fail(what: str, expected: str) -> InputError:
        return InputError(path, what, expected, line=1)

    if not line.startswith("# oracle"):
        raise fail("the first line is not a trace header", "'# oracle OPTIONS'")
    words = iter(line.removeprefix("# oracle").split("(")[0].split())
    numbers = {"pages": 16384, "segments": 1, "start": 4096, "gap": 256}
    numbers |= {"dma32-threshold": DMA32_NPAGES_THRESHOLD, "import-order": 9}
    numbers |= {"import-pool": 0, "reserved": 0}
    listed: list[tuple[int, int]] = []
    nofree = "pindex"
    for word in words:
        name, value = word.removeprefix("--"), next(words, "")
        if word == "--seg" and (match := re.fullmatch(r"(\d{1,10}):(\d{1,10})", value)):
            listed.append((int(match[1]), int(match[2])))
        elif word == "--nofree" and value in ("bump", "pindex"):
            nofree = value
        elif word.startswith("--") and name in numbers and re.fullmatch(r"\d{1,10}", value):
            numbers[name] = int(value)
        else:
            known = ", ".join(f"--{n}" for n in (*numbers, "seg", "nofree"))
            found = shown(f"{word} {value}".rstrip())
            what = f"bad option {found[1:-1]}"
            raise fail(what, f"one of {known} with its value")
    segments = tuple(listed) or _even_segments(**{k: numbers[k] for k in _EVEN})
    _check_machine(segments, numbers, fail)
    return TraceOptions(
        segments,
        numbers["dma32-threshold"],
        nofree,
        numbers["import-order"],
        numbers["import-pool"],
        numbers["reserved"],
    )


_EVEN = ("pages", "segments", "start", "gap")


def _even_segments(pages: int, segments: int, start: int, gap: int) -> tuple[tuple[int, int], ...]:
    """Lay out *segments* equal parts of *pages*, *gap* page frames apart."""
    size = pages // max(segments, 1)
    firsts = [start + i * (size + gap) for i in range(min(segments, 256))]
    return tuple((first, first + size) for first in firsts)


def _check_machine(segments, numbers, fail) -> None:  # type: ignore[no-untyped-def]
    if not 1 <= len(segments) <= 64:
        raise fail(f"{len(segments)} segments", "1 to 64")
    end = -1
    for first, after in segments:
        if not end < first < after <= HIGHEST_PFN:
            raise fail(
                f"segment {first}:{after}", f"FIRST < END <= {HIGHEST_PFN}, ascending, not adjacent"
            )
        end = after
    if sum(after - first for first, after in segments) > MAX_PAGES:
        raise fail("the machine is too large", f"at most {MAX_PAGES} pages")
    if numbers["import-order"] > MAX_ORDER or numbers["import-pool"] >= NPOOL:
        raise fail("bad --import-order or --import-pool", "order 0 to 12, pool 0 or 1")


_RANGE = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?")
_NUMBER = re.compile(r"\d{1,13}")
MAX_FREED = 1 << 20
"""Ids that one `c` may name."""
_ARGUMENTS = {"a": (2, 2), "n": (2, 2), "g": (1, 5), "x": (0, 0), "y": (1, 1), "s": (0, 0)}


def _parse_rows(path: Path, options: TraceOptions, lines: Iterator[tuple[int, str]]) -> Trace:
    ops: list[str] = []
    args: list[list[int]] = []
    ranges: list[list[tuple[int, int]]] = []
    results: list[str] = []
    first_id: list[int] = []
    n_ids = 0
    for number, line in lines:
        fields = line.split(",")
        if len(fields) != 3:
            raise InputError(path, f"{len(fields)} columns", COLUMNS, line=number)
        op, text, result = fields
        words = text.split()
        try:
            if op in ("f", "c"):
                numbers, spans = [], [_range(word) for word in words]
                if not spans or (op == "f" and len(spans) > 1):
                    raise ValueError("ids to free: one id or range")
                if op == "c" and sum(end - first for first, end in spans) > MAX_FREED:
                    raise ValueError(f"at most {MAX_FREED} ids")
                if op == "f" and "-" not in text:
                    numbers = [spans.pop()[0]]
            else:
                numbers, spans = [_number(word) for word in words], []
                _check_arguments(op, numbers)
        except ValueError as error:
            raise InputError(path, f"bad row {line[:60]!r}", str(error), line=number) from None
        ops.append(op)
        args.append(numbers)
        ranges.append(spans)
        results.append(result)
        first_id.append(n_ids)
        n_ids += numbers[0] if op == "n" else op in "agx"
        if n_ids > MAX_IDS:
            raise InputError(path, "too many ids", f"at most {MAX_IDS}", line=number)
    table = np.array(first_id, dtype=np.int64)
    return Trace(path, options, "".join(ops), args, ranges, results, table, n_ids)


def _number(word: str) -> int:
    if not _NUMBER.fullmatch(word):
        raise ValueError("whole numbers")
    return int(word)


def _range(word: str) -> tuple[int, int]:
    match = _RANGE.fullmatch(word)
    if not match or int(match[2] or match[1]) < int(match[1]):
        raise ValueError("ids to free: ID or A-B, A not above B")
    return int(match[1]), int(match[2] or match[1]) + 1


def _check_arguments(op: str, numbers: list[int]) -> None:
    if op not in _ARGUMENTS:
        raise ValueError("one of the operations a f n g c x y s")
    low, high = _ARGUMENTS[op]
    if not low <= len(numbers) <= high or any(not 0 <= n <= 1 << 40 for n in numbers):
        raise ValueError(f"{op} takes {low} to {high} whole numbers")
    if op == "a" and not (numbers[0] < NFREEORDER and numbers[1] < NPOOL):
        raise ValueError("a ORDER POOL, order 0 to 12 and pool 0 or 1")
    if op == "n" and not (1 <= numbers[0] <= 4096 and numbers[1] < NPOOL):
        raise ValueError("n COUNT POOL, 1 to 4096 pages and pool 0 or 1")
    if op == "g" and not _contig_ok(*numbers):
        raise ValueError("g NPAGES [ALIGN [BOUNDARY [LOW HIGH]]], powers of two, boundary may be 0")


def _contig_ok(npages: int, alignment: int = 1, boundary: int = 0, *limits: int) -> bool:
    powers = alignment.bit_count() == 1 and boundary.bit_count() <= 1
    return npages > 0 and powers and len(limits) in (0, 2)
