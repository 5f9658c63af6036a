"""The data dictionary and the files it describes say the same."""

import csv
import gzip
import io
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from vmmodel.consumers.layout import keg_layout, uma_bucket_size
from vmmodel.paths import DATA

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "data"
README = (HERE / "README.md").read_text(encoding="utf-8")
Row = dict[str, str]


def _table_rows(text: str) -> list[list[str]]:
    """Split the lines of a Markdown table into cells, title and rule left out."""
    lines = [line for line in text.splitlines() if line.startswith("| ") or line == "|"]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0].startswith("`")]


def _section(pattern: str) -> str:
    """Give the text under the heading of one file."""
    parts = re.split(r"^## ", README, flags=re.MULTILINE)
    (found,) = [part for part in parts if part.startswith(f"`{pattern}`\n")]
    return found


OVERVIEW = {row[0].strip("`"): row for row in _table_rows(README.split("\n## ")[0])}
HEADINGS = re.findall(r"^## `(.+)`$", README, flags=re.MULTILINE)
COLUMNS = [
    (pattern, *[cell.strip("`") for cell in row])
    for pattern in HEADINGS
    for row in _table_rows(_section(pattern))
]


def _files() -> list[str]:
    """List the files under data/ that git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "data"]
    try:
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
        names = sorted({name for name in listed.decode().split("\0") if name})
        found = [ROOT / name for name in names if (ROOT / name).exists()]
    except (OSError, subprocess.CalledProcessError):
        found = []
    if not found:  # no git here: a copy or an archive of the repository
        found = [path for path in sorted(HERE.rglob("*")) if path.is_file()]
    names = [path.relative_to(HERE).as_posix() for path in found]
    return [name for name in names if not name.startswith("runs/")]


def _matching(pattern: str) -> list[Path]:
    return sorted(HERE.glob(pattern))


def _is_table(name: str) -> bool:
    """Tell whether a file is described column by column; answers and sweeps do it elsewhere."""
    return not name.endswith(".md") and not name.startswith(("answers/", "questions/", "sweeps/"))


def _read(path: Path) -> tuple[list[str], list[Row]]:
    """Read columns and rows of a CSV or of the tables of a TOML file."""
    if path.suffix == ".toml":
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        tables = list(_quantities(found)) if path.parent.name == "workloads" else found.values()
        rows = [{key: str(cell) for key, cell in table.items()} for table in tables]
        return list(rows[0]) if rows else [], rows  # a trace has no parameters
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    if text.startswith("#"):
        text = text.split("\n", 1)[1]
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    rows = list(reader)
    return list(reader.fieldnames or ()), rows


def _quantities(found: object) -> Iterator[Row]:
    """Yield the tables with a value, wherever they are in a workload."""
    below = found.values() if isinstance(found, dict) else found
    if isinstance(found, dict) and "value" in found:
        sweep = found.get("sweep", {})
        cells = {key: cell for key, cell in found.items() if key != "sweep"}
        yield cells | {f"sweep_{key}": sweep.get(key, "") for key in ("low", "high", "why")}
    elif isinstance(found, dict | list):
        for each in below:
            yield from _quantities(each)


def _cells(pattern: str, column: str) -> Iterator[str]:
    for path in _matching(pattern):
        yield from (row[column] for row in _read(path)[1])


def _fits(cell: str, kind: str, extent: str) -> bool:
    """Tell whether *cell* has the described type and lies in the described range."""
    if cell == "":
        return kind.endswith("?")
    kind = kind.rstrip("?")
    if kind == "text":
        return cell == cell.strip()
    if kind == "choice":
        return cell in extent.split(", ")
    number = r"-?\d+" if kind == "integer" else r"-?\d+(\.\d+)?(e-\d+)?"
    if not re.fullmatch(number, cell, re.ASCII):
        return False
    low, _, high = extent.partition("..")
    return float(low or "-inf") <= float(cell) <= float(high or "inf")


def test_every_file_is_described() -> None:
    """Each file under data/ that git tracks or would track is in the dictionary."""
    described = {path.relative_to(HERE).as_posix() for key in OVERVIEW for path in _matching(key)}

    assert sorted(described) == _files()


@pytest.mark.parametrize("pattern", [*OVERVIEW, *HEADINGS])
def test_everything_described_is_there(pattern: str) -> None:
    """Nothing is described that does not exist."""
    assert _matching(pattern)


def test_every_table_has_its_section() -> None:
    """Each file of the overview but the pages themselves has a section, and no other has."""
    assert {key for key in OVERVIEW if _is_table(key)} == set(HEADINGS)


@pytest.mark.parametrize("pattern", [key for key in OVERVIEW if _is_table(key)])
def test_row_counts(pattern: str) -> None:
    """The number of rows is the one stated."""
    rows = sum(len(_read(path)[1]) for path in _matching(pattern))

    assert OVERVIEW[pattern][1] in ("-", str(rows))


@pytest.mark.parametrize("pattern", HEADINGS)
def test_columns(pattern: str) -> None:
    """Every column is described, in the order of the file, and no other."""
    described = [column for key, column, *_ in COLUMNS if key == pattern]

    for path in _matching(pattern):
        columns, rows = _read(path)
        assert described == columns or (not rows and path.name == "replay.toml")
        assert all(set(described) == set(row) for row in rows)


@pytest.mark.parametrize(
    ("pattern", "column", "kind", "extent"),
    [(pattern, column, kind, extent) for pattern, column, kind, _, extent, _ in COLUMNS],
)
def test_types_and_ranges(pattern: str, column: str, kind: str, extent: str) -> None:
    """Every cell has the type and lies in the range that the dictionary gives."""
    assert [] == [cell for cell in _cells(pattern, column) if not _fits(cell, kind, extent)][:5]


@pytest.mark.parametrize(
    ("pattern", "column", "kind", "unit", "extent", "meaning"), COLUMNS, ids=lambda _: ""
)
def test_descriptions_are_complete(
    pattern: str, column: str, kind: str, unit: str, extent: str, meaning: str
) -> None:
    """Every column has a known type, a unit where it is a number, and a meaning."""
    assert kind.rstrip("?") in {"text", "choice", "integer", "decimal"}, (pattern, column)
    assert unit, (pattern, column)
    assert (extent == "-") == (kind.rstrip("?") == "text"), (pattern, column)
    assert len(meaning) > 5, (pattern, column)


@pytest.mark.parametrize("row", _read(HERE / "hosts" / "zones.csv")[1], ids=lambda row: row["zone"])
def test_zone_layouts(row: Row) -> None:
    """The layouts in the zone table are those of keg_layout and the bucket table."""
    layout = keg_layout(int(row["item_bytes"]), int(row["align_bytes"]))
    expected = [row["slab_item_bytes"], row["items_per_slab"], row["pages_per_slab"]]

    assert expected == [str(layout.rsize), str(layout.ipers), str(layout.ppera)]
    assert row["bucket_items"] == str(uma_bucket_size(layout.item_size))


@pytest.mark.parametrize(
    "row", _read(HERE / "kernel" / "thresholds.csv")[1], ids=lambda row: row["ram"]
)
def test_thresholds(row: Row) -> None:
    """The thresholds follow from the number of pages by FreeBSD's formulas."""
    pages = int(row["pages"])
    reserved = 32 + 34 + pages // 768
    target = 4 * (pages // 200) + reserved

    assert {
        "free_reserved": reserved,
        "free_severe": pages // 200 // 2 + reserved,
        "free_min": pages // 200 + reserved,
        "free_target": target,
        "wakeup_thresh": target // 10 * 9,
        "inactive_target": target * 3 // 2,
        "pid_bound": 16 * target,
        "pages": int(row["ram"].split()[0]) << 18,
    }.items() <= {key: int(cell) for key, cell in row.items() if key != "ram"}.items()


@pytest.mark.parametrize(
    "row", _read(HERE / "kernel" / "pgcache.csv")[1], ids=lambda row: row["ram"]
)
def test_page_caches(row: Row) -> None:
    """The page-cache sizes follow from pages and processors by FreeBSD's formulas."""
    limit, buckets = int(row["pages"]) // 1000, 2 * int(row["ncpu"])
    bucket = min(limit // buckets // 2, 254)

    assert (limit, bucket, limit - buckets * bucket) == (
        int(row["limit"]),
        int(row["bucket"]),
        int(row["full_bucket_cache"]),
    )


def test_calibration_rows_were_timed() -> None:
    """Each row of the calibration is a timed operation and state."""
    timed = {
        (row["operation"], row["state"])
        for row in _read(HERE / "kernel" / "vm_phys_timings.csv")[1]
    }

    counted = _read(HERE / "prices" / "calibration.csv")[1]
    assert {(row["operation"], row["state"]) for row in counted} <= timed


@pytest.mark.skipif("VMMODEL_DATA" in os.environ, reason="VMMODEL_DATA names another folder")
def test_the_package_reads_this_folder() -> None:
    """The package reads the data folder of the repository."""
    assert HERE == DATA
