"""Whole machines of a few megabytes whose every nanosecond is written down beforehand."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sim.tiny import tiny_prices
from sim.whole_scripts import BUCKETS, ZONES
from traffic.small import MS

from vmmodel.sim.whole import WholeMachine, WholeScript
from vmmodel.traffic.machine import Load, Rows

CLOCKS = ("plain", "compiled")
VM_OBJECT, MOUNTPOINTS, SWBLK = 0, 1, 2
"""Zones: 15 items to a page, 7 items to five pages, 29 items to a page."""


@contextmanager
def machine_of(
    clock: Any,
    objects: Rows,
    *cpus: Rows,
    domains: tuple[int, ...] = (4096,),
    horizon_ns: int = 1000 * MS,
    design: str = "freeable",
    swap_zone: int = SWBLK,
    home: tuple[int, ...] = (),
    script: dict[str, Any] | None = None,
    **prices: float,
) -> Iterator[WholeMachine]:
    """Make a machine, checked at every sample, on which only what *prices* name takes time."""
    load = Load(cpus, objects, BUCKETS, swap_zone, home)
    whole = WholeScript(domains, load, ZONES, horizon_ns, **(script or {}))
    machine = WholeMachine(
        whole, design, tiny_prices(**prices), clock=clock, check=True, trace=100_000
    )
    yield machine
    machine.close()


def operations(machine: WholeMachine, op: int, a: int | None = None) -> list[tuple[int, int]]:
    """(time in ns, page) of all operations of a kind, of one actor if it is given."""
    records = machine.traffic.records()
    chosen = records["op"] == op
    if a is not None:
        chosen &= records["cpu"] == a
    return list(
        zip(records["time"][chosen].tolist(), records["page"][chosen].tolist(), strict=True)
    )
