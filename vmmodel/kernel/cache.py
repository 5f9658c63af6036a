"""Where compiled kernels are kept: one folder for each state of the kernel's source.

Numba looks only at the file of the function it caches, not at the functions that one calls, so a
folder is named by a digest of both packages and can never hold a stale kernel.
"""

import hashlib
import os
import sys
import tempfile
from functools import cache
from pathlib import Path

from numba.core import config

from vmmodel import __version__

COMPILED = ("kernel", "traffic")
"""Packages with compiled functions."""

TOLD = "VMMODEL_CACHE_TOLD"
"""The variable that tells processes what was said already."""


@cache
def kernel_digest() -> str:
    """Digest of every source file that is compiled: 16 hex digits."""
    digest = hashlib.sha256()
    package = Path(__file__).parent.parent
    for source in sorted(file for part in COMPILED for file in (package / part).glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@cache
def cache_folder() -> Path | None:
    """Make the folder and tell numba of it; None, and one sentence, if nothing can be written.

    The first of these that can be written is its parent: ``VMMODEL_CACHE`` alone if it is set,
    else the virtual environment, else the user's cache folder.
    """
    name = Path("vmmodel") / f"{__version__}-{kernel_digest()}"
    reason = ""
    for parent in _parents():
        folder = parent / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            reason = reason or f"{folder} ({error.strerror})"
            continue
        config.CACHE_DIR = str(folder)
        return folder
    tell_not_kept(reason)
    return None


def tell_not_kept(reason: str) -> None:
    """Say that nothing is kept: once, and not again in processes that this one starts.

    *reason* is a folder, and in parentheses what failed there.
    """
    if TOLD not in os.environ:
        os.environ[TOLD] = reason
        sys.stderr.write(
            f"vmmodel: cannot keep compiled kernels in {reason}; compiling anew in each process. "
            "VMMODEL_CACHE names another folder.\n"
        )


def _parents() -> list[Path]:
    if chosen := os.environ.get("VMMODEL_CACHE"):
        return [Path(chosen)]
    parents = [Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")]
    if sys.prefix != sys.base_prefix:
        parents.insert(0, Path(sys.prefix) / ".cache")
    return parents
