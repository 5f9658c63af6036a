"""Requests for several pages through `kmem_malloc()`, with memory free or nearly exhausted.

Every slab has the same number of pages and is asked for through the kernel map, page by page or by
a batch.  Requests come in storms, on all CPUs at once, as when threads are made.
"""

import numpy as np

from vmmodel.consumers.layout import PAGE_SIZE, keg_layout
from vmmodel.sim.script import Action, Refill, Release, Squeeze, Timeline
from vmmodel.workloads.background import Background
from vmmodel.workloads.bursts import Bursts, SeveralPages
from vmmodel.workloads.drawn import Drawn
from vmmodel.workloads.streams import Streams


def draw_several(
    subject: SeveralPages, d: Bursts, background: Background, streams: Streams
) -> Drawn:
    """Draw requests for slabs of some pages, and the pages left free in episodes."""
    rng = streams("requests")
    times = _request_times(subject, background.horizon_ns, d.background.storm_spread.ns, rng)
    layout = keg_layout(subject.slab_pages.whole * PAGE_SIZE, 8)
    pressure = _pressure(subject, background.horizon_ns, streams("pressure"))
    requests: list[tuple[int, Action]] = [(time_ns, Refill(0, 1)) for time_ns in times]
    return Drawn(requests, (("several pages", layout),), pressure)


def _request_times(
    subject: SeveralPages, horizon_ns: int, spread_ns: int, rng: np.random.Generator
) -> list[int]:
    """Draw when slabs are asked for: in storms, whether memory is short or not."""
    n = int(rng.poisson(subject.requests.whole))
    storms = np.sort(rng.random(max(n // subject.storm.whole, 1)))
    starts = (storms * horizon_ns).astype(np.int64)[rng.integers(0, len(storms), n)]
    times = starts + rng.exponential(spread_ns, n).astype(np.int64)
    drawn: list[int] = np.sort(np.minimum(times, horizon_ns)).tolist()
    return drawn


def _pressure(subject: SeveralPages, horizon_ns: int, rng: np.random.Generator) -> Timeline:
    """Exhaust memory in each episode, with a few pages more or less every moment of it.

    After each all is given back, and chunks can be had again.
    """
    timeline: list[tuple[int, Action]] = []
    episodes, squeezes = subject.episodes.whole, subject.squeezes.whole
    for episode in range(episodes):
        start = horizon_ns * episode // episodes
        step = int(subject.pressed_share.value * (horizon_ns // episodes)) // squeezes
        left = rng.integers(0, subject.leave_pages.whole + 1, squeezes).tolist()
        timeline += [(start + i * step, Squeeze(leave)) for i, leave in enumerate(left)]
        timeline.append((start + squeezes * step, Release()))
    return tuple(timeline)
