"""How much memory a modelled page takes, as the operating system counts it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.table import Table

from vmmodel.kernel.pages import Page
from vmmodel.paths import ROOT

NPAGES = 1 << 24
"""64 GB."""
GOAL_BYTES = 16
GOAL_MB = 600

RESIDENT = Path("/proc/self/statm")
GROWTH = """
import os, sys
from vmmodel.kernel import Vm
from vmmodel.kernel.warm import warm_up
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
warm_up()
before = resident()
vm = Vm.of_size(int(sys.argv[1]))
print(resident() - before, resident())
"""


def measure(quick: bool, tell: Callable[[str], None]) -> dict[str, Any]:
    """Make a machine in a new process and see by how much the process grows."""
    if not RESIDENT.exists():
        return {"npages": NPAGES, "page_struct_bytes": Page.dtype.itemsize}
    tell("memory of a 64 GB machine")
    words = [sys.executable, "-c", GROWTH, str(NPAGES)]
    done = subprocess.run(words, cwd=ROOT, env=os.environ, capture_output=True, check=True)
    growth, process = map(int, done.stdout.split())
    return {
        "npages": NPAGES,
        "page_struct_bytes": Page.dtype.itemsize,
        "bytes_per_page": round(growth / NPAGES, 3),
        "process_mb": round(process / 2**20, 1),
    }


def tables(result: dict[str, Any]) -> list[Table]:
    """Give the result as a table."""
    table = Table("memory", "measured", "goal", title_justify="left")
    table.add_row("bytes in a page structure", str(result["page_struct_bytes"]), str(GOAL_BYTES))
    if "process_mb" in result:
        table.add_row("bytes per modelled page", f"{result['bytes_per_page']:.2f}", str(GOAL_BYTES))
        table.add_row("MB of a process with 64 GB", f"{result['process_mb']:.0f}", str(GOAL_MB))
    return [table]
