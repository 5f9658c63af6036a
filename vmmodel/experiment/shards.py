"""Finished runs on disk: one file each, named by the run's key, checked when it is read.

A shard is written under another name and renamed, so it is whole or not there, whatever kills the
writer.  What a power cut tears afterwards does not match its checksum: it is set aside and run
again.  Nothing waits for the disk, so a power cut may cost what the system had not written yet.
"""

import hashlib
import json
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from vmmodel.experiment.tables import RUN_TABLES, Tables

SHARDS = ".vmmodel-shards"
_MAX_BYTES = 1 << 30
_STALE_S = 3600
"""A draft that nobody renamed for so long is of a process that was killed."""


class Damaged(Exception):
    """A shard that is not what was written."""


class Gone(Damaged):
    """A shard that is not there, any more or yet."""


class NotKept(OSError):
    """A finished run for which there is no room; the reader can make some."""

    def __str__(self) -> str:
        return (
            f"a finished run could not be kept ({self.strerror}): {self.filename}; what is "
            "finished is kept: make room and start again"
        )


def pack(tables: Tables, seconds: float) -> bytes:
    """Give the content of a shard: a checksum, a line of JSON, the rows as compressed Arrow."""
    sizes, parts = {}, []
    for name, table in tables.items():
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        parts.append(sink.getvalue().to_pybytes())
        sizes[name] = len(parts[-1])
    rows: bytes = pa.compress(b"".join(parts), "zstd", asbytes=True)
    head = json.dumps({"seconds": round(seconds, 6), "sizes": sizes}).encode()
    body = head + b"\n" + rows
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def unpack(content: bytes) -> Tables:
    """Give the tables of a shard; `Damaged` says what is wrong with it."""
    sizes = _head(content)["sizes"]
    rows = content[content.index(b"\n", 65) + 1 :]
    try:
        if sum(sizes.values()) > _MAX_BYTES:
            raise Damaged("its tables are too large")
        plain = pa.decompress(rows, sum(sizes.values()), "zstd")
        tables, start = {}, 0
        for name, size in sizes.items():
            tables[name] = pa.ipc.open_stream(plain.slice(start, size)).read_all()
            start += size
    except (pa.ArrowException, OSError) as error:
        raise Damaged(str(error)) from None
    if {name: table.schema for name, table in tables.items()} != RUN_TABLES:
        raise Damaged("its tables have other columns")
    return tables


def _head(content: bytes) -> dict[str, dict[str, int]]:
    """Check the sum and give what stands before the rows."""
    if hashlib.sha256(content[65:]).hexdigest().encode() + b"\n" != content[:65]:
        raise Damaged("its checksum does not match")
    try:
        head: dict[str, dict[str, int]] = json.loads(content[65 : content.index(b"\n", 65)])
        return {"sizes": {name: int(size) for name, size in head["sizes"].items()}}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Damaged("it does not begin as a shard") from None


def _content(path: Path) -> bytes:
    """Read a shard; `Damaged` where the file cannot be read or is none, `Gone` without one.

    What somebody put in its place is not opened: a link or a pipe may never end.
    """
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise Damaged("it is not a regular file")
        if found.st_size > _MAX_BYTES:
            raise Damaged("it is too large")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise Gone(str(error)) from None
    except OSError as error:
        raise Damaged(error.strerror or str(error)) from None


@dataclass(frozen=True)
class Shards:
    """The finished runs of one state of the model."""

    folder: Path

    def path(self, key: str) -> Path:
        """Give the place of a run: 256 folders, so that none grows large."""
        return self.folder / key[:2] / key[2:]

    def has(self, key: str) -> bool:
        """Whether the run is finished, without looking inside."""
        return self.path(key).exists()

    def read(self, key: str) -> Tables:
        """Read a run; `Damaged` where the file is not what was written, `Gone` without one."""
        return unpack(_content(self.path(key)))

    def write(self, key: str, content: bytes) -> None:
        """Keep a run, at once or not at all; `NotKept` where the disk is full, or not ours."""
        path = self.path(key)
        draft = path.with_name(f".{path.name}-{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                draft.write_bytes(content)
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:
            raise NotKept(error.errno, error.strerror or str(error), str(self.folder)) from None

    def fault(self, key: str) -> str | None:
        """Say what is wrong with a finished run; None when it is sound, "" when it is not there."""
        try:
            _head(_content(self.path(key)))
        except Gone:
            return ""
        except Damaged as damaged:
            return str(damaged)
        return None

    def set_aside(self, key: str) -> Path:
        """Rename a damaged run, for who wants to look at it; give its new name."""
        path = self.path(key)
        aside = path.with_name(f"{path.name}.damaged")
        with suppress(FileNotFoundError):
            path.replace(aside)
        return aside

    def seconds(self, key: str) -> float | None:
        """Tell how long a finished run took; None when it is not there or cannot be read."""
        path = self.path(key)
        try:
            if not stat.S_ISREG(path.lstat().st_mode):
                return None
            with path.open("rb") as file:
                head = file.read(1024).split(b"\n", 2)[1]
            return float(json.loads(head)["seconds"])
        except (OSError, ValueError, KeyError, IndexError, TypeError):
            return None

    def forget(self, keys: Iterator[str]) -> None:
        """Delete runs, and folders that are empty then."""
        for key in keys:
            self.path(key).unlink(missing_ok=True)
        folders = [*self.folder.glob("*"), self.folder, self.folder.parent]
        for folder in folders:
            with suppress(OSError):  # not empty: somebody else's runs are in there
                folder.rmdir()

    def tidy(self) -> None:
        """Delete runs of other states of the model, and drafts of processes long gone."""
        if not self.folder.parent.is_dir():
            return
        for folder in self.folder.parent.iterdir():
            if folder != self.folder and re.fullmatch("[0-9a-f]{16}", folder.name):
                shutil.rmtree(folder, ignore_errors=True)
        for draft in self.folder.glob("*/.*"):
            with suppress(OSError):
                if time.time() - draft.stat().st_mtime > _STALE_S:
                    draft.unlink()
