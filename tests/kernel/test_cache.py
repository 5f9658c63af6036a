"""Where compiled kernels are kept."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core import config

from vmmodel import __version__
from vmmodel.kernel import cache


def test_unwritable_cache_gives_one_sentence(tmp_path: Path) -> None:
    """Without a folder to write to, one line says so and the model works all the same."""
    file = tmp_path / "regular-file"
    file.write_text("")

    done = subprocess.run(
        [sys.executable, "-c", "from vmmodel.kernel import Vm; print(Vm.of_size(64).npages)"],
        env={**os.environ, "VMMODEL_CACHE": str(file / "below")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "64\n") == (done.returncode, done.stdout)
    assert 1 == done.stderr.count("\n")
    assert str(file) in done.stderr
    assert "VMMODEL_CACHE" in done.stderr


def test_changed_source_has_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One changed letter in what is compiled names another folder; the same source does not."""
    package = Path(cache.__file__).parent.parent
    for part in cache.COMPILED:
        shutil.copytree(package / part, tmp_path / part, ignore=shutil.ignore_patterns("__py*"))
    monkeypatch.setattr(cache, "__file__", str(tmp_path / "kernel" / "cache.py"))
    digest = cache.kernel_digest.__wrapped__

    digests = [digest()]
    assert cache.kernel_digest() == digests[0]
    for source in ("kernel/phys.py", "traffic/turn.py"):
        (tmp_path / source).write_text((tmp_path / source).read_text() + "#")
        digests.append(digest())
    assert 3 == len(set(digests))


def test_folder_is_named_by_version_and_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder lies below the chosen parent and carries version and digest."""
    monkeypatch.setenv("VMMODEL_CACHE", str(tmp_path))
    monkeypatch.setattr(config, "CACHE_DIR", "")  # put back afterwards

    folder = cache.cache_folder.__wrapped__()

    assert tmp_path / "vmmodel" / f"{__version__}-{cache.kernel_digest()}" == folder
    assert str(folder) == config.CACHE_DIR
    assert [] == list(folder.iterdir())
