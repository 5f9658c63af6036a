"""Where compiled kernels are kept: one folder for each state of the kernel's source.

Numba looks only at the file of the function it caches, not at the functions that one calls, so a
folder is named by a digest of the whole package and can never hold a stale kernel.
"""

import hashlib
import os
import sys
import tempfile
from functools import cache
from pathlib import Path

from vmmodel import __version__


@cache
def kernel_digest() -> str:
    """Digest of every source file of the kernel: 16 hex digits."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@cache
def cache_folder() -> Path | None:
    """Make the folder and tell numba of it; None, and one sentence, if nothing can be written.

    ``VMMODEL_CACHE`` names another parent; the default is the user's cache folder.
    """
    parent = os.environ.get("VMMODEL_CACHE") or _user_cache()
    folder = Path(parent) / "vmmodel" / f"{__version__}-{kernel_digest()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        sys.stderr.write(
            f"vmmodel: cannot keep compiled kernels in {folder} ({error.strerror}); "
            "compiling anew in each process. VMMODEL_CACHE names another folder.\n"
        )
        return None
    _use(folder)
    return folder


def _user_cache() -> str:
    home = os.environ.get("HOME") or tempfile.gettempdir()
    return os.environ.get("XDG_CACHE_HOME") or str(Path(home) / ".cache")


def _use(folder: Path) -> None:
    from numba.core import config

    config.CACHE_DIR = str(folder)
