"""A machine's zone table as values, and the checks every form of it goes through."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vmmodel.errors import InputError, shown
from vmmodel.workloads.zones import nofree_names

COUNTS = ("size", "limit", "used", "free", "requests")
"""Columns that every version of ``vmstat -z`` prints, in its order."""

EXTRAS = ("fail", "sleep", "xdomain")
"""Columns that came later or are missing in recorded hosts."""

EXPECTED = "'vmstat -z' text, 'vmstat -z --libxo json', or the columns of vmstat_z.csv"
"""What a file should have been, for messages."""

_NUMBER = re.compile(r"[0-9]{1,20}", re.ASCII)


@dataclass(frozen=True)
class ZoneRow:
    """One zone as the machine printed it; `None` where it did not."""

    name: str
    """Zone name."""
    size: int
    """Bytes of an item."""
    limit: int
    """Most items, 0 for no limit."""
    used: int
    """Items in use."""
    free: int
    """Items free, some versions without those in per-CPU caches."""
    requests: int
    """Allocations since boot."""
    fail: int | None = None
    """Allocations that failed."""
    sleep: int | None = None
    """Allocations that slept at the limit."""
    xdomain: int | None = None
    """Frees to another memory domain."""


@dataclass(frozen=True)
class ZoneTable:
    """The zones of one machine at one time."""

    label: str
    """Short name for tables and charts."""
    description: str
    """What is known of the machine."""
    rows: tuple[ZoneRow, ...]
    """In the order printed."""
    notes: tuple[str, ...] = ()
    """What was left out, one sentence each."""


def zone_table(
    name: str, label: str, description: str, rows: Iterator[tuple[int, ZoneRow]], notes: list[str]
) -> ZoneTable:
    """Collect the rows; *rows* yields them with their line, or 0 where lines mean nothing."""
    seen: dict[str, int] = {}
    kept = []
    for line, row in rows:
        if not 0 < len(row.name) <= 256 or not row.name.isprintable():
            what = f"zone name {shown(row.name)}"
            raise InputError(name, what, "1 to 256 printable characters", line=line or None)
        if row.name in seen and row.name in nofree_names():
            first = f", first in line {seen[row.name]}" if line else ""
            what = f"zone {row.name!r} appears twice{first}"
            raise InputError(name, what, "one table of one machine", line=line or None)
        seen[row.name] = line
        kept.append(row)
    if not kept:
        raise InputError(name, "no complete zone row", EXPECTED)
    return ZoneTable(label, description, tuple(kept), tuple(notes))


def zone_row(zone: str, value: Callable[[str], int], has: Callable[[str], bool]) -> ZoneRow:
    """Make the row of *zone*, asking *value* for each column that every form *has*."""
    counts = {column: value(column) for column in COUNTS}
    extras = {column: value(column) for column in EXTRAS if has(column)}
    return ZoneRow(zone, **counts, **extras)


def counter(found: object, column: str, zone: str, name: str, line: int | None) -> int:
    """Turn what the file holds in *column* into a counter, a 64-bit number without sign."""
    text = found.strip() if isinstance(found, str) else ""
    if isinstance(found, int) and not isinstance(found, bool):
        number = found
    else:
        number = int(text) if _NUMBER.fullmatch(text) else -1
    limit = (1 << 32 if column == "size" else 1 << 64) - 1
    if not 0 <= number <= limit:
        what = f"zone {shown(zone)}: {column} is {_brief(found)}"
        raise InputError(name, what, f"a whole number from 0 to {limit}", line=line)
    return number


def _brief(found: object) -> str:
    """Show a value without spelling out a number of a million digits or a deep tree."""
    if isinstance(found, int) and found.bit_length() > 128:
        return "a number of many digits"
    return "a structure" if isinstance(found, dict | list) else shown(found)
