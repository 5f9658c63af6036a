"""Read a machine's zone table: ``vmstat -z``, the same as JSON, or our recorded hosts.

Three forms are told apart by their first characters:

- text of ``vmstat -z``: ``NAME: size, limit, used, free, req, fail[, sleep[, xdomain]]``;
- ``vmstat -z --libxo json``: a list ``zone`` under ``memory-zone-statistics``;
- ``data/hosts/vmstat_z.csv``, several hosts told apart by a label.

A last row that is cut is left out and said so in ``notes``.  Everything else that is not a
zone table is an `InputError`.  Names may repeat (``malloc`` has a zone per sub-zone, and
each VNET its own), but not those of NOFREE zones: that would count them twice.
"""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from vmmodel.consumers.layout import MAX_ITEM
from vmmodel.errors import InputError
from vmmodel.paths import DATA
from vmmodel.workloads.zoneforms import json_rows, recorded, text_rows
from vmmodel.workloads.zones import Kernel, nofree_names
from vmmodel.workloads.zonetable import EXPECTED, ZoneRow, ZoneTable, zone_table

__all__ = [
    "HOSTS",
    "MAX_BYTES",
    "NofreeZone",
    "ZoneRow",
    "ZoneTable",
    "host_labels",
    "nofree_zones",
    "parse_zone_table",
    "read_zone_table",
]

MAX_BYTES = 16 << 20
"""Largest input file; a real table has some 30 kB."""

MAX_ZONE_BYTES = 1 << 46
"""Largest believable NOFREE zone, 64 TB; more is a counter that wrapped."""

HOSTS = DATA / "hosts" / "vmstat_z.csv"
"""The recorded hosts."""


@dataclass(frozen=True)
class NofreeZone:
    """A zone that never gives its pages back, as it stood on one machine."""

    name: str
    """Name of the zone; its secondary zones are counted in."""
    item_size: int
    """Bytes of an item on that machine."""
    used: int
    """Items in use."""
    free: int
    """Items free."""
    requests: int
    """Allocations since boot."""
    align: int
    """Alignment of an item in bytes, from the sources."""


def read_zone_table(path: Path, label: str | None = None) -> ZoneTable:
    """Read the zone table in the file *path*, of the host *label* where it holds several.

    >>> table = read_zone_table(HOSTS, "M5")
    >>> table.description, len(table.rows)
    ('12/13-CURRENT laptop', 18)
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as reason:
        said = reason.strerror if isinstance(reason, OSError) else str(reason)
        raise InputError(path, f"cannot be read ({said})", "a file with a zone table") from None
    return parse_zone_table(content, str(path), label)


def parse_zone_table(content: bytes, name: str, label: str | None = None) -> ZoneTable:
    """Read the zone table in *content*, called *name* in messages; see `read_zone_table`."""
    text = _decode(content, name)
    start = text.lstrip()
    own = label or _label(Path(name).stem)
    if start[:1] in ("{", "["):
        return zone_table(name, own, f"zone table in {Path(name).name}", json_rows(text, name), [])
    if start.startswith("machine,"):
        return recorded(text, name, label)
    notes: list[str] = []
    rows = text_rows(text.split("\n"), name, notes)
    return zone_table(name, own, f"zone table in {Path(name).name}", rows, notes)


def host_labels(path: Path = HOSTS) -> tuple[str, ...]:
    """List the labels of the recorded hosts, in their order.

    >>> host_labels()[:3]
    ('M1', 'M2', 'M3')
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            labels = [row.get("machine") or "" for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as reason:
        raise InputError(path, f"cannot be read ({reason})", "recorded hosts") from None
    return tuple(dict.fromkeys(labels))


def nofree_zones(table: ZoneTable, kernel: Kernel = "13") -> list[NofreeZone]:
    """Select the zones of *table* that are NOFREE in *kernel*, in the table's order.

    Item sizes are those recorded; secondary zones (of ``pbuf``) are added to the zone whose
    keg they share.  Whether the flag was set in the recorded kernel itself is not known.

    >>> [zone.name for zone in nofree_zones(read_zone_table(HOSTS, "M5"))]
    ['VM OBJECT', 'VMSPACE', 'fakepg']
    """
    found: dict[str, NofreeZone] = {}
    names = nofree_names(kernel)
    for row in table.rows:
        if row.name not in names:
            continue
        kind = names[row.name]
        if not 1 <= row.size <= MAX_ITEM or (row.used + row.free) * row.size > MAX_ZONE_BYTES:
            what = f"zone {row.name!r} has {row.used} + {row.free} items of {row.size} bytes"
            raise InputError(table.label, what, "items of 1 byte to 1 MiB, 64 TB in all at most")
        old = found.get(kind.name, NofreeZone(kind.name, row.size, 0, 0, 0, kind.align))
        found[kind.name] = NofreeZone(
            name=kind.name,
            item_size=row.size if row.name == kind.name else old.item_size,
            used=old.used + row.used,
            free=old.free + row.free,
            requests=old.requests + row.requests,
            align=kind.align,
        )
    return list(found.values())


def _label(stem: str) -> str:
    r"""Make a label for tables and charts from the name of a file, which may be anything.

    >>> _label("my host"), _label("\x1b[31m<b>"), _label("..")
    ('my host', '31m_b', 'own')
    """
    return re.sub(r"[^A-Za-z0-9_.+ -]+", "_", stem)[:60].strip("_.+ -") or "own"


def _decode(content: bytes, name: str) -> str:
    if len(content) > MAX_BYTES:
        raise InputError(name, "the file is too large", f"at most {MAX_BYTES >> 20} MB")
    if not content.strip():
        raise InputError(name, "the file is empty", EXPECTED)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(name, "is not plain text", "UTF-8", line=line) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(name, "holds a NUL byte", "plain UTF-8 text", line=line)
    return text
