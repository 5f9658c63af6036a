"""Where the input files are: one place to ask, one variable to change it.

``data/`` lies beside the package in the repository, so a clone works without installation.
The environment variable ``VMMODEL_DATA`` names another folder of the same layout.
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The project's folder."""

DATA = Path(os.environ.get("VMMODEL_DATA") or ROOT / "data")
"""Folder of the input files; ``data/README.md`` describes every one of them."""


def beside(folder: Path, name: str) -> Path | None:
    """Find the file that one in *folder* names: it lies in the folder or below, else None.

    What names it is not trusted: no absolute name, no way up, and no link that leads out.
    """
    folder = folder.resolve()
    try:
        found = (folder / name).resolve()
    except (OSError, ValueError, RuntimeError):
        return None
    return found if not Path(name).is_absolute() and found.is_relative_to(folder) else None
