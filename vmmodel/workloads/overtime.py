"""What a script asks for over time, before any design sees it: the picture of a workload."""

import numpy as np
import numpy.typing as npt

from vmmodel.sim.whole import WholeScript
from vmmodel.traffic import Kind, Op
from vmmodel.traffic.machine import Rows
from vmmodel.workloads.population import Ints

Columns = dict[str, npt.NDArray[np.float64]]
MIB = 256.0
"""Pages of a MiB."""


def load_over_time(script: WholeScript, nslices: int = 60) -> Columns:
    """Sum up a script in equal slices of time.

    ``hours`` is the middle of each slice.  ``file MiB``, ``anonymous MiB`` and ``kernel MiB`` are
    asked for and not given back by its end, whatever a page daemon takes; ``processes`` and ``VM
    objects`` are items held by its end where the machine has the zone; ``opens`` and ``page
    requests`` are counted within it.
    """
    rows = np.concatenate(script.load.timelines)
    rows = rows[rows["time"] < script.horizon_ns]
    rows = rows[np.argsort(rows["time"], kind="stable")]
    slices = rows["time"] * nslices // script.horizon_ns

    def total(weights: Ints, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        return np.bincount(slices[chosen], weights[chosen], nslices).astype(np.float64)

    columns: Columns = {"hours": (np.arange(nslices) + 0.5) * script.horizon_ns / nslices / 3.6e12}
    pages = np.isin(rows["op"], (Op.TOUCH, Op.USE, Op.DROP))
    kinds = script.load.objects["kind"][np.where(pages, rows["object"], 0)]
    change = _changes(rows, pages, len(script.load.objects))
    of_files = np.isin(kinds, (Kind.FILE, Kind.ARC))
    named = {"file": of_files, "anonymous": kinds == Kind.ANON, "kernel": kinds == Kind.KERNEL}
    for name, chosen in named.items():
        columns[f"{name} MiB"] = np.cumsum(total(change, pages & chosen)) / MIB
    items = np.where(rows["op"] == Op.ITEMS, rows["count"], -rows["count"])
    moves = np.isin(rows["op"], (Op.ITEMS, Op.UNITEMS))
    for title, zone in (("processes", "PROC"), ("VM objects", "VM OBJECT")):
        numbers = [z for z, (name, _) in enumerate(script.zones) if name == zone]
        if numbers:
            columns[title] = np.cumsum(total(items, moves & (rows["object"] == numbers[0])))
    ones = np.ones(len(rows), np.int64)
    columns["opens"] = total(ones, (rows["op"] == Op.USE) & of_files)
    columns["page requests"] = total(np.maximum(change, 0), pages)
    return columns


def _changes(rows: Rows, pages: npt.NDArray[np.bool_], nobjects: int) -> Ints:
    """Give by how many pages each event changes what its object has been asked to hold."""
    change = np.zeros(len(rows), np.int64)
    held = np.zeros(nobjects, np.int64)
    which = np.flatnonzero(pages)
    events = (rows[key][which].tolist() for key in ("op", "object", "count"))
    for i, op, number, count in zip(which.tolist(), *events, strict=True):
        before = held[number]
        if op == Op.TOUCH:
            held[number] = before + count
        else:
            held[number] = max(before, count) if op == Op.USE else 0
        change[i] = held[number] - before
    return change
