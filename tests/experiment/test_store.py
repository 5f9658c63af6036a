"""Folders of tables: replaced whole or not at all, and never somebody else's."""

import json
import shutil
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from experiment.small import leftovers, small_sweep

from vmmodel.errors import InputError
from vmmodel.experiment import store
from vmmodel.experiment.meta import describe_sweep
from vmmodel.experiment.schema import KEY, SCHEMA_VERSION, TABLES
from vmmodel.experiment.store import (
    META,
    SUMS,
    Part,
    check_replaceable,
    read_meta,
    read_tables,
    replace_folder,
    write_sweep,
    write_tables,
)
from vmmodel.experiment.tables import RUN_TABLES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one file, ``old``."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "old").write_text("old")
    return folder


def new(place: Path) -> None:
    """Write a file ``new``."""
    (place / "new").write_text("new")


def test_folder_is_replaced(folder: Path) -> None:
    """The new content takes the place of the old, which is gone, and can be read by anyone."""
    replace_folder(folder, new)

    assert ["new"] == [path.name for path in folder.iterdir()]
    assert 0o755 == folder.stat().st_mode & 0o777
    assert [] == leftovers(folder)


def test_folder_is_made(tmp_path: Path) -> None:
    """Where there is no folder one is made, with those above it."""
    replace_folder(tmp_path / "a" / "b", new)

    assert "new" == (tmp_path / "a" / "b" / "new").read_text()


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt(), ValueError()])
def test_failed_filling_leaves_the_old(folder: Path, error: BaseException) -> None:
    """When filling fails half way, the old content is intact and nothing lies beside it."""

    def fill(place: Path) -> None:
        new(place)
        raise error

    with pytest.raises(type(error)):
        replace_folder(folder, fill)

    assert ["old"] == [path.name for path in folder.iterdir()]
    assert [] == leftovers(folder)


def test_place_below_a_file(folder: Path) -> None:
    """A place that cannot be written is refused with its name."""
    with pytest.raises(InputError, match=r"cannot be written .*, expected a writable place"):
        replace_folder(folder / "old" / "below", new)


def test_new_empty_or_own_folder_is_replaceable(tmp_path: Path) -> None:
    """A folder that is not there, is empty, or holds an earlier sweep may be replaced."""
    out = tmp_path / "out"
    check_replaceable(out)
    out.mkdir()
    check_replaceable(out)
    write_sweep(out, [], {"key": "1"})
    check_replaceable(out)
    write_sweep(out, [], {"key": "2"})

    assert {"key": "2"} == read_meta(out)
    assert {META, SUMS, *(f"{name}.parquet" for name in TABLES)} == {p.name for p in out.iterdir()}


def test_foreign_folder_is_refused(folder: Path) -> None:
    """A folder with anything else is refused and stays as it is."""
    with pytest.raises(InputError, match="folder: exists and is no sweep, expected a new folder"):
        write_sweep(folder, [], {})

    assert "old" == (folder / "old").read_text()
    assert [] == leftovers(folder)


def test_file_and_dangling_link_are_refused(folder: Path, tmp_path: Path) -> None:
    """A file is no folder, and neither is a link to nowhere."""
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")

    with pytest.raises(InputError, match="exists and is no sweep"):
        check_replaceable(link)
    for place in (folder / "old", folder / "old" / "out"):
        with pytest.raises(InputError, match="folder/old: is a file, expected a folder"):
            check_replaceable(place)


def row(schema: pa.Schema, number: int) -> pa.Table:
    """One row of a run: its number in every column."""
    columns = [pa.array([number]).cast(field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def parts(n: int) -> list[Part]:
    """Runs with one row in every table."""
    return [
        (("s", "", "", "d", i), {name: row(schema, i) for name, schema in RUN_TABLES.items()})
        for i in range(n)
    ]


def test_tables_come_back(tmp_path: Path) -> None:
    """What is written is read again, each row below the columns that name its run."""
    write_tables(tmp_path, parts(3))

    for name, table in read_tables(tmp_path).items():
        assert table.schema.equals(TABLES[name], check_metadata=True)
        named = [("s", "", "", "d", 0), ("s", "", "", "d", 1), ("s", "", "", "d", 2)]
        assert named == [tuple(row[key] for key in KEY) for row in table.to_pylist()]
    assert [0, 1, 2] == read_tables(tmp_path)["samples"]["time_ns"].to_pylist()


def test_row_groups_follow_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table is written whenever there are enough rows; none is lost at the cuts."""
    monkeypatch.setattr(store, "GROUP_ROWS", 2)

    write_tables(tmp_path, parts(5))

    assert 3 == pq.read_metadata(tmp_path / "runs.parquet").num_row_groups
    assert [0, 1, 2, 3, 4] == read_tables(tmp_path)["runs"]["pages"].to_pylist()


def test_files_say_their_version(tmp_path: Path) -> None:
    """Every file names its table and the version of the schema."""
    write_tables(tmp_path, [])

    for name in TABLES:
        about = pq.read_schema(tmp_path / f"{name}.parquet").metadata
        assert (name.encode(), str(SCHEMA_VERSION).encode()) == (
            about[b"table"],
            about[b"schema_version"],
        )


def test_sums_are_those_of_sha256sum(tmp_path: Path) -> None:
    """The checksums can be checked with the tool that every system has."""
    write_sweep(tmp_path / "out", parts(1), {})
    command = shutil.which("sha256sum")
    if command is None:
        pytest.skip("no sha256sum here")

    words = [command, "--check", "--quiet", "--strict", SUMS]
    done = subprocess.run(words, cwd=tmp_path / "out", capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stdout)


@pytest.mark.parametrize("text", [None, "", "{", "[1]", '"text"', "\udcff"])
def test_meta_that_cannot_be_read(tmp_path: Path, text: str | None) -> None:
    """A missing or damaged meta.json is none."""
    if text is not None:
        (tmp_path / META).write_bytes(text.encode(errors="surrogateescape"))

    assert read_meta(tmp_path) is None


def test_meta_tells_what_is_needed_to_run_again() -> None:
    """Command, seed, designs with sources, every parameter with unit, source and range."""
    sweep = small_sweep(seconds="2")

    meta = json.loads(json.dumps(describe_sweep(sweep, "./study run ...")))

    assert (sweep.key(), 1, 3) == (meta["key"], meta["seed"], meta["replications"])
    assert "./study run ..." == meta["command"]
    assert list(sweep.designs) == list(meta["designs"])
    assert all(design["source"] for design in meta["designs"].values())
    described = meta["scenarios"]["second-resource"]["parameters"]
    assert 2 == described["seconds"]["value"]
    for parameter in described.values():
        told = {"value", "unit", "meaning", "mark", "source", "low", "high"}
        assert told | {"sweep", "sweep_why"} == set(parameter)
        assert parameter["low"] <= parameter["value"] <= parameter["high"]
        assert parameter["mark"] in ("measured", "published", "assumed")
