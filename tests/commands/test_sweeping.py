"""Commands compile once, show how far they are, and survive a damaged cache."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vmmodel.kernel.cstruct import CHECKED

TINY = """
from vmmodel.kernel.cstruct import entry

@entry
def double(n: int) -> int:
    return 2 * n
"""

START = """
import sys
sys.path.insert(0, sys.argv[1])
import tiny
from rich.console import Console
from vmmodel.commands.sweeping import compile_kernel
from vmmodel.kernel.warm import compile_entries
from vmmodel.traffic import warm
warm.warm_up = lambda tell: compile_entries((tiny,), tell)
compile_kernel(Console(stderr=True, width=100))
print(tiny.double(21))
"""


WITHOUT = "import sys; sys.path.insert(0, sys.argv[1]); import tiny; print(tiny.double(21))"
"""A process that calls without compiling ahead."""


@pytest.mark.skipif(CHECKED, reason="nothing is compiled")
def test_damaged_cache_is_told_and_compiled_again(tmp_path: Path) -> None:
    """First it compiles, then it is silent; damage is one sentence and a compilation."""
    (tmp_path / "tiny.py").write_text(TINY)

    def start(code: str = START) -> tuple[str, str]:
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            env={**os.environ, "VMMODEL_CACHE": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout, done.stderr

    first = start()
    assert "42\n" == first[0]
    assert "Compiling the kernel" in first[1]
    assert "function 1 of 1" in first[1]
    assert ("42\n", "") == start()
    assert ("42\n", "") == start(WITHOUT)
    assert 1 == len(list((tmp_path / "cache").rglob("*.nbc"))), "a call finds what was compiled"
    for kept in (tmp_path / "cache").rglob("*.nbc"):
        kept.write_bytes(b"damaged")
    third = start()
    assert "42\n" == third[0]
    assert "damaged" in third[1]
    assert ("42\n", "") == start()
