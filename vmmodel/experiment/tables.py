"""From the rows of a run to tables with the written schema, less the columns that name the run."""

from typing import Any

import numpy as np
import pyarrow as pa

from vmmodel.experiment.schema import TABLES, without_key
from vmmodel.kernel import Mark
from vmmodel.sim.run import RegionMap, RunResult

Tables = dict[str, pa.Table]

RUN_TABLES = {name: without_key(schema) for name, schema in TABLES.items()}
"""The columns that a run fills."""


def run_tables(result: RunResult, seed: int) -> Tables:
    """Give the tables of one run."""
    rows = {
        "runs": [{"seed": seed, **result.run}],
        "samples": result.samples,
        "latencies": result.latencies,
        "events": result.events,
    }
    tables = {name: _table(table, RUN_TABLES[name]) for name, table in rows.items()}
    return tables | {"regions": _regions(result.maps)}


def _table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    columns = {name: [row[name] for row in rows] for name in schema.names}
    return pa.Table.from_pydict(columns, schema=schema)


def _regions(maps: list[RegionMap]) -> pa.Table:
    """Lay out the maps of memory, a row for each region and instant."""
    schema = RUN_TABLES["regions"]
    if not maps:
        return schema.empty_table()
    nregions = len(maps[0][1])
    marks = np.concatenate([marks for _, _, marks in maps])
    columns = {
        "time_ns": np.repeat([time_ns for time_ns, _, _ in maps], nregions),
        "region": np.tile(np.arange(nregions), len(maps)),
        "free": np.concatenate([free for _, free, _ in maps]),
        "in_use": marks[:, Mark.IN_USE],
        "idle": marks[:, Mark.IDLE],
        "leaked": marks[:, Mark.LEAKED],
        "fallback": marks[:, Mark.FALLBACK],
    }
    arrays = [pa.array(columns[f.name].astype(f.type.to_pandas_dtype())) for f in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def with_key(parts: list[pa.Table], keys: list[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    """Put one table of several runs under one another; each of *keys* names the rows of one."""
    below = pa.concat_tables(parts)
    owners = pa.array(np.repeat(np.arange(len(parts)), [part.num_rows for part in parts]))
    columns = []
    for field in schema:
        if field.name in below.column_names:
            columns.append(below[field.name])
        else:
            place = len(columns)  # the key stands first, in the order of *keys*
            named = pa.array([key[place] for key in keys], field.type)
            columns.append(named.take(owners))
    return pa.Table.from_arrays(columns, schema=schema)
