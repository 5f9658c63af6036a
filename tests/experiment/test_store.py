"""Folders of tables: replaced whole or not at all, and never somebody else's."""

import json
from pathlib import Path

import pytest
from experiment.small import leftovers, small_sweep

from vmmodel.errors import InputError
from vmmodel.experiment.meta import describe_sweep
from vmmodel.experiment.schema import TABLES
from vmmodel.experiment.store import (
    META,
    check_replaceable,
    read_meta,
    read_tables,
    replace_folder,
    write_sweep,
    write_tables,
)
from vmmodel.experiment.tables import Tables


@pytest.fixture
def tables() -> Tables:
    """Every table, with no row."""
    return {name: schema.empty_table() for name, schema in TABLES.items()}


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


def test_new_empty_or_own_folder_is_replaceable(tmp_path: Path, tables: Tables) -> None:
    """A folder that is not there, is empty, or holds an earlier sweep may be replaced."""
    out = tmp_path / "out"
    check_replaceable(out)
    out.mkdir()
    check_replaceable(out)
    write_sweep(out, tables, {"key": "1"})
    check_replaceable(out)
    write_sweep(out, tables, {"key": "2"})

    assert {"key": "2"} == read_meta(out)
    assert {META, *(f"{name}.parquet" for name in TABLES)} == {p.name for p in out.iterdir()}


def test_foreign_folder_is_refused(folder: Path, tables: Tables) -> None:
    """A folder with anything else is refused and stays as it is."""
    with pytest.raises(InputError, match="folder: exists and is no sweep, expected a new folder"):
        write_sweep(folder, tables, {})

    assert "old" == (folder / "old").read_text()
    assert [] == leftovers(folder)


def test_file_and_dangling_link_are_refused(folder: Path, tmp_path: Path) -> None:
    """A file is no folder, and neither is a link to nowhere."""
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")

    for place in (folder / "old", link):
        with pytest.raises(InputError, match="exists and is no sweep"):
            check_replaceable(place)


def test_tables_come_back(tmp_path: Path, tables: Tables) -> None:
    """What is written is read again, types, units and all."""
    write_tables(tmp_path, tables)

    found = read_tables(tmp_path)

    assert all(found[name].equals(tables[name], check_metadata=True) for name in TABLES)


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
