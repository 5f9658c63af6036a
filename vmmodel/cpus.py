"""How many processors this process may use."""

import os


def available_cpus() -> int:
    """Count them; where the system cannot tell (macOS), all there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
