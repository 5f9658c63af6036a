"""From the rows of a run to tables with the written schema."""

from typing import Any

import numpy as np
import pyarrow as pa

from vmmodel.experiment.schema import TABLES
from vmmodel.kernel import Mark
from vmmodel.sim.run import RegionMap, RunResult

Tables = dict[str, pa.Table]


def run_tables(result: RunResult, key: dict[str, Any], seed: int) -> Tables:
    """Give the tables of one run, with the columns of *key* before its own."""
    rows = {
        "runs": [{"seed": seed, **result.run}],
        "samples": result.samples,
        "latencies": result.latencies,
        "events": result.events,
    }
    tables = {
        name: pa.Table.from_pylist([{**key, **row} for row in table], schema=TABLES[name])
        for name, table in rows.items()
    }
    return tables | {"regions": _regions(result.maps, key)}


def _regions(maps: list[RegionMap], key: dict[str, Any]) -> pa.Table:
    """Lay out the maps of memory, a row for each region and instant."""
    schema = TABLES["regions"]
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
    n = len(marks)
    arrays = [
        pa.array(columns[field.name].astype(field.type.to_pandas_dtype()))
        if field.name in columns
        else pa.repeat(pa.scalar(key[field.name], field.type), n)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def join_tables(parts: list[Tables]) -> Tables:
    """Put the tables of several runs under one another, in the order given."""
    return {name: pa.concat_tables([part[name] for part in parts]) for name in TABLES}
