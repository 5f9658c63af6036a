"""Hypothesis profiles and the machines that most tests start from."""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from vmmodel.kernel import Vm

# Where tests are started in the background SIGINT is ignored, and processes that they start would
# inherit that; those that are to be interrupted must not.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SLOW_START = [HealthCheck.too_slow]  # the first example compiles the kernel

settings.register_profile(
    "default",
    derandomize=True,
    deadline=None,
    max_examples=40,
    stateful_step_count=40,
    suppress_health_check=SLOW_START,
)
settings.register_profile(
    "nightly",
    deadline=None,
    max_examples=2000,
    stateful_step_count=120,
    suppress_health_check=SLOW_START,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture
def vm() -> Iterator[Vm]:
    """16 MB of free memory in one segment: one block of the largest order."""
    memory = Vm.of_size(4096)
    yield memory
    memory.close()
