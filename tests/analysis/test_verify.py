"""./study verify finds what is wrong with a sweep, whatever it is; here it is put in on purpose."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands.calls import call
from experiment.small import small_sweep

from vmmodel.analysis.tables import load
from vmmodel.analysis.verify import verify
from vmmodel.experiment.meta import describe_sweep
from vmmodel.experiment.schema import NOT_WRITTEN, TABLES, lacks
from vmmodel.experiment.store import write_sums
from vmmodel.experiment.sweep import run_sweep


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real sweep."""
    folder = tmp_path_factory.mktemp("made") / "out"
    run_sweep(small_sweep(2), folder, describe_sweep(small_sweep(2), "./study"), workers=1)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may spoil."""
    return Path(shutil.copytree(made, tmp_path / "sweep"))


def test_reservations_take_fallback_pages_back(folder: Path) -> None:
    """A page that was fallback, and is not, may lie in a reservation if there ever was one."""
    change(folder, "runs", "fallbacks", 3)
    assert verify(folder)

    change(folder, "runs", "reservations", 1)
    assert [] == verify(folder)

    change(folder, "runs", "fallbacks", -4)
    assert verify(folder)


def test_a_sweep_is_sound(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the study writes itself has no fault."""
    assert [] == verify(made)
    assert 0 == call("verify", str(made))
    assert capsys.readouterr().out.endswith(
        "sound: 4 runs, schema version 3, all checksums match, all books balance\n"
    )


def change(folder: Path, name: str, column: str, by: int, row: int = -1) -> None:
    """Add to one cell of a table, and make the checksums match again."""
    path = folder / f"{name}.parquet"
    table = pq.read_table(path)
    values = table[column].to_pylist()
    values[row] += by
    at = table.schema.get_field_index(column)
    changed = table.set_column(at, table.field(at), pa.array(values, table.field(at).type))
    pq.write_table(changed, path)
    write_sums(folder)


CELLS = [
    ("runs", "idle", 1, "has books that do not balance"),
    ("runs", "imported", 1, "has books that do not balance"),
    ("runs", "fallbacks", 3, "has fallback pages unaccounted for"),
    ("runs", "free_count", 1 << 40, "has more pages than its machine"),
    ("runs", "pinned_regions", 1 << 20, "has more pages than its machine"),
    ("runs", "lock_wait_ns", -(1 << 60), "has a number below 0"),
    ("runs", "replication", 5, "belongs to no run"),
    ("runs", "replication", -1, "stands in it twice"),
    ("runs", "failed", 1000, "has more failed requests than causes"),
    ("runs", "lock_contended", 1 << 40, "has more lock_contended than lock_holds"),
    ("runs", "leak_maxima", 1 << 40, "has more leak_maxima than leak_samples"),
    ("runs", "steals_small", -100, "has a number below 0"),
    ("samples", "n12", 1, "has more pages listed free than counted"),
    ("samples", "user_pages", 1, "has pages that are nowhere, or twice"),
    ("samples", "leaked", 1, "has pages that are nowhere, or twice"),
    ("samples", "n0", -1, "has pages that are nowhere, or twice"),
    ("samples", "largest_extent", 1 << 40, "has a larger free extent than free pages"),
    ("samples", "mixed_user_regions", 1 << 20, "has more mixed_user_regions than user_regions"),
    ("samples", "compacted_regions", -1, "has more compacted_regions_user than"),
    ("samples", "in_use", 1, "ends with another in_use than its last sample"),
    ("samples", "replication", 9, "belongs to no run"),
    ("latencies", "count", -(1 << 60), "has a number below 0"),
    ("latencies", "high_ns", -(1 << 60), "is an empty bucket"),
    ("regions", "free", 512, "has not 512 pages"),
    ("regions", "in_use", -1, "has not 512 pages"),
    ("regions", "idle", 1, "has other pages on the map than in the books"),
]


@pytest.mark.parametrize(("table", "column", "by", "said"), CELLS)
def test_one_wrong_cell_is_found(
    folder: Path, table: str, column: str, by: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A single cell that breaks a law of the model is found, and its run is named."""
    change(folder, table, column, by)

    faults = verify(folder)

    assert any(said in fault for fault in faults), faults
    assert all(str(folder) in fault for fault in faults)
    assert 1 == call("verify", str(folder))
    assert faults == capsys.readouterr().out.splitlines()


def edit(name: str, edit: Callable[[bytes], bytes | None]) -> Callable[[Path], None]:
    """Change the bytes of a file; None deletes it."""

    def do(folder: Path) -> None:
        content = edit((folder / name).read_bytes())
        (folder / name).unlink()
        if content is not None:
            (folder / name).write_bytes(content)

    return do


def old_version(folder: Path) -> None:
    """Say that the tables are of the first version, which they are not."""
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, "schema": 1}))
    write_sums(folder)


def swapped(folder: Path) -> None:
    """Write a table without saying which one it is."""
    path = folder / "events.parquet"
    pq.write_table(pq.read_table(path).replace_schema_metadata(), path)
    write_sums(folder)


FILES = {
    "bit": (edit("events.parquet", lambda b: b[:-30] + b"!" + b[-29:]), "does not match"),
    "cut": (edit("runs.parquet", lambda b: b[:99]), "runs.parquet: not readable as Parquet"),
    "gone": (edit("samples.parquet", lambda b: None), "samples.parquet: missing"),
    "note": (edit("meta.json", lambda b: b + b" "), "meta.json: its checksum does not match"),
    "no sums": (edit("SHA256SUMS", lambda b: None), "SHA256SUMS: missing"),
    "one sum": (edit("SHA256SUMS", lambda b: b[b.index(b"\n") + 1 :]), "is not listed"),
    "nonsense": (edit("SHA256SUMS", lambda b: b"\xff\n" + b), "SHA256SUMS:1: no checksum of a"),
    "outside": (
        edit("SHA256SUMS", lambda b: b + b"0" * 64 + b"  ../secret\n"),
        "SHA256SUMS:7: no checksum of a file of this folder",
    ),
    "unnamed": (swapped, "events.parquet: is not table events of schema version 3"),
}


@pytest.mark.parametrize("fault", FILES)
def test_one_wrong_file_is_found(folder: Path, fault: str) -> None:
    """A file that is damaged, missing, or not listed is found and named."""
    do, said = FILES[fault]
    do(folder)

    assert any(said in found for found in verify(folder)), verify(folder)


def test_no_sweep_at_all(tmp_path: Path) -> None:
    """A folder that is none, or is empty, is one sentence."""
    assert 1 == len(verify(tmp_path / "none"))
    assert 1 == len(verify(tmp_path))


def test_first_version_needs_no_names(folder: Path) -> None:
    """Files of the first version do not say which table they are; what else they lack is told."""
    old_version(folder)

    (said,) = verify(folder)

    assert "schema version 1 has no 'imported' in table runs" in said


def test_second_version_is_still_sound(folder: Path) -> None:
    """Tables without the columns that came with version 3 are read, and nothing is made of -1."""
    for name in TABLES:
        path = folder / f"{name}.parquet"
        table = pq.read_table(path).drop_columns([field.name for field in lacks(name, 2)])
        about = {"table": name, "schema_version": "2"}
        pq.write_table(table.replace_schema_metadata(about), path)
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, "schema": 2}))
    write_sums(folder)

    assert [] == verify(folder)
    study = load(folder)
    assert {NOT_WRITTEN} == set(study.samples.idle_runs) == set(study.runs.lock_pages)


def test_every_table_is_looked_at() -> None:
    """The cells above are of every table but events, which has numbers without a law."""
    assert set(TABLES) - {"events"} == {cell[0] for cell in CELLS}
