"""Sweeps that take a second."""

import subprocess
from pathlib import Path

from vmmodel.experiment.scenario import scenario
from vmmodel.experiment.schema import TABLES
from vmmodel.experiment.sweep import Sweep
from vmmodel.paths import ROOT

VALUES = {
    "memory_gb": "1",
    "seconds": "1",
    "requests": "200",
    "cache_share": "0.02",
    "second_failure": "0.05",
}
"""Parameters of second-resource with which a run takes some hundredths of a second."""

DESIGNS = ("bump:panic", "freeable")


TINY = """\
replications = 6
designs = ["bump:panic", "freeable"]
[prices]
free_lock = [20, 80]
[[scenario]]
name = "second-resource"
[scenario.parameters]
memory_gb = 1
seconds = 1
requests = 20
cache_share = 0
second_failure = 0.05
"""
"""A sweep file whose runs are as short as they can be."""

TINY_RUNS = 6 * 2 * 2


def small_sweep(replications: int = 3, **changed: str) -> Sweep:
    """Two designs under a small second-resource."""
    chosen = scenario("second-resource", values=VALUES | changed)
    return Sweep((chosen,), DESIGNS, replications, 1, "test")


def in_own_session(words: list[str]) -> subprocess.Popen[str]:
    """Start a command as a terminal does: all its processes can be pressed Ctrl-C on at once."""
    return subprocess.Popen(
        words,
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def table_bytes(folder: Path) -> dict[str, bytes]:
    """The content of every table in *folder*."""
    return {name: (folder / f"{name}.parquet").read_bytes() for name in TABLES}


def leftovers(folder: Path) -> list[str]:
    """Temporary folders beside *folder* or among its shards."""
    hidden = [*folder.parent.glob(".*"), *folder.parent.glob(".vmmodel-shards/*/*/.*")]
    return sorted(path.name for path in hidden if path.name != ".vmmodel-shards")
