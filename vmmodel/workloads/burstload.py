"""What bursts and their subject ask for over time, before any design sees it."""

from collections import Counter, defaultdict

import numpy as np

from vmmodel.sim.script import Action, Give, ObjectPage, Refill, Script, Squeeze, Take, WrongFree
from vmmodel.workloads.overtime import MIB, Columns


def bursts_over_time(script: Script, nslices: int = 60) -> Columns:
    """Sum up a script in equal slices of time.

    ``seconds`` is the middle of each slice.  ``file+anon MiB`` (pool DEFAULT) and ``kernel MiB``
    (pool DIRECT) are taken and not given back by its end; ``NOFREE pages`` is what the requests so
    far need if none fails.  Requests, failures drawn for them, wrong frees and squeezes of memory
    are counted within a slice, where the script has them.
    """
    ledger = _Ledger(script)
    for action in script.boot:
        ledger.enter(0, action)
    timed = [event for timeline in (*script.cpus, script.pressure) for event in timeline]
    for at, action in sorted(timed, key=lambda event: event[0]):
        if at < script.horizon_ns:
            ledger.enter(at * nslices // script.horizon_ns, action)
    middles = (np.arange(nslices) + 0.5) * script.horizon_ns / nslices / 1e9
    columns: Columns = {"seconds": middles}
    for name in (name for name in _COLUMNS if name in ledger.counted):
        values = np.array([ledger.counted[name][i] for i in range(nslices)], np.float64)
        columns[name] = np.cumsum(values) * _HELD[name] if name in _HELD else values
    return columns


_COLUMNS = (
    "file+anon MiB", "kernel MiB", "NOFREE pages", "NOFREE requests", "failures drawn",
    "wrong frees", "squeezes",
)  # fmt: skip
_POOLS = _COLUMNS[:2]
_HELD = {"file+anon MiB": 1 / MIB, "kernel MiB": 1 / MIB, "NOFREE pages": 1.0}
"""Columns of what is there, not of what happens, and what a page counts in them."""


class _Ledger:
    """Counts by column and slice; a column is there once something is counted in it."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.counted: dict[str, Counter[int]] = defaultdict(Counter)
        self.takes: dict[int, Take] = {}
        self.spare = [0] * len(script.zones)
        """Items of slabs that no bucket has taken, by zone."""

    def enter(self, where: int, action: Action) -> None:
        """Count one action in a slice."""
        match action:
            case Take(burst, npages, pool):
                self.takes[burst] = action
                self.counted[_POOLS[pool]][where] += npages
            case Give(burst, part):
                take = self.takes[burst]
                pages = len(range(part, take.npages, take.parts))
                self.counted[_POOLS[take.pool]][where] -= pages
            case Refill(zone, items, injections):
                failing = sum(fail.page >= 0 or fail.second >= 0 or fail.init
                              for fail in injections)  # fmt: skip
                self._request(where, self._slab_pages(zone, items), failing)
            case ObjectPage(fail):
                self._request(where, 1, int(fail.page >= 0 or fail.second >= 0))
            case WrongFree():
                self.counted["wrong frees"][where] += 1
            case Squeeze():
                self.counted["squeezes"][where] += 1

    def _request(self, where: int, pages: int, failing: int) -> None:
        self.counted["NOFREE pages"][where] += pages
        self.counted["NOFREE requests"][where] += 1
        if failing:
            self.counted["failures drawn"][where] += failing

    def _slab_pages(self, zone: int, items: int) -> int:
        """Pages of the slabs that a refill needs beside what earlier slabs left."""
        layout = self.script.zones[zone][1]
        slabs = max(-(-(items - self.spare[zone]) // layout.ipers), 0)
        self.spare[zone] += slabs * layout.ipers - items
        return slabs * layout.ppera
