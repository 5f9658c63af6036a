"""Requests for several pages through `kmem_malloc()`, with memory free or nearly exhausted.

Every slab has the same number of pages and is asked for through the kernel map, page by page or by
a batch.  Requests come in storms, on all CPUs at once, as when threads are made.
"""

from dataclasses import dataclass

import numpy as np

from vmmodel.consumers.layout import PAGE_SIZE, keg_layout
from vmmodel.sim.script import Action, Refill, Release, Script, Squeeze, Timeline
from vmmodel.workloads.deal import deal
from vmmodel.workloads.parameters import Parameters, parameter
from vmmodel.workloads.streams import Streams

SQUEEZES = 20
"""How often in an episode the pages left free change."""
PRESSURE_HOLD = 254
"""Pages that pressure moves in a hold of the free lock: as a full bucket of a page cache."""


@dataclass(frozen=True)
class SeveralPagesParameters(Parameters):
    """A machine that does nothing but to ask for slabs of one size."""

    memory_mb: int = parameter(
        256, "MB", "memory of the machine", mark="assumed", source="room for all slabs of 64 pages",
        low=64, high=65_536,
    )  # fmt: skip
    cpus: int = parameter(
        4, "CPUs", "processors", mark="assumed", source="an ordinary machine", low=1, high=64
    )
    pages: int = parameter(
        4, "pages", "pages of a slab", mark="published",
        source="2 to 5 in FreeBSD 13 (VMSPACE, THREAD, Mountpoints); to 64 to see the curve",
        low=1, high=64,
    )  # fmt: skip
    requests: int = parameter(
        200, "slabs", "slabs asked for, mean of a Poisson number", mark="assumed",
        source="free choice", low=1, high=100_000,
    )  # fmt: skip
    storm: int = parameter(
        8, "slabs", "slabs asked for together", mark="assumed", source="two for each CPU", low=1,
        high=1000,
    )  # fmt: skip
    spread_ns: int = parameter(
        1000, "ns", "mean distance of a request from the start of its storm", mark="assumed",
        source="about as long as one request takes, so that CPUs meet at the free lock",
        low=1, high=1_000_000,
    )  # fmt: skip
    episodes: int = parameter(
        0, "episodes", "how often memory is exhausted",
        mark="assumed", source="0: memory is free", low=0, high=1000,
    )  # fmt: skip
    leave_pages: int = parameter(
        8, "pages", "at most left free in an episode, above the floor of class SYSTEM",
        mark="assumed", source="twice the pages of a request: it fails at any of them or not",
        low=0, high=10_000,
    )  # fmt: skip


HORIZON_NS = 1_000_000_000
PRESSED = 0.8
"""Share of the run in which memory is short, if there are episodes.  After each all is given back,
and chunks can be had again."""


def several_pages_script(parameters: SeveralPagesParameters, streams: Streams) -> Script:
    """Draw a run."""
    timed: list[tuple[int, Action]] = [
        (time_ns, Refill(0, 1)) for time_ns in _request_times(parameters, streams("requests"))
    ]
    return Script(
        npages=parameters.memory_mb * 256,
        cpus=deal(timed, parameters.cpus, streams("cpus")),
        horizon_ns=HORIZON_NS,
        bucket=PRESSURE_HOLD,
        zones=(("several pages", keg_layout(parameters.pages * PAGE_SIZE, 8)),),
        pressure=_pressure(parameters, streams("pressure")),
        kasan=True,  # so that a slab of one page is mapped as well
    )


def _request_times(parameters: SeveralPagesParameters, rng: np.random.Generator) -> list[int]:
    """Draw when slabs are asked for: in storms, whether memory is short or not."""
    n = int(rng.poisson(parameters.requests))
    storms = np.sort(rng.random(max(n // parameters.storm, 1)))
    starts = (storms * HORIZON_NS).astype(np.int64)[rng.integers(0, len(storms), n)]
    times = starts + rng.exponential(parameters.spread_ns, n).astype(np.int64)
    return np.sort(np.minimum(times, HORIZON_NS)).tolist()  # type: ignore[no-any-return]


def _pressure(parameters: SeveralPagesParameters, rng: np.random.Generator) -> Timeline:
    """Exhaust memory in each episode, with a few pages more or less every moment of it."""
    timeline: list[tuple[int, Action]] = []
    for episode in range(parameters.episodes):
        start, length = (HORIZON_NS * i // parameters.episodes for i in (episode, 1))
        step = int(PRESSED * length) // SQUEEZES
        left = rng.integers(0, parameters.leave_pages + 1, SQUEEZES).tolist()
        timeline += [(start + i * step, Squeeze(leave)) for i, leave in enumerate(left)]
        timeline.append((start + SQUEEZES * step, Release()))
    return tuple(timeline)
