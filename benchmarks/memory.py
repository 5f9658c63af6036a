"""How much memory a modelled page takes, by its structs and as the operating system counts it.

The machine is a whole one: page caches, reservations, and the objects of a page traffic.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.rounds import at_most
from vmmodel.kernel.pages import POPMAP_WORDS, REGION_PAGES, Page, Popmap, Reserv
from vmmodel.paths import ROOT
from vmmodel.traffic.radix import RANGE_WORDS

NPAGES = 1 << 24
"""64 GB."""
GOAL_BYTES = 16
GOAL_MB = 600

RESIDENT = Path("/proc/self/statm")
GROWTH = """
import os, sys
from benchmarks.loads import ORDINARY, machine, script
from vmmodel.traffic.warm import warm_up
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
warm_up()
drawn = script(ORDINARY, int(sys.argv[1]), 8, 1_000_000, 1)
before = resident()
made = machine(drawn)
print(resident() - before, resident())
made.run(nsamples=1)
print(resident())
"""


def per_page() -> float:
    """Bytes of structs for a page: its own, its share of a reservation and of two maps.

    One map is the reservation's, the other says which pages of its object are resident.
    """
    region = Reserv.dtype.itemsize + (POPMAP_WORDS + RANGE_WORDS) * Popmap.dtype.itemsize
    return Page.dtype.itemsize + region / REGION_PAGES


def measure(quick: bool, tell: Callable[[str], None]) -> dict[str, Any]:
    """Make a whole machine in a new process and see by how much the process grows."""
    result: dict[str, Any] = {"npages": NPAGES, "struct_bytes": round(per_page(), 3)}
    if not RESIDENT.exists():
        return result
    tell("memory of a 64 GB machine")
    words = [sys.executable, "-c", GROWTH, str(NPAGES)]
    done = subprocess.run(words, cwd=ROOT, env=os.environ, capture_output=True, check=True)
    growth, made, ran = map(int, done.stdout.split())
    return {
        **result,
        "bytes_per_page": round(growth / NPAGES, 3),
        "process_mb": round(made / 2**20, 1),
        "after_run_mb": round(ran / 2**20, 1),
    }


def tables(result: dict[str, Any]) -> list[Table]:
    """Give the result as a table."""
    table = Table("memory", "measured", "goal", title_justify="left")
    rows = [("bytes of structs for a page", result["struct_bytes"], GOAL_BYTES)]
    if "process_mb" in result:
        rows.append(("bytes per modelled page", result["bytes_per_page"], GOAL_BYTES))
        rows.append(("MB of a process with 64 GB", result["process_mb"], GOAL_MB))
        rows.append(("MB after a million operations", result["after_run_mb"], GOAL_MB))
    for what, value, goal in rows:
        table.add_row(what, f"{value:.1f}", at_most(value, goal))
    return [table]
