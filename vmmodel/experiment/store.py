"""Folders of tables: written beside their place under a temporary name, then renamed."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from vmmodel.errors import InputError
from vmmodel.experiment.schema import TABLES
from vmmodel.experiment.tables import Tables

META = "meta.json"


def write_sweep(folder: Path, tables: Tables, meta: dict[str, Any]) -> None:
    """Write a sweep to *folder*, replacing an earlier one; nothing is ever half written."""

    def fill(place: Path) -> None:
        write_tables(place, tables)
        (place / META).write_text(json.dumps(meta, indent=1, sort_keys=True) + "\n")

    check_replaceable(folder)
    replace_folder(folder, fill)


def write_tables(folder: Path, tables: Tables) -> None:
    """Write every table as Parquet; the same tables give the same bytes."""
    for name in TABLES:
        pq.write_table(tables[name], folder / f"{name}.parquet", compression="zstd")


def read_tables(folder: Path) -> Tables:
    """Read what `write_tables` wrote."""
    return {
        name: pq.read_table(folder / f"{name}.parquet", schema=schema)
        for name, schema in TABLES.items()
    }


def add_table(folder: Path, name: str, frame: pd.DataFrame) -> None:
    """Write *frame* as one more table of *folder*, at once or not at all."""
    draft = folder / f".{name}.parquet.{os.getpid()}"
    try:
        frame.to_parquet(draft, index=False, compression="zstd")
        draft.replace(folder / f"{name}.parquet")
    finally:
        draft.unlink(missing_ok=True)


def read_meta(folder: Path) -> dict[str, Any] | None:
    """Read a sweep's meta.json; None if there is none that can be read."""
    try:
        meta = json.loads((folder / META).read_text())
    except (OSError, ValueError):
        return None
    return meta if isinstance(meta, dict) else None


def check_replaceable(folder: Path) -> None:
    """Raise `InputError` unless *folder* is new, empty or an earlier sweep, and can be written."""
    a_sweep = folder.is_dir() and (not any(folder.iterdir()) or (folder / META).is_file())
    if not a_sweep and (folder.exists() or folder.is_symlink()):
        raise InputError(folder, "exists and is no sweep", "a new folder, or one of a sweep")
    try:
        folder.resolve().parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder.resolve().parent):
            pass
    except OSError as error:
        what = f"cannot be written ({error.strerror})"
        raise InputError(folder, what, "a writable place") from None


def replace_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Fill a temporary folder and put it in the place of *folder*."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise InputError(
            folder, f"cannot be written ({error.strerror})", "a writable place"
        ) from None
    try:
        fill(place)
        place.chmod(0o755)
        if folder.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
            os.replace(folder, old)
            os.replace(place, folder)
            shutil.rmtree(old)
        else:
            os.replace(place, folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)
