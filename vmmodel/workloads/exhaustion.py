"""Memory exhausted again and again while buckets are filled: the reported failure.

A KASAN kernel takes every slab through `kmem_malloc()`, page by page, so a page that cannot be
had half way means a rollback.  FreeBSD: syzbot+93bc9edd2d0f22ae426a.
"""

import numpy as np

from vmmodel.sim.script import Action, Release, Squeeze, Timeline
from vmmodel.workloads.background import Background
from vmmodel.workloads.bursts import Bursts, Exhaustion
from vmmodel.workloads.drawn import Drawn
from vmmodel.workloads.slabs import draw_refills, draw_zones, layouts_of
from vmmodel.workloads.streams import Streams

MS = 1_000_000


def draw_exhaustion(
    subject: Exhaustion, d: Bursts, background: Background, streams: Streams
) -> Drawn:
    """Draw episodes, the refills in them and between them, and the pages left free."""
    episodes = _episodes(subject, background.horizon_ns, streams("episodes"))
    rng = streams("refills")
    times = _refill_times(subject, background.horizon_ns, episodes, rng)
    refills = draw_refills(subject, d, draw_zones(subject, rng), streams("page failures"))
    pressure = _pressure(subject, episodes, streams("pressure"))
    return Drawn(list(zip(times, refills, strict=True)), layouts_of(subject, d), pressure)


def _episodes(subject: Exhaustion, horizon_ns: int, rng: np.random.Generator) -> list[int]:
    """Draw when episodes begin: one in each equal part of the run, and never overlapping."""
    n = subject.episodes.whole
    if n == 0:
        return []
    part = horizon_ns // n
    room = max(part - subject.episode_ms.whole * MS, 1)
    return [i * part + int(rng.integers(room)) for i in range(n)]


def _pressure(subject: Exhaustion, episodes: list[int], rng: np.random.Generator) -> Timeline:
    """Exhaust memory in each episode, with a few pages more or less every moment of it."""
    timeline: list[tuple[int, Action]] = []
    squeezes = subject.squeezes.whole
    for start in episodes:
        step = subject.episode_ms.whole * MS // squeezes
        left = rng.integers(0, subject.leave_pages.whole + 1, squeezes).tolist()
        timeline += [(start + i * step, Squeeze(leave)) for i, leave in enumerate(left)]
        timeline.append((start + squeezes * step, Release()))
    return tuple(timeline)


def _refill_times(
    subject: Exhaustion, horizon_ns: int, episodes: list[int], rng: np.random.Generator
) -> list[int]:
    """Draw when buckets are filled: a share of them within an episode, the others at any time."""
    n = subject.refills.whole
    times = rng.integers(0, horizon_ns, n)
    if episodes:
        within = rng.choice(np.array(episodes), n)
        within += rng.integers(MS, subject.episode_ms.whole * MS + MS + 1, n)
        times = np.where(rng.random(n) < subject.pressed_share.value, within, times)
    drawn: list[int] = times.tolist()
    return drawn
