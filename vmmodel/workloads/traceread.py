"""Read a trace: bounded, and every mistake named with file, line and expectation."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, cast

from vmmodel.errors import InputError, meant, shown
from vmmodel.workloads.traceform import (
    COLUMNS,
    NOBODYS,
    OPS,
    OPTIONS,
    POOLS,
    TITLE,
    VERSION,
    Row,
    fails_of,
    whole,
)
from vmmodel.workloads.zones import Kernel

T = TypeVar("T")

MOST_BYTES = 1 << 26
"""Of a trace, unpacked."""
MOST_ROWS = 1_000_000
MOST_PAGES = 256 * 262_144
MOST_CPUS = 256
MOST_NS = 400 * 86_400 * 10**9
MOST_ITEMS = 65_536
"""Of one refill; a bucket of UMA has some hundred."""
MOST_PARTS = 64
"""Of one take."""
WANTED = "a trace (docs/traces.md); ./study describe WORKLOAD --write-trace FILE makes one"


@dataclass(frozen=True)
class Machine:
    """The first line of a trace: the machine that was recorded, and for how long."""

    pages: int
    cpus: int
    ns: int
    bucket: int
    """Pages that ordinary traffic moves in one hold of the free lock."""
    kernel: Kernel = "13"
    kasan: bool = False


def read_rows(path: Path) -> tuple[Machine, list[Row]]:
    """Read the machine and the events, in order of time; `InputError` says what is wrong."""
    lines = _lines(path)
    machine = _machine(path, lines[0])
    if len(lines) < 2 or lines[1].strip() != COLUMNS:
        found = shown(lines[1]) if len(lines) > 1 else "missing"
        raise InputError(path, f"the line of columns is {found}", COLUMNS, line=2)
    rows = [_row(path, machine, number, line) for number, line in _numbered(lines)]
    rows.sort(key=lambda row: (row.time_ns, row.cpu))
    return machine, rows


def _numbered(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Number the lines of events; a recorder may leave blank ones."""
    for number, line in enumerate(lines[2:], start=3):
        if line.strip():
            yield number, line


def _lines(path: Path) -> list[str]:
    content = _content(path)
    if len(content) > MOST_BYTES:
        raise InputError(path, "the trace is too large", f"at most {MOST_BYTES >> 20} MB unpacked")
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(path, "is not plain text", WANTED, line=line) from None
    if text.count("\n") > MOST_ROWS:
        raise InputError(path, "the trace has too many rows", f"at most {MOST_ROWS:,}")
    return text.replace("\r\n", "\n").split("\n")


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except (OSError, EOFError, ValueError, zlib.error) as reason:
        said = getattr(reason, "strerror", None) or str(reason)
        raise InputError(path, f"cannot be read ({said})", WANTED) from None


def _machine(path: Path, line: str) -> Machine:
    """Read the first line; where the trace comes from stands in parentheses at its end."""

    def refused(what: str, expected: str) -> InputError:
        return InputError(path, what, expected, line=1)

    if not line.startswith(f"{TITLE} "):
        raise refused(f"the first line is {shown(line)}", f"{TITLE} {VERSION} pages=... cpus=...")
    version, *words = line.removeprefix(TITLE).partition("(")[0].split() or [""]
    if version != str(VERSION):
        raise refused(f"the version is {shown(version)}", f"{VERSION}")
    told: dict[str, str] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name not in OPTIONS or name in told:
            raise refused(f"{shown(word)} is unknown or twice{meant(name, OPTIONS)}",
                          ", ".join(OPTIONS))  # fmt: skip
        told[name] = value

    def number(name: str, least: int, most: int, default: int | None = None) -> int:
        if name not in told and default is not None:
            return default
        try:
            if (found := whole(told.get(name, ""), most)) >= least:
                return found
        except ValueError:
            pass
        raise refused(f"{name} is {shown(told.get(name, 'missing'))}", f"{least} to {most}")

    pages, cpus = number("pages", 1024, MOST_PAGES), number("cpus", 1, MOST_CPUS)
    kernel = told.get("kernel", "13")
    if kernel not in ("13", "main"):
        raise refused(f"kernel is {shown(kernel)}", "13 or main")
    # What a page cache of this machine moves at once.  FreeBSD: vm_page_zone_init().
    usual = max(min(pages // 1000 // (2 * cpus) // 2, 254), 1)
    return Machine(
        pages,
        cpus,
        number("ns", 1, MOST_NS),
        number("bucket", 1, 4096, usual),
        cast("Literal['13', 'main']", kernel),
        bool(number("kasan", 0, 1, 0)),
    )


def _row(path: Path, machine: Machine, number: int, line: str) -> Row:
    """Read one event, column by column."""
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) != COLUMNS.count(",") + 1:
        raise InputError(path, f"{len(cells)} columns", COLUMNS, line=number)
    told = dict(zip(COLUMNS.split(","), cells, strict=True))
    op = told["op"]
    if op not in OPS:
        what = f"op is {shown(op)}{meant(op, OPS)}"
        raise InputError(path, what, f"one of {', '.join(OPS)}", line=number)

    def read(key: str, reader: Callable[[str], T]) -> T:
        try:
            return reader(told[key])
        except ValueError as reason:
            what = f"{op}: {key} is {shown(told[key])}"
            raise InputError(path, what, str(reason), line=number) from None

    time_ns = read("time_ns", lambda text: whole(text, machine.ns))
    cpu = read("cpu", lambda text: _cpu(op, text, time_ns, machine.cpus))
    name = read("name", lambda text: _name(op, text))
    count = read("count", lambda text: _number(op, text, _COUNTS))
    if op == "take" and count > machine.pages:
        expected = f"at most {machine.pages}, the pages of the machine"
        raise InputError(path, f"take: count is {count}", expected, line=number)
    who = read("id", lambda text: _number(op, text, _IDS))
    part = read("part", lambda text: _number(op, text, _PARTS) if text else -1)
    fails = read("fails", lambda text: fails_of(text, _most_slabs(op, count)))
    return Row(number, time_ns, cpu, op, name, count, who, part, fails)


_COUNTS = {"zone": 1 << 20, "refill": MOST_ITEMS, "take": MOST_PAGES, "squeeze": MOST_PAGES}
_IDS = {"zone": 4096, "take": (1 << 63) - 1, "give": (1 << 63) - 1}
_PARTS = {"take": MOST_PARTS, "give": MOST_PARTS - 1}
"""Rows in which the column stands, and how much it may be."""


def _number(op: str, text: str, known: dict[str, int]) -> int:
    if op in known:
        return whole(text, known[op])
    if text:
        raise ValueError("nothing")
    return -1


def _cpu(op: str, text: str, time_ns: int, cpus: int) -> int:
    """Read the processor, which only what stands before the clock or beside all has not."""
    if op in NOBODYS or (op == "take" and not text and time_ns == 0):
        if text:
            raise ValueError("nothing")
        return -1
    return whole(text, cpus - 1)


def _name(op: str, name: str) -> str:
    if op in ("zone", "refill"):
        if not (0 < len(name) <= 40 and name.isprintable()):
            raise ValueError("the name of a zone")
    elif op == "take":
        if name not in POOLS:
            raise ValueError(f"one of {', '.join(POOLS)}")
    elif name:
        raise ValueError("nothing")
    return name


def _most_slabs(op: str, count: int) -> int:
    return {"refill": count, "page": 1}.get(op, 0)
