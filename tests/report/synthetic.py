"""Write a small made-up sweep with the shape of a real one, for tests and for drawing.

The numbers follow simple rules (a ramp of NOFREE pages, a share of them given back, random
placement for scatter), so that the expected answers are known.  They say nothing about FreeBSD.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from vmmodel.experiment.schema import NOT_WRITTEN, ORDERS, SCHEMA_VERSION, TABLES

DESIGNS = [
    "ordinary",
    "bump:panic",
    "bump:escape",
    "bump:leak",
    "freeable",
    "separate",
    "batch",
]

BUGS = ["bugs", "bugs_panic", "bugs_detected", "bugs_silent", "bugs_leaked", "exposed"]


@dataclass(frozen=True)
class Story:
    """One made-up machine: how many regions, how many NOFREE pages, how many come back."""

    scenario: str
    variant: str
    regions: int
    live: int
    back: float
    hours: float
    multi: bool = False


STORIES = (
    Story("hosts", "M1", 2048, 36_000, 0.0, 24),
    Story("hosts", "M3", 1024, 900, 0.0, 24),
    Story("hosts", "M5", 1024, 420, 0.0, 12),
    Story("syzkaller", "", 1024, 6_000, 0.08, 0.05, True),
    Story("second-resource", "", 1024, 2_500, 0.03, 1),
)


def write_sweep(
    folder: Path,
    replications: int = 3,
    samples: int = 40,
    stories: tuple[Story, ...] = STORIES,
    designs: tuple[str, ...] = tuple(DESIGNS),
    panics: bool = True,
) -> Path:
    """Write all tables and ``meta.json`` of a made-up sweep into *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
    for story in stories:
        for replication in range(replications):
            for design in designs:
                _run(parts, story, design, replication, samples, panics)
    for name, schema in TABLES.items():
        frames = parts[name]
        columns = {f.name: f.type for f in schema}
        frame = pd.concat(frames) if frames else pd.DataFrame(columns=list(columns))
        frame = frame.assign(**{f: NOT_WRITTEN for f in columns if f not in frame})
        table = pa.Table.from_pandas(frame[list(columns)], schema=schema, preserve_index=False)
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
    _meta(folder, replications, stories)
    return folder


def _run(parts, story, design, replication, samples, panics):
    seed = abs(hash_text(f"{story.scenario}{story.variant}{replication}"))
    rng = np.random.default_rng(seed)  # the same for every design: paired
    end = int(story.hours * 3600e9)
    time = np.linspace(0, end, samples + 1).astype(np.int64)
    x = time / end
    scale = 1 + 0.06 * rng.standard_normal()
    live = np.rint(story.live * scale * np.minimum(1, x * 1.6) ** 0.7).astype(np.int64)
    back = np.rint(story.back * story.live * scale * np.maximum(0, x - 0.2) / 0.8).astype(np.int64)
    if design == "batch":
        back = back if story.scenario == "second-resource" else back * 0
    outcome = "completed"
    if design == "bump:panic" and panics and back.any() and replication % 5 != 4:
        stop = int(np.flatnonzero(back)[0]) + replication % 3
        time, x, live = time[: stop + 1], x[: stop + 1], live[: stop + 1]
        back = back[: stop + 1] * 0
        outcome = "panic"
    elif design == "bump:panic":
        back = back * 0
    pages = story.regions * 512
    zero = np.zeros_like(live)
    if design == "ordinary":
        book = {"in_use": live, "idle": zero, "leaked": zero, "escaped": zero, "fallback": zero}
        imports = live + back
        pinned = np.minimum(story.regions * 0.62, live * 0.22 + 3).astype(np.int64)
    else:
        fallback = np.where(x > 0.7, (live * 0.004).astype(np.int64), 0)
        inside = live - fallback
        bump = design.startswith("bump")
        kept = inside + back if bump else inside
        imports = -(-np.maximum.accumulate(kept + (0 if bump else back // 2)) // 512)
        leaked = back if design in ("bump:leak",) else zero
        if design == "batch" and story.scenario == "second-resource":
            leaked = back
            imports = -(-(inside + back) // 512)
        escaped = back if design == "bump:escape" else zero
        book = {
            "in_use": inside,
            "idle": imports * 512 - inside - leaked - escaped,
            "leaked": leaked,
            "escaped": escaped,
            "fallback": fallback,
        }
        pinned = imports + np.minimum(fallback, story.regions // 9) + (replication % 3)
    key = {
        "scenario": story.scenario,
        "variant": story.variant,
        "setting": "",
        "design": design,
        "replication": replication,
    }
    noise = np.random.default_rng(seed + 7).standard_normal(len(time))
    free = np.rint(pages * (0.75 - 0.45 * np.minimum(1, 2 * x) + 0.02 * noise)).astype(np.int64)
    share = np.clip(0.97 - 0.3 * np.sqrt(x) - 1.1 * pinned / story.regions + 0.01 * noise, 0.02, 1)
    blocks = _blocks(free, share)
    free = blocks @ (1 << np.arange(13))
    sample = pd.DataFrame({"time_ns": time, "free_count": free, **book})
    for order, name in enumerate(ORDERS):
        sample[name] = blocks[:, order]
    sample["nofreeq_size"] = book["idle"]
    sample["v_nofree_count"] = book["in_use"]
    sample["pinned_regions"] = pinned
    sample["free_regions"] = blocks[:, 9:] @ np.array([1, 2, 4, 8])
    sample["answered"] = live
    sample["answered_wait_ns"] = 40 * live
    sample["answered_total_ns"] = 300 * live
    parts["samples"].append(sample.assign(**key))
    last = {name: int(values[-1]) for name, values in book.items()}
    slow = 1.15 if story.multi and design != "batch" else 1.0
    rollbacks = int(back[-1] // 3) if story.multi else 0
    run = {
        **key,
        **last,
        "seed": 1,
        "outcome": outcome,
        "end_ns": int(time[-1]),
        "pages": pages,
        "requests": int(live[-1] + back[-1]),
        "requested_pages": int(live[-1] + back[-1]),
        "failed": rollbacks,
        "rollbacks": rollbacks,
        "rolled_back_pages": int(back[-1]) if story.multi else 0,
        "second_failures": 0 if story.multi else int(back[-1]),
        "init_failures": 0,
        "imports": int(imports[-1]),
        "imported": int(imports[-1]) * 512,
        "returned": 0,
        "failed_imports": int(last["fallback"] > 0) * 3,
        "fallbacks": last["fallback"],
        "captured": 0,
        "leaked_fallback": 0,
        "escaped_fallback": 0,
        "nofreeq_size": last["idle"],
        "v_nofree_count": last["in_use"],
        "pinned_regions": int(pinned[-1]),
        "regions": story.regions,
        "free_count": int(free[-1]),
        "lock_holds": int(live[-1]) * 3,
        "lock_wait_ns": int(live[-1]) * 40,
        "lock_hold_ns": int(live[-1]) * 180,
        **dict.fromkeys(BUGS, 0),
    }
    parts["runs"].append(pd.DataFrame([run]))
    _latencies(parts, key, rng, int(live[-1]), slow, rollbacks)
    events = [(int(end * 0.1), "import", 512)]
    if outcome == "panic":
        events.append((int(time[-1]), "panic", 1))
    frame = pd.DataFrame(events, columns=["time_ns", "kind", "pages"])
    parts["events"].append(frame.assign(cpu=0, **key))
    if replication == 0:
        _regions(parts, key, story, sample, pinned)


def hash_text(text: str) -> int:
    """A small number that depends on *text* only (``hash`` differs between processes)."""
    return sum((i + 1) * ord(c) for i, c in enumerate(text))


def _blocks(free, share):
    blocks = np.zeros((len(free), 13), dtype=np.int64)
    large = (free * share).astype(np.int64)
    blocks[:, 12] = large // 2 // 4096
    rest = large - blocks[:, 12] * 4096
    blocks[:, 9] = rest // 512
    small = free - blocks[:, 12] * 4096 - blocks[:, 9] * 512
    for order in range(8, 0, -1):
        blocks[:, order] = small // 3 >> order
        small = small - (blocks[:, order] << order)
    blocks[:, 0] = small
    return blocks


def _latencies(parts, key, rng, n, slow, rollbacks):
    n = max(50, min(n, 4000))
    wait = np.where(rng.random(n) < 0.8, 0, rng.lognormal(6.2, 1.1, n))
    work = rng.lognormal(5.6, 0.15, n) * slow
    rare = rng.random(n) < 0.004
    work = np.where(rare, work * 9, work)
    names = {"syzkaller": "slab", "second-resource": "object-page"}
    operation = names.get(key["scenario"], "nofree-page")
    _histogram(parts, key, operation, "wait", wait)
    _histogram(parts, key, operation, "work", work)
    _histogram(parts, key, operation, "total", wait + work)
    if rollbacks:
        rolled = rng.lognormal(8.6, 0.3, rollbacks) * slow
        _histogram(parts, key, "rollback", "total", rolled)
        _histogram(parts, key, "rollback", "work", rolled * 0.9)
        _histogram(parts, key, "rollback", "wait", rolled * 0.1)


def bucket(values):
    """Edges of the bucket of each whole number: exact below 128, then 128 to an octave."""
    values = np.asarray(values, dtype=np.int64)
    shift = np.maximum(0, np.frexp(np.maximum(values, 1))[1] - 8)
    low = (values >> shift) << shift
    return low, low + (np.int64(1) << shift)


def _histogram(parts, key, operation, part, values):
    low, high = bucket(np.rint(values))
    frame = pd.DataFrame({"low_ns": low, "high_ns": high})
    frame = frame.groupby(["low_ns", "high_ns"], as_index=False).size()
    frame = frame.rename(columns={"size": "count"})
    parts["latencies"].append(frame.assign(operation=operation, part=part, **key))


def _regions(parts, key, story, sample, pinned):
    rng = np.random.default_rng(3)
    scattered = rng.permutation(story.regions)
    order = np.arange(story.regions)
    for index, row in sample.iterrows():
        columns = {
            name: np.zeros(story.regions, int) for name in ("in_use", "idle", "leaked", "fallback")
        }
        whole = int(row.free_regions)
        free = np.where(order >= story.regions - whole, 512, rng.integers(0, 400, story.regions))
        if row.fallback:
            spots = scattered[: int(max(1, min(row.fallback, pinned[index])))]
            columns["fallback"][spots] = max(1, int(row.fallback) // len(spots))
        at = 20
        for name in ("in_use", "leaked", "idle"):
            left = int(row[name])
            while left > 0 and at < story.regions:
                take = min(left, 512 if name != "leaked" else 9)
                columns[name][at] += take
                left -= take
                at += 1
        used = sum(columns.values())
        free = np.where(used > 0, np.minimum(free, 512 - np.minimum(used, 512)), free)
        frame = pd.DataFrame({"region": order, "free": free, **columns, "time_ns": row.time_ns})
        parts["regions"].append(frame.assign(**key))


def _meta(folder, replications, stories):
    titles = {
        "hosts": "Zone populations of real machines",
        "syzkaller": "Multi-page slabs on a KASAN kernel until memory runs out",
        "second-resource": "A page is obtained, then another resource fails",
    }
    meta = {
        "schema": SCHEMA_VERSION,
        "version": "0.1.0",
        "model_digest": "0123456789abcdef" * 4,
        "git_commit": "f" * 40,
        "git_dirty": True,
        "seed": 1,
        "profile": "made-up",
        "replications": replications,
        "scenarios": {
            story.scenario: {
                "title": titles[story.scenario],
                "story": "Slabs are allocated by CPUs that also churn ordinary pages.",
                "question": "How many 2 MB regions do NOFREE pages pin?",
                "parameters": {
                    "pages": {
                        "value": story.regions * 512,
                        "unit": "pages",
                        "source": "recorded",
                        "mark": "measured",
                    },
                    "failure_rate": {
                        "value": 0.001,
                        "unit": "per page",
                        "source": "proposal",
                        "mark": "assumed",
                    },
                },
                "limits": ["Prices are from other machines than the one simulated."],
            }
            for story in stories
        },
        "designs": {
            "ordinary": {
                "title": "No NOFREE allocator",
                "summary": "Slab pages come from the general pools.",
                "source": "before a8693e89e3e4",
            },
            "bump:panic": {
                "title": "Bump allocator, INVARIANTS kernel",
                "summary": "A free of a NOFREE page panics.",
                "source": "a8693e89e3e4",
            },
            "bump:escape": {
                "title": "Bump allocator, release kernel",
                "summary": "A freed page silently joins the general pool.",
                "source": "a8693e89e3e4",
            },
            "bump:leak": {
                "title": "Bump allocator, caller keeps the page",
                "summary": "A page that should be freed is kept for ever.",
                "source": "a8693e89e3e4",
            },
            "freeable": {
                "title": "Run queue, any caller may free",
                "summary": "Freed pages wait in a queue for the next NOFREE request.",
                "source": "D49480 as landed",
            },
            "separate": {
                "title": "Run queue, own free function",
                "summary": "As freeable; only vm_page_free_nofree() accepts the pages.",
                "source": "D49480, first review",
            },
            "batch": {
                "title": "All-or-nothing batch, no free",
                "summary": "Multi-page requests are undone inside the allocator.",
                "source": "D47050 without partial results",
            },
        },
        "machine": {"python": "3.11", "platform": "made up", "cpus": 2},
        "packages": {"simpy": "4.1.2"},
        "command": "./study report",
    }
    (folder / "meta.json").write_text(json.dumps(meta, indent=1), encoding="utf-8")


if __name__ == "__main__":
    import sys

    write_sweep(Path(sys.argv[1]), replications=int(sys.argv[2]))
