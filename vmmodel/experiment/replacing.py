"""What a sweep takes the place of: said, unless it is the same one with more or fewer runs."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vmmodel.errors import printable
from vmmodel.experiment.store import read_meta


def replaced(folder: Path, meta: dict[str, Any]) -> str | None:
    """Name the sweep in *folder* that one with *meta* will replace; None if that loses nothing.

    Nothing is lost to a sweep of the same profile, seed and settings that has every design.
    """
    old = read_meta(folder)
    if old is None or _continues(json.loads(json.dumps(meta)), old):
        return None
    command = printable(str(old.get("command", "another command")))
    return f"replacing, once this one is finished, the sweep of `{command}`{_runs(folder)}"


def _continues(new: dict[str, Any], old: dict[str, Any]) -> bool:
    same = all(new[name] == old.get(name) for name in ("profile", "seed", "settings"))
    return same and set(old.get("designs", ())) <= set(new["designs"])


def _runs(folder: Path) -> str:
    try:
        return f" ({pq.read_metadata(folder / 'runs.parquet').num_rows:,} runs)"
    except (OSError, pa.ArrowException):  # no table that can be counted
        return ""
