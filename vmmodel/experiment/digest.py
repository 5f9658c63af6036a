"""What results depend on: one digest of the model's source and of its input data."""

import hashlib
from functools import cache
from pathlib import Path

import vmmodel
from vmmodel.paths import DATA

MODEL = ("kernel", "traffic", "nofree", "consumers", "sim", "workloads", "experiment")
"""Packages whose source decides the numbers; analysis and report only read them."""


@cache
def model_digest() -> str:
    """Digest of the model: 16 hex digits."""
    package = Path(vmmodel.__file__).parent
    sources = [path for part in MODEL for path in (package / part).glob("*.py")]
    inputs = [DATA / "costs.toml", *(DATA / "hosts").glob("*.csv")]
    inputs += [*(DATA / "workloads").rglob("*.*"), *(DATA / "lifetimes").glob("*.csv")]
    digest = hashlib.sha256(vmmodel.__version__.encode())
    for path in sorted(sources) + sorted(inputs):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
