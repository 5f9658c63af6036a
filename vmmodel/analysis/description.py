"""Read the meta.json of a sweep, which may come from anybody: its size, keys and kinds."""

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vmmodel.errors import StudyError, shown

MAX_BYTES = 16 << 20
"""Largest file; that of a sweep with a thousand settings has a twentieth of it."""

AGAIN = "the command that made it runs it again with --again"
"""What a reader can do about a file of a sweep that is missing or damaged."""

NAME = r"^([A-Za-z0-9_][ -~]{0,499})?$"
"""Names of runs, which go into terminals, spreadsheets and pages; may be empty."""

Name = Annotated[str, Field(pattern=NAME)]


class TableError(StudyError):
    """A sweep folder that cannot be used; the message is one sentence for the reader."""


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class _Scenario(_Model):
    title: str = ""
    limits: list[str] = []
    parameters: dict[str, dict[str, Any]] = {}


class _Design(_Model):
    title: str = ""
    summary: str = ""
    source: str = ""


class Description(_Model):
    """What is read from meta.json later on; there may be more in it."""

    schema_: int = Field(alias="schema")
    version: str
    model_digest: str
    git_commit: str
    git_dirty: bool
    seed: int
    profile: str
    replications: int
    scenarios: dict[Name, _Scenario]
    designs: dict[Name, _Design]
    command: str = ""
    machine: dict[str, Any] = {}


def read_description(path: Path) -> dict[str, Any]:
    """Read and check meta.json; `TableError` says what is wrong with it."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise TableError(f"{path}: too large, expected at most {MAX_BYTES >> 20} MB")
        meta = json.loads(content.decode())
    except FileNotFoundError:
        what = f"{path}: missing, expected the description of the sweep"
        raise TableError(f"{what}; {AGAIN}") from None
    except (OSError, RecursionError, UnicodeDecodeError, json.JSONDecodeError) as error:
        reason = shown(str(error))[1:-1]
        raise TableError(f"{path}: not readable as JSON ({reason}); {AGAIN}") from None
    except ValueError as error:
        if isinstance(error, TableError):
            raise
        raise TableError(f"{path}: not readable as JSON (a long number); {AGAIN}") from None
    if not isinstance(meta, dict):
        raise TableError(f"{path}: expected a JSON object, found {type(meta).__name__}; {AGAIN}")
    _check(meta, path)
    return meta


def _check(meta: dict[str, Any], path: Path) -> None:
    try:
        Description.model_validate(meta)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        key = shown(".".join(str(part) for part in first["loc"] if part != "[key]"))
        if first["type"] == "missing":
            raise TableError(f"{path}: key {key} is missing; {AGAIN}") from None
        what = f"{path}: {key} is {shown(first['input'])}"
        raise TableError(f"{what}, expected {first['msg'].lower()}; {AGAIN}") from None
