"""Load a sweep folder and check it, so that everything after it can trust the tables.

A sweep folder holds five Parquet tables and ``meta.json``; ``vmmodel.experiment.schema`` says
what stands in them.  A folder that is missing, half written, of another schema version or with
a damaged file is refused with one sentence that names the file and what was expected.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from vmmodel.analysis.description import AGAIN, NAME, TableError, read_description
from vmmodel.errors import shown
from vmmodel.experiment.schema import SCHEMA_VERSION, TABLES, lacks, upgrade

DESIGN_ORDER = (
    "ordinary",
    "bump:panic",
    "bump:escape",
    "bump:leak",
    "freeable",
    "separate",
    "batch",
    "batch-partial",
    "reclaim",
    "batch+separate",
)
"""Designs in the order of every table, legend and panel; others follow by name."""

SCENARIO_ORDER = ("hosts", "syzkaller", "second-resource", "init-failure", "misuse")
"""Scenarios in the order of the report; others follow by name."""

BASELINE = "freeable"
"""The landed design (D49480); paired differences are taken against it."""

MAX_ROWS = 200_000_000
"""Most rows of a table; a small file can claim any number."""


@dataclass(frozen=True, order=True)
class Case:
    """One machine under one story: the unit inside which designs are compared."""

    scenario: str
    """Name of the scenario."""
    variant: str = ""
    """Host label, or empty when the scenario has one machine only."""
    setting: str = ""
    """What a sweep varies, as ``cpus=4``; empty where it varies nothing."""

    @property
    def label(self) -> str:
        """Name as printed: ``hosts M3 cpus=4``, or the scenario alone."""
        return " ".join(part for part in (self.scenario, self.variant, self.setting) if part)

    @property
    def slug(self) -> str:
        """Name as used in ids and file names.

        >>> Case("hosts", "M3").slug
        'hosts-m3'
        """
        return "".join(c if c.isalnum() else "-" for c in self.label.lower())


def _first_seen(names: pd.Series) -> pd.Series:
    """Number names by where each comes first, which is the order that a sweep lists them in."""
    return pd.Series(pd.factorize(names)[0], names.index)


def _rank(name: str, order: tuple[str, ...]) -> tuple[int, str]:
    return (order.index(name) if name in order else len(order), name)


@dataclass(frozen=True, eq=False)
class Study:
    """The tables of one sweep.  Big tables are read when first asked for; equal to itself only."""

    folder: Path
    """Where the tables are."""
    meta: dict[str, Any]
    """Contents of ``meta.json``."""

    @cached_property
    def runs(self) -> pd.DataFrame:
        """One row per run, designs and scenarios in the order of the report."""
        frame = _frame(self.folder, "runs")
        by = pd.DataFrame(
            {
                "s": frame.scenario.map(lambda name: _rank(name, SCENARIO_ORDER)),
                "v": frame.variant,
                "c": _first_seen(frame.setting),
                "d": frame.design.map(lambda name: _rank(name, DESIGN_ORDER)),
                "r": frame.replication,
            }
        )
        return frame.loc[by.sort_values(["s", "v", "c", "d", "r"]).index].reset_index(drop=True)

    @cached_property
    def samples(self) -> pd.DataFrame:
        """Free lists and books over time."""
        return _frame(self.folder, "samples")

    @cached_property
    def latencies(self) -> pd.DataFrame:
        """Histograms of every operation, waiting apart from work; names are categories.

        It has most rows by far: as categories ten million of them are read in two seconds, as
        texts in six.
        """
        return _frame(self.folder, "latencies", categories=True)

    @cached_property
    def events(self) -> pd.DataFrame:
        """Panics, rollbacks, failures, imports."""
        return _frame(self.folder, "events")

    def regions(self, case: Case) -> pd.DataFrame:
        """The map of physical memory of one *case* over time, replication 0."""
        wanted = (pc.field("scenario") == case.scenario) & (pc.field("variant") == case.variant)
        return self.select(_frame(self.folder, "regions", wanted), case)

    @cached_property
    def cases(self) -> list[Case]:
        """Every machine and story of the sweep, in the order of the report."""
        named = self.runs[["scenario", "variant", "setting"]].drop_duplicates()
        return [Case(*names) for names in named.itertuples(index=False)]

    @cached_property
    def designs(self) -> list[str]:
        """Every design of the sweep, in the order of the report."""
        return sorted(self.runs.design.unique(), key=lambda name: _rank(name, DESIGN_ORDER))

    def cases_of(self, scenario: str) -> list[Case]:
        """The machines of one *scenario*; empty when it was not run."""
        return [case for case in self.cases if case.scenario == scenario]

    def main_case(self, scenario: str) -> Case | None:
        """The machine of *scenario* that asks for most NOFREE pages: the hardest of them."""
        runs = self.runs[self.runs.scenario == scenario]
        if runs.empty:
            return None
        asked = runs.groupby(["variant", "setting"], sort=False).requested_pages.median()
        variant, setting = asked.index[int(asked.argmax())]
        return Case(scenario, variant, setting)

    def select(self, table: pd.DataFrame, case: Case) -> pd.DataFrame:
        """Rows of *table* that belong to *case*."""
        rows = (table.scenario == case.scenario) & (table.variant == case.variant)
        return table[rows & (table.setting == case.setting)]


def load(folder: Path | str) -> Study:
    """Open the sweep in *folder* after checking every file's presence, schema and version."""
    folder = Path(folder)
    if not folder.is_dir():
        raise TableError(f"{folder}: no such folder, expected a sweep (tables and meta.json)")
    meta = read_description(folder / "meta.json")
    _readable(folder / "meta.json", meta["schema"])
    for name, schema in TABLES.items():
        _check(folder / f"{name}.parquet", schema, meta["schema"])
    study = Study(folder, meta)
    if study.runs.empty:
        raise TableError(f"{folder / 'runs.parquet'}: no rows, expected at least one run; {AGAIN}")
    return study


def _readable(path: Path, version: object) -> None:
    """Refuse tables of a version that cannot be read, with what to do."""
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise TableError(f"{path}: schema version {shown(version)}, expected 1 to {SCHEMA_VERSION}")
    if version > SCHEMA_VERSION:
        newer = f"{path}: schema version {version} is newer than this program's {SCHEMA_VERSION}"
        raise TableError(f"{newer}; read it with the vmmodel that wrote it")
    for name in TABLES:
        unknown = [f.name for f in lacks(name, version) if b"default" not in f.metadata]
        if unknown:
            older = f"{path}: schema version {version} has no {unknown[0]!r} in table {name}"
            raise TableError(f"{older}, and nothing can stand for it; {AGAIN}")


def _check(path: Path, schema: pa.Schema, version: int) -> None:
    if not path.is_file():
        raise TableError(f"{path}: missing, expected the table {path.stem!r}; {AGAIN}")
    try:
        about = pq.read_metadata(path)
        found = about.schema.to_arrow_schema()
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None
    if about.num_rows > MAX_ROWS:
        raise TableError(f"{path}: {about.num_rows:,} rows, expected at most {MAX_ROWS:,}")
    later = {field.name for field in lacks(path.stem, version)}
    for field in schema:
        if field.name in later - set(found.names):
            continue
        if field.name not in found.names:
            raise TableError(f"{path}: column {field.name!r} is missing; {AGAIN}")
        if found.field(field.name).type != field.type:
            raise TableError(
                f"{path}: column {field.name!r} is {found.field(field.name).type},"
                f" expected {field.type}; {AGAIN}"
            )


def _frame(
    folder: Path, name: str, rows: pc.Expression | None = None, categories: bool = False
) -> pd.DataFrame:
    path = folder / f"{name}.parquet"
    try:
        found = pq.read_schema(path).names
        columns = [field.name for field in TABLES[name] if field.name in found]
        texts = [field.name for field in TABLES[name] if pa.types.is_string(field.type)]
        table = pq.read_table(
            path,
            columns=columns,
            filters=rows,
            partitioning=None,
            read_dictionary=texts if categories else None,
        )
        table = upgrade(table, name)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None
    _check_names(path, table)
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _check_names(path: Path, table: pa.Table) -> None:
    """Refuse names that would do harm in a terminal or a spreadsheet."""
    for field in table.schema:
        if pa.types.is_string(field.type) or pa.types.is_dictionary(field.type):
            for name in pc.unique(table[field.name]).to_pylist():
                if name is None or not re.match(NAME, name):
                    expected = "a printable name that begins with a letter or a digit"
                    what = f"{path}: {field.name} is {shown(name)}, expected {expected}"
                    raise TableError(f"{what}; {AGAIN}")


def _unreadable(path: Path, error: BaseException) -> TableError:
    reason = shown((str(error).splitlines() or [""])[0])[1:-1]
    return TableError(f"{path}: not readable as Parquet ({reason}); {AGAIN}")


def write_csv(study: Study, folder: Path) -> None:
    """Write every table of *study* as CSV, piece by piece, and one that explains the columns."""
    for name, schema in TABLES.items():
        path = study.folder / f"{name}.parquet"
        with pcsv.CSVWriter(folder / f"{name}.csv", schema) as file:
            for rows in _pieces(path, name):
                _check_names(path, rows)
                file.write_table(rows)
    columns = [
        {
            "table": name,
            "column": field.name,
            "type": str(field.type),
            "unit": field.metadata[b"unit"].decode(),
            "meaning": field.metadata[b"meaning"].decode(),
        }
        for name, schema in TABLES.items()
        for field in schema
    ]
    pcsv.write_csv(pa.Table.from_pylist(columns), folder / "columns.csv")


def write_extra(study: Path, name: str, folder: Path) -> None:
    """Write a table that only some studies have as CSV; `TableError` where it cannot be read."""
    path = study / f"{name}.parquet"
    try:
        pcsv.write_csv(pq.read_table(path), folder / f"{name}.csv")
    except (pa.ArrowException, OSError) as error:
        raise TableError(f"{path}: not readable ({error}); {AGAIN}") from None


def _pieces(path: Path, name: str) -> Iterator[pa.Table]:
    try:
        with pq.ParquetFile(path) as file:
            names = [field.name for field in TABLES[name] if field.name in file.schema_arrow.names]
            for batch in file.iter_batches(columns=names):
                yield upgrade(pa.Table.from_batches([batch]), name).cast(TABLES[name])
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None
