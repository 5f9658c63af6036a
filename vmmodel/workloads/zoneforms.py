"""The three forms of a zone table: text, JSON, and recorded hosts; rows come out of each.

FreeBSD: ``domemstat_zone()`` in ``usr.bin/vmstat/vmstat.c`` writes the first two.
"""

import csv
import json
from collections.abc import Iterator, Mapping

from vmmodel.errors import InputError, shown
from vmmodel.workloads.zonetable import (
    COUNTS,
    EXPECTED,
    EXTRAS,
    ZoneRow,
    ZoneTable,
    counter,
    zone_row,
    zone_table,
)


def text_rows(lines: list[str], name: str, notes: list[str]) -> Iterator[tuple[int, ZoneRow]]:
    """Yield the rows of ``vmstat -z`` text with their line numbers."""
    begin, columns = _header(lines, name, notes)
    filled = [number for number in range(begin, len(lines)) if lines[number].strip()]
    for number in filled:
        zone, colon, rest = lines[number].rpartition(":")
        fields = rest.split(",")
        if colon and len(fields) == columns:
            yield number + 1, _text_row(zone.strip(), fields, name, number + 1)
        elif number == filled[-1] and len(fields) < columns:
            notes.append(f"line {number + 1} is cut and was left out: {shown(lines[number])}")
        else:
            what = f"row {shown(lines[number])} has {len(fields) if colon else 'no'} numbers"
            raise InputError(name, what, f"'NAME: ' and {columns} numbers", line=number + 1)


def _text_row(zone: str, fields: list[str], name: str, line: int) -> ZoneRow:
    printed = dict(zip(COUNTS + EXTRAS, fields, strict=False))

    def value(column: str) -> int:
        return counter(printed[column], column, zone, name, line)

    return zone_row(zone, value, printed.__contains__)


def _header(lines: list[str], name: str, notes: list[str]) -> tuple[int, int]:
    """Find the first row and the number of columns.

    FreeBSD 8 has no SLEEP, 12 and later add XDOMAIN; the titles FAIL and SLEEP run together
    in some versions, so they are looked for, not split.  Without a title line the longest
    row tells.
    """
    titles = [i for i, line in enumerate(lines) if line.split()[:2] == ["ITEM", "SIZE"]]
    if len(titles) > 1:
        raise InputError(name, "a second table begins", "one table", line=titles[1] + 1)
    if titles:
        before = sum(1 for line in lines[: titles[0]] if line.strip())
        if before:
            notes.append(f"{before} lines before the title line were left out")
        title = lines[titles[0]].upper()
        columns = len(COUNTS) + sum(word in title for word in ("FAIL", "SLEEP", "XDOMAIN"))
        return titles[0] + 1, columns
    longest = max(line.rpartition(":")[2].count(",") + 1 if ":" in line else 0 for line in lines)
    if not len(COUNTS) + 1 <= longest <= len(COUNTS + EXTRAS):
        raise InputError(name, "no zone table found", EXPECTED, line=1)
    return 0, longest


def json_rows(text: str, name: str) -> Iterator[tuple[int, ZoneRow]]:
    """Yield the zones of libxo's JSON; lines mean nothing there, so the zone is named."""
    try:
        tree = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(name, f"broken JSON ({error.msg})", EXPECTED, line=error.lineno) from None
    except (ValueError, RecursionError):
        raise InputError(name, "JSON too deep or a number too long", EXPECTED) from None
    for number, zone in enumerate(_zone_list(tree, name), start=1):
        if not isinstance(zone, dict) or not isinstance(zone.get("name"), str):
            raise InputError(name, f"zone {number} has no name", "an object with name and counts")
        yield 0, _json_row(zone, name)


def _zone_list(tree: object, name: str) -> list[object]:
    """Walk to the list of zones; older versions have no ``vmstat`` at the top."""
    if isinstance(tree, dict) and isinstance(tree.get("vmstat"), dict):
        tree = tree["vmstat"]
    for key in ("memory-zone-statistics", "zone"):
        tree = tree.get(key) if isinstance(tree, dict) else None
    if not isinstance(tree, list):
        expected = "'memory-zone-statistics' with a list 'zone', as vmstat -z --libxo json writes"
        raise InputError(name, "JSON without a list of zones", expected)
    return tree


def _json_row(zone: Mapping[str, object], name: str) -> ZoneRow:
    title = str(zone["name"]).strip()

    def value(column: str) -> int:
        if column not in zone:
            raise InputError(name, f"zone {shown(title)} has no {column}", "a whole number")
        return counter(zone[column], column, title, name, None)

    return zone_row(title, value, zone.__contains__)


def recorded(text: str, name: str, label: str | None) -> ZoneTable:
    """Read one host of our own table."""
    reader = csv.DictReader(text.split("\n"), strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise InputError(
            name, f"broken CSV ({error})", "quoted rows", line=reader.line_num
        ) from None
    wanted = {"machine", "description", "zone", *COUNTS}
    missing = sorted(wanted - set(reader.fieldnames or ()))
    if missing:
        raise InputError(name, f"no column {missing[0]!r}", "the columns of vmstat_z.csv", line=1)
    labels = list(dict.fromkeys(row["machine"] or "" for _, row in rows))
    if label is None and len(labels) == 1:
        label = labels[0]
    if label not in labels:
        what = "several hosts" if label is None else f"no host {shown(label)}"
        known = ", ".join(labels[:20]) or "none in the file"
        raise InputError(name, what, f"one of the labels {shown(known)}")
    chosen = [(line, row) for line, row in rows if row["machine"] == label]
    notes: list[str] = []
    found = _recorded_rows(chosen, name, notes)
    return zone_table(name, label or "own", chosen[0][1]["description"] or "", found, notes)


def _recorded_rows(
    rows: list[tuple[int, dict[str, str]]], name: str, notes: list[str]
) -> Iterator[tuple[int, ZoneRow]]:
    for line, row in rows:
        cut = not all(row[column] and row[column].strip() for column in COUNTS)
        if cut and (line, row) == rows[-1]:
            notes.append(f"zone {shown(row['zone'] or '')} is cut in the source and was left out")
            continue
        yield line, _recorded_row(row, name, line)


def _recorded_row(row: Mapping[str, str], name: str, line: int) -> ZoneRow:
    zone = row["zone"] or ""

    def value(column: str) -> int:
        return counter(row[column] or "", column, zone, name, line)

    return zone_row(zone, value, lambda column: bool((row.get(column) or "").strip()))
