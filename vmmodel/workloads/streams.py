"""Streams of random numbers by name, so that one purpose never disturbs another."""

from zlib import crc32

import numpy as np


class Streams:
    """Independent generators for one replication of one scenario.

    The name of a stream is its seed: what was drawn before, and in what order, does not matter.
    The generator is numpy's PCG64, seeded by a SeedSequence over (seed, scenario, variant,
    replication, purpose).

    >>> streams = Streams(1, "hosts", "M3", 0)
    >>> float(streams("zones").random()) == float(streams("zones").random())
    True
    """

    def __init__(self, seed: int, scenario: str, variant: str, replication: int) -> None:
        self._seed, self._scenario, self._replication = seed, scenario, replication
        self._key = (seed, crc32(scenario.encode()), crc32(variant.encode()), replication)

    def of(self, variant: str) -> "Streams":
        """Give the streams of another variant of the same replication."""
        return Streams(self._seed, self._scenario, variant, self._replication)

    def __call__(self, purpose: str) -> np.random.Generator:
        """Give the stream for *purpose*, from its start."""
        return np.random.default_rng(np.random.SeedSequence([*self._key, crc32(purpose.encode())]))
