"""The folder that a check leaves: reports as CSV, tables as Parquet, a figure, meta.json."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import vmmodel
from vmmodel.experiment.digest import model_digest
from vmmodel.experiment.store import META, check_replaceable, replace_folder


@dataclass(frozen=True)
class Outcome:
    """What a check found, by the names that its files shall have."""

    reports: dict[str, pd.DataFrame]
    """For readers: units are in the names of columns."""
    texts: dict[str, str]
    """The figure and the like, with the whole file name."""
    tables: dict[str, pa.Table] = field(default_factory=dict)
    """For programs: units are in the schema."""


def write_outcome(folder: Path, outcome: Outcome, command: str, caption: str) -> None:
    """Write *outcome* to *folder*, replacing an earlier one; nothing is ever half written."""
    meta = {
        "command": command,
        "caption": caption,
        "version": vmmodel.__version__,
        "model_digest": model_digest(),
    }

    def fill(place: Path) -> None:
        for name, report in outcome.reports.items():
            report.to_csv(place / f"{name}.csv", index=False, lineterminator="\n")
        for name, table in outcome.tables.items():
            pq.write_table(table, place / f"{name}.parquet", compression="zstd")
        for name, text in outcome.texts.items():
            (place / name).write_text(text, encoding="utf-8")
        (place / META).write_text(json.dumps(meta, indent=1, sort_keys=True) + "\n")

    check_replaceable(folder)
    replace_folder(folder, fill)
