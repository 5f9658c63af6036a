"""What a reader of measured times has to know: processor, versions, state of the kernel."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from vmmodel import __version__
from vmmodel.kernel.cache import kernel_digest

PACKAGES = ("llvmlite", "numba", "numpy", "simpy")


def describe() -> dict[str, object]:
    """Describe this machine and what runs on it."""
    return {
        "vmmodel": __version__,
        "kernel": kernel_digest(),
        "processor": _processor(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "platform": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def _processor() -> str:
    """Name the processor; only Linux tells its model."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())
