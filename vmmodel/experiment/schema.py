"""The tables a study is made of: names, types, units and meanings of every column.

Everything downstream (analysis, report, notebooks) reads these tables and never the model.
One row is one fact.  Units stand in the field's metadata and are written to the files.

Designs are named as in ``vmmodel.nofree.DESIGNS``; the four words *in use*, *idle*, *leaked*
and *fallback* mean what ``docs/design.md`` says and are never mixed.
"""

from typing import Any

import pyarrow as pa

SCHEMA_VERSION = 3
"""Written to meta.json and to every file.  A column that comes later says *since* when, and what
older tables are read with; without such a value they are refused."""

NOT_WRITTEN = -1
"""In columns of version 3 of an older table: nobody wrote that down, which is not 0."""


def _field(
    name: str, type_: pa.DataType, unit: str, meaning: str, since: int = 1, default: Any = None
) -> pa.Field:
    metadata = {"unit": unit, "meaning": meaning}
    if since > 1:
        metadata |= {"since": str(since)}
    if default is not None:
        metadata |= {"default": str(default)}
    return pa.field(name, type_, nullable=False, metadata=metadata)


def _later(name: str, unit: str, meaning: str) -> pa.Field:
    """Give a count that came with version 3; no value of it is below 0."""
    return _field(name, pa.int64(), unit, meaning, 3, NOT_WRITTEN)


_KEY = [
    _field("scenario", pa.string(), "-", "hosts, syzkaller, second-resource"),
    _field("variant", pa.string(), "-", "host label (M1, M3, ...) or empty"),
    _field("setting", pa.string(), "-", "what a sweep varies, as cpus=4; or empty", 2, ""),
    _field("design", pa.string(), "-", "named design, with its outcome where a free is illegal"),
    _field("replication", pa.int32(), "-", "0.. ; the same number is the same request sequence"),
]

_BOOKS = [
    _field(
        "in_use", pa.int64(), "pages", "a caller has them, from a chunk (ordinary: from anywhere)"
    ),
    _field("idle", pa.int64(), "pages", "waiting for the next NOFREE request"),
    _field("leaked", pa.int64(), "pages", "nobody has them and nothing can reach them"),
    _field("escaped", pa.int64(), "pages", "silently joined the general pool (release kernel)"),
    _field("fallback", pa.int64(), "pages", "in use, NOFREE, served from outside any chunk"),
]

KEY = tuple(field.name for field in _KEY)
"""Columns that name a run, in every table."""

ORDERS = [f"n{order}" for order in range(13)]

RUNS = pa.schema(
    [
        *_KEY,
        _field("seed", pa.int64(), "-", "seed of the scenario; streams are named, not numbered"),
        _field("outcome", pa.string(), "-", "completed or panic"),
        _field("end_ns", pa.int64(), "ns", "simulated time at the end (of the panic, if any)"),
        _field("pages", pa.int64(), "pages", "pages of the machine"),
        _field("requests", pa.int64(), "requests", "slabs and single NOFREE pages asked for"),
        _field("requested_pages", pa.int64(), "pages", "NOFREE pages asked for"),
        _field("failed", pa.int64(), "requests", "of them not served"),
        _field("rollbacks", pa.int64(), "requests", "multi-page requests undone half way"),
        _field("rolled_back_pages", pa.int64(), "pages", "NOFREE pages given back by rollbacks"),
        _field("second_failures", pa.int64(), "requests", "page obtained, second resource failed"),
        _field("init_failures", pa.int64(), "slabs", "slab obtained, an item's set-up failed"),
        _field("imports", pa.int64(), "chunks", "order-9 blocks taken for NOFREE pages"),
        _field("failed_imports", pa.int64(), "-", "imports refused or without a block"),
        _field("fallbacks", pa.int64(), "pages", "NOFREE pages ever served outside any chunk"),
        _field("captured", pa.int64(), "pages", "freed fallback pages that the queue kept"),
        _field("leaked_fallback", pa.int64(), "pages", "of leaked: came from fallback"),
        _field("escaped_fallback", pa.int64(), "pages", "of escaped: came from fallback"),
        *_BOOKS,
        _field("nofreeq_size", pa.int64(), "pages", "the kernel's counter, as it would print it"),
        _field("v_nofree_count", pa.int64(), "pages", "the kernel's counter, with its drift"),
        _field("pinned_regions", pa.int64(), "2 MB regions", "with at least one NOFREE page"),
        _field("regions", pa.int64(), "2 MB regions", "regions of the machine"),
        _field("free_count", pa.int64(), "pages", "free pages at the end"),
        _field("lock_holds", pa.int64(), "-", "acquisitions of the domain free lock"),
        _field("lock_wait_ns", pa.int64(), "ns", "sum of waiting for it"),
        _field("lock_hold_ns", pa.int64(), "ns", "sum of holding it"),
        _field("imported", pa.int64(), "pages", "pages of the chunks taken for NOFREE pages", 2),
        _field("returned", pa.int64(), "pages", "of them given back to the buddy lists", 2),
        _field("bugs", pa.int64(), "-", "callers' errors met: free of a page in use, ...", 2, 0),
        _field("bugs_panic", pa.int64(), "-", "of them an assertion stopped the machine", 2, 0),
        _field("bugs_detected", pa.int64(), "-", "of them seen and refused", 2, 0),
        _field(
            "bugs_silent", pa.int64(), "-", "of them gave a page two users, or broke a list", 2, 0
        ),
        _field("bugs_leaked", pa.int64(), "-", "of them lost a page", 2, 0),
        _field(
            "exposed", pa.int64(), "pages", "idle at the end, though a user still uses them", 2, 0
        ),
        _later("page_failures", "requests", "failed: a page was injected to be unavailable"),
        _later("refused_class", "requests", "failed: pages were free, too few for its class"),
        _later("refused_empty", "requests", "failed: no page was free"),
        _later("refused_lists", "requests", "failed: admitted, but the buddy lists were empty"),
        _later("refused_chunk", "requests", "failed: no chunk, and the design has nothing else"),
        _later("most_free_refused", "pages", "most pages free at one of these four refusals"),
        _later("refused_imports", "-", "of failed_imports: thresholds; the rest found no block"),
        _later("most_chunk_pages", "pages", "most held in chunks; summed over domains"),
        _later("reservations", "superpages", "order-9 blocks that became reservations"),
        _later("superpage_failures", "superpages", "wanted for one, admitted, no such block free"),
        _later("steals", "blocks", "one pool took over from another, since the start"),
        _later("steals_small", "blocks", "of them below order 9: the region is now shared"),
        _later("steals_unmovable", "blocks", "of them taken from DEFAULT for DIRECT"),
        _later("steals_mixing", "blocks", "of them both"),
        _later("list_insertions", "-", "insertions into the design's list of idle pages"),
        _later("list_passed", "entries", "passed in that list to find their places"),
        _later("list_most_passed", "entries", "passed for one of them, at most"),
        _later("lock_contended", "-", "of lock_holds: had to wait"),
        _later("leak_samples", "-", "of NOFREE pages handed out and not taken back, every 10 s"),
        _later("leak_maxima", "-", "of them larger than all before"),
        _later("leak_warnings", "-", "more than 50 of those since the last warning: leaks.sh"),
        _later("leak2_samples", "-", "of the same pages, every second"),
        _later("leak2_warnings", "-", "more than 120 in a row above the minimum: leaks2.sh"),
        _later("lock_pages", "pages", "left or joined the buddy lists under those holds"),
    ]
)

SAMPLES = pa.schema(
    [
        *_KEY,
        _field("time_ns", pa.int64(), "ns", "simulated time"),
        _field("free_count", pa.int64(), "pages", "free pages"),
        *[_field(n, pa.int64(), "blocks", f"free blocks of order {n[1:]}") for n in ORDERS],
        *_BOOKS,
        _field("nofreeq_size", pa.int64(), "pages", "the kernel's counter"),
        _field("v_nofree_count", pa.int64(), "pages", "the kernel's counter, with its drift"),
        _field("pinned_regions", pa.int64(), "2 MB regions", "with at least one NOFREE page"),
        _field("free_regions", pa.int64(), "2 MB regions", "wholly free"),
        _field(
            "answered",
            pa.int64(),
            "requests",
            "slabs and NOFREE object pages answered so far",
            2,
            0,
        ),
        _field(
            "answered_wait_ns", pa.int64(), "ns", "their waiting for the free lock so far", 2, 0
        ),
        _field("answered_total_ns", pa.int64(), "ns", "their waiting and priced work so far", 2, 0),
        _later("largest_extent", "pages", "most pages on the buddy lists that follow one another"),
        _later("user_pages", "pages", "allocated from pool DEFAULT, not NOFREE: movable"),
        _later("kernel_pages", "pages", "allocated from pool DIRECT, not NOFREE: unmovable"),
        _later("cached_pages", "pages", "of both: in per-CPU page caches, not in use"),
        _later("reserved_free", "pages", "free, but in a reservation and not on the lists"),
        _later("superpages", "superpages", "reservations with all 512 pages in use"),
        _later("unmovable_regions", "2 MB regions", "with a NOFREE or a kernel page"),
        _later("nofree_regions", "2 MB regions", "with most pages NOFREE: their class"),
        _later("kernel_regions", "2 MB regions", "with most pages kernel"),
        _later("user_regions", "2 MB regions", "with most pages user"),
        _later("mixed_nofree_regions", "2 MB regions", "of nofree_regions: with another class"),
        _later("mixed_kernel_regions", "2 MB regions", "of kernel_regions: with another class"),
        _later("mixed_user_regions", "2 MB regions", "of user_regions: with another class"),
        _later("compaction_moves", "pages", "greedy; NOFREE pages stay where they are"),
        _later("compacted_regions", "2 MB regions", "wholly free after those moves"),
        _later("compaction_moves_user", "pages", "greedy; kernel pages stay as well"),
        _later("compacted_regions_user", "2 MB regions", "wholly free after those moves"),
        _later("chunk_pages", "pages", "imported and not returned; ordinary: NOFREE pages in use"),
        _later("idle_runs", "runs", "of idle NOFREE pages, as the design would hand them out"),
    ]
)

REGIONS = pa.schema(
    [
        *_KEY,
        _field("time_ns", pa.int64(), "ns", "simulated time"),
        _field("region", pa.int32(), "-", "2 MB region, ascending address, holes left out"),
        _field("free", pa.int16(), "pages", "free pages of the 512"),
        _field("in_use", pa.int16(), "pages", "NOFREE pages in use"),
        _field("idle", pa.int16(), "pages", "idle NOFREE pages"),
        _field("leaked", pa.int16(), "pages", "leaked NOFREE pages"),
        _field("fallback", pa.int16(), "pages", "fallback pages in use"),
    ]
)
"""Replication 0 only: the map of physical memory over time."""

LATENCIES = pa.schema(
    [
        *_KEY,
        _field("operation", pa.string(), "-", "nofree-page, slab, rollback, traffic, ..."),
        _field("part", pa.string(), "-", "wait (for the free lock), work (priced), total"),
        _field("low_ns", pa.int64(), "ns", "lower edge of the bucket, inclusive"),
        _field("high_ns", pa.int64(), "ns", "upper edge, exclusive; 128 buckets an octave"),
        _field("count", pa.int64(), "operations", "operations in the bucket"),
    ]
)

EVENTS = pa.schema(
    [
        *_KEY,
        _field("time_ns", pa.int64(), "ns", "simulated time"),
        _field("cpu", pa.int32(), "-", "processor"),
        _field("kind", pa.string(), "-", "panic, rollback, ..., a bug and its outcome, or a phase"),
        _field("pages", pa.int64(), "pages", "pages concerned"),
    ]
)

TABLES: dict[str, pa.Schema] = {
    "runs": RUNS,
    "samples": SAMPLES,
    "regions": REGIONS,
    "latencies": LATENCIES,
    "events": EVENTS,
}
"""File name (without ``.parquet``) to schema; a sweep folder also holds ``meta.json``."""


def without_key(schema: pa.Schema) -> pa.Schema:
    """Give the columns of one run: those that name it are the same in all rows."""
    return pa.schema([field for field in schema if field.name not in KEY]).remove_metadata()


def lacks(name: str, version: int) -> list[pa.Field]:
    """List the columns that came to table *name* after schema *version*."""
    since = {field: int(field.metadata.get(b"since", b"1")) for field in TABLES[name]}
    return [field for field in TABLES[name] if since[field] > version]


def upgrade(table: pa.Table, name: str) -> pa.Table:
    """Give a table of an older version the columns that it lacks, with their declared values."""
    for field in TABLES[name]:
        if field.name not in table.column_names and b"default" in field.metadata:
            value = pa.scalar(field.metadata[b"default"].decode()).cast(field.type)
            table = table.append_column(field, pa.repeat(value, table.num_rows))
    return table.select(TABLES[name].names)
