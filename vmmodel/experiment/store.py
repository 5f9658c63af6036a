"""Folders of tables: written beside their place under a temporary name, then renamed."""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from glob import escape as glob_escape
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from vmmodel.errors import InputError
from vmmodel.experiment.schema import SCHEMA_VERSION, TABLES
from vmmodel.experiment.tables import Tables, with_key

META = "meta.json"
SUMS = "SHA256SUMS"
GROUP_ROWS = 1 << 19
"""A table is written when so many rows are there: what a sweep holds in memory at a time."""

Part = tuple[tuple[Any, ...], Tables]
"""The columns that name a run, and its tables without them."""

_DRAFT = ".vmmodel-draft"
_STALE_S = 3600


def write_sweep(folder: Path, parts: Iterable[Part], meta: dict[str, Any]) -> None:
    """Write a sweep to *folder*, replacing an earlier one; nothing is ever half written."""

    def fill(place: Path) -> None:
        write_tables(place, parts)
        (place / META).write_text(json.dumps(meta, indent=1, sort_keys=True) + "\n")
        write_sums(place)

    check_replaceable(folder)
    replace_folder(folder, fill)


def write_tables(folder: Path, parts: Iterable[Part]) -> None:
    """Write every table as Parquet, run by run; the same runs give the same bytes."""
    with ExitStack() as stack:
        tables = {name: stack.enter_context(_Table(folder, name)) for name in TABLES}
        for key, run in parts:
            for name, table in tables.items():
                table.add(key, run[name])


class _Table:
    """A Parquet file that grows by runs; where it is cut into row groups, the rows alone decide."""

    def __init__(self, folder: Path, name: str) -> None:
        about = {"table": name, "schema_version": str(SCHEMA_VERSION)}
        self._schema = TABLES[name].with_metadata(about)
        self._file = pq.ParquetWriter(folder / f"{name}.parquet", self._schema, compression="zstd")
        self._keys: list[tuple[Any, ...]] = []
        self._runs: list[pa.Table] = []
        self._rows = 0

    def add(self, key: tuple[Any, ...], run: pa.Table) -> None:
        if not run.num_rows:
            return
        self._keys.append(key)
        self._runs.append(run)
        self._rows += run.num_rows
        if self._rows >= GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._runs:
            self._file.write_table(with_key(self._runs, self._keys, self._schema))
        self._keys, self._runs, self._rows = [], [], 0

    def __enter__(self) -> "_Table":
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if failure is None:
            self._flush()
            self._file.close()
        else:
            with suppress(OSError, pa.ArrowException):  # the first failure is the one to tell
                self._file.close()


def write_sums(folder: Path) -> None:
    """Write the checksums of all files of *folder*, as ``sha256sum`` writes and checks them."""
    files = sorted(path for path in folder.iterdir() if path.name != SUMS and path.is_file())
    lines = [f"{file_sum(path)}  {path.name}\n" for path in files]
    draft = folder / f".{SUMS}.{os.getpid()}"
    draft.write_text("".join(lines))
    draft.replace(folder / SUMS)


def file_sum(path: Path) -> str:
    """Give the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
    write_sums(folder)


def read_meta(folder: Path) -> dict[str, Any] | None:
    """Read a sweep's meta.json; None if there is none that can be read."""
    try:
        meta = json.loads((folder / META).read_text())
    except (OSError, ValueError, RecursionError):
        return None
    return meta if isinstance(meta, dict) else None


def check_replaceable(folder: Path) -> None:
    """Raise `InputError` unless *folder* is new, empty or an earlier sweep, and can be written."""
    for place in (folder, *folder.parents):
        if place.is_file():
            raise InputError(place, "is a file", "a folder, new or of a sweep")
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
        _tidy(folder)
        place = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", suffix=_DRAFT, dir=folder.parent))
    except OSError as error:
        raise InputError(
            folder, f"cannot be written ({error.strerror})", "a writable place"
        ) from None
    try:
        fill(place)
        place.chmod(0o755)
        if folder.exists():
            old = tempfile.mkdtemp(prefix=f".{folder.name}-", suffix=_DRAFT, dir=folder.parent)
            os.replace(folder, old)
            os.replace(place, folder)
            shutil.rmtree(old)
        else:
            os.replace(place, folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _tidy(folder: Path) -> None:
    """Delete drafts of *folder* that a killed process left an hour ago or earlier."""
    for draft in folder.parent.glob(f".{glob_escape(folder.name)}-*{_DRAFT}"):
        with suppress(OSError):
            if time.time() - draft.stat().st_mtime > _STALE_S:
                shutil.rmtree(draft)
