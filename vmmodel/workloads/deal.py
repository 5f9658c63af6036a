"""From drawn actions to a script: who does what."""

import numpy as np

from vmmodel.sim.script import Action, Give, Take, Timeline


def deal(
    actions: list[tuple[int, Action]], ncpus: int, rng: np.random.Generator
) -> tuple[Timeline, ...]:
    """Deal timed *actions* to CPUs at random, each CPU's in order of time.

    A burst is freed by the CPU that took it, so that never a free comes before its allocation.
    """
    actions = sorted(actions, key=lambda timed: timed[0])
    drawn = rng.integers(0, ncpus, len(actions)).tolist()
    cpus = [
        action.burst % ncpus if isinstance(action, Take | Give) else cpu
        for cpu, (_, action) in zip(drawn, actions, strict=True)
    ]
    dealt: list[list[tuple[int, Action]]] = [[] for _ in range(ncpus)]
    for cpu, timed in zip(cpus, actions, strict=True):
        dealt[cpu].append(timed)
    return tuple(tuple(timeline) for timeline in dealt)
