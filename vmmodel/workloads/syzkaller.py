"""The reported failure: a small machine under a fuzzer, out of memory again and again.

A KASAN kernel takes every slab through `kmem_malloc()`, page by page, so a page that cannot be
had half way means a rollback.  FreeBSD: syzbot+93bc9edd2d0f22ae426a.
"""

from dataclasses import dataclass

import numpy as np

from vmmodel.consumers.layout import keg_layout, uma_bucket_size
from vmmodel.sim.script import Action, Refill, Release, Script, Squeeze, Timeline
from vmmodel.workloads.background import Background, draw_background
from vmmodel.workloads.deal import deal
from vmmodel.workloads.injections import draw_injections
from vmmodel.workloads.parameters import Parameters, parameter
from vmmodel.workloads.streams import Streams
from vmmodel.workloads.zones import nofree_names

ZONES = ("VM OBJECT", "VMSPACE", "PROC", "THREAD", "TURNSTILE", "PGRP", "Files", "Mountpoints")
"""Zones that a fuzzer's system calls reach; sizes as in FreeBSD 13.0."""
WEIGHTS = (8, 3, 3, 6, 2, 1, 4, 2)
"""How often each is refilled, relative to the others: assumed."""


SQUEEZES = 20
"""How often in an episode the pages left free change."""


@dataclass(frozen=True)
class SyzkallerParameters(Parameters):
    """A syzkaller machine and how hard it is pressed."""

    memory_mb: int = parameter(
        2048,
        "MB",
        "memory of the machine",
        mark="published",
        source="syzkaller's usual virtual machine for FreeBSD",
        low=256,
        high=65_536,
    )
    cpus: int = parameter(
        2, "CPUs", "processors", mark="published", source="the same", low=1, high=64
    )
    seconds: int = parameter(
        20,
        "s",
        "length of the run",
        mark="assumed",
        source="six episodes",
        low=1,
        high=10_000,
        sweep=(5, 100),
        sweep_why="shorter, and episodes would overlap",
    )
    refills: int = parameter(
        1200,
        "refills",
        "buckets of NOFREE zones filled",
        mark="assumed",
        source="system calls of a fuzzer; sweep it",
        low=0,
        high=100_000,
        sweep=(300, 3000),
        sweep_why="below, the p99 rests on too few slabs; above, a run takes minutes",
    )
    pressed_share: float = parameter(
        0.7,
        "of refills",
        "share of the refills that fall into episodes of exhaustion",
        mark="assumed",
        source="a fuzzer that exhausts memory goes on making system calls",
        low=0,
        high=1,
    )
    episodes: int = parameter(
        6,
        "episodes",
        "how often memory is exhausted",
        mark="assumed",
        source="the report is one; more give more evidence in a run",
        low=0,
        high=1000,
        sweep=(1, 12),
        sweep_why="one is what was reported; twelve fill half of the shortest run",
    )
    episode_ms: int = parameter(
        200,
        "ms",
        "length of an episode",
        mark="assumed",
        source="until the out-of-memory killer has freed a process",
        low=1,
        high=10_000,
        sweep=(20, 400),
        sweep_why="longer ones would overlap in the shortest run",
    )
    leave_pages: int = parameter(
        12,
        "pages",
        "at most left free in an episode, above the floor of class SYSTEM",
        mark="assumed",
        source="drawn evenly from 0 up, so that a slab fails at any of its pages",
        low=0,
        high=10_000,
        sweep=(1, 200),
        sweep_why="with more than some slabs' pages nothing fails half way",
    )
    page_failure: float = parameter(
        1e-3,
        "per page",
        "probability that a page cannot be had although memory is free",
        mark="assumed",
        source="proposed sweep 1e-6 to 1e-2; the fuzzer's fault injection does this",
        low=0,
        high=1,
        sweep=(1e-6, 1e-2),
        sweep_why="the proposed sweep",
    )
    cache_share: float = parameter(
        0.8,
        "of memory",
        "file cache at the start and on average",
        mark="assumed",
        source="the rest is what pressure takes",
        low=0,
        high=0.9,
    )


def syzkaller_script(parameters: SyzkallerParameters, streams: Streams) -> Script:
    """Draw a run."""
    npages = parameters.memory_mb * 256
    background = Background(
        npages=npages,
        horizon_ns=parameters.seconds * 1_000_000_000,
        cpus=parameters.cpus,
        cache_share=parameters.cache_share,
        turnover=0.1,
        anonymous_bursts=400,
        kernel_bursts=400,
        storms=100,
    )
    boot, later = draw_background(background, streams)
    episodes = _episodes(parameters, background.horizon_ns, streams("episodes"))
    kinds = [nofree_names("13")[name] for name in ZONES]
    layouts = [keg_layout(k.item_size, k.align, kasan=True, invariants=True) for k in kinds]
    times, chosen = _refill_times(parameters, background.horizon_ns, episodes, streams("refills"))
    failures = streams("page failures")
    for time_ns, zone in zip(times, chosen, strict=True):
        items, layout = uma_bucket_size(kinds[zone].item_size), layouts[zone]
        slabs = -(-items // layout.ipers)
        drawn = draw_injections(slabs, layout.ppera, failures, page=parameters.page_failure)
        later.append((time_ns, Refill(zone, items, drawn)))
    return Script(
        npages=npages,
        cpus=deal(later, parameters.cpus, streams("cpus")),
        horizon_ns=background.horizon_ns,
        bucket=background.bucket,
        zones=tuple(zip(ZONES, layouts, strict=True)),
        boot=tuple(boot),
        pressure=_pressure(parameters, episodes, streams("pressure")),
        kasan=True,
    )


def _episodes(
    parameters: SyzkallerParameters, horizon_ns: int, rng: np.random.Generator
) -> list[int]:
    """Draw when episodes begin: one in each equal part of the run, and never overlapping."""
    if parameters.episodes == 0:
        return []
    part = horizon_ns // parameters.episodes
    room = max(part - parameters.episode_ms * 1_000_000, 1)
    return [i * part + int(rng.integers(room)) for i in range(parameters.episodes)]


def _pressure(
    parameters: SyzkallerParameters, episodes: list[int], rng: np.random.Generator
) -> Timeline:
    """Exhaust memory in each episode, with a few pages more or less every moment of it."""
    timeline: list[tuple[int, Action]] = []
    for start in episodes:
        step = parameters.episode_ms * 1_000_000 // SQUEEZES
        left = rng.integers(0, parameters.leave_pages + 1, SQUEEZES).tolist()
        timeline += [(start + i * step, Squeeze(leave)) for i, leave in enumerate(left)]
        timeline.append((start + SQUEEZES * step, Release()))
    return tuple(timeline)


def _refill_times(
    parameters: SyzkallerParameters, horizon_ns: int, episodes: list[int], rng: np.random.Generator
) -> tuple[list[int], list[int]]:
    """Draw when buckets are filled, and of which zone."""
    n = parameters.refills
    times = rng.integers(0, horizon_ns, n)
    if episodes:
        within = rng.choice(np.array(episodes), n)
        within += rng.integers(1_000_000, parameters.episode_ms * 1_000_000 + 1_000_001, n)
        times = np.where(rng.random(n) < parameters.pressed_share, within, times)
    weights = np.array(WEIGHTS) / sum(WEIGHTS)
    return times.tolist(), rng.choice(len(ZONES), n, p=weights).tolist()
