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
