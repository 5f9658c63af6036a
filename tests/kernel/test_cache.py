"""Where compiled kernels are kept."""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core import config

from vmmodel import __version__
from vmmodel.kernel import cache
from vmmodel.paths import ROOT


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
        timeout=300,
    )

    assert (0, "64\n") == (done.returncode, done.stdout)
    assert 1 == done.stderr.count("\n")
    assert str(file) in done.stderr
    assert "VMMODEL_CACHE" in done.stderr


SMALL = """
from vmmodel.kernel.compiled import entry

@entry
def twice(number):
    return 2 * number

@entry
def thrice(number):
    return 3 * number

print(twice(21), thrice(14), *(sum(f.stats.cache_hits.values()) for f in (twice, thrice)))
"""
"""A kernel of two functions; prints what they give and how many came from the cache."""


def run_small(folder: Path, largest: int) -> tuple[list[str], str]:
    """Run it where no file may be larger; give what it printed and what it said."""
    (folder / "small.py").write_text(SMALL)
    known = {name: value for name, value in os.environ.items() if name != cache.TOLD}
    done = subprocess.run(
        [sys.executable, "small.py"],
        cwd=folder,
        env=known | {"VMMODEL_CACHE": str(folder / "cache"), "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest)),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout.split(), done.stderr


@pytest.mark.parametrize("largest", [50, 2000], ids=["no index", "no function"])
def test_cache_that_fills_up_gives_one_sentence(tmp_path: Path, largest: int) -> None:
    """Where a compiled function cannot be written, one line says so and nothing half is left."""
    printed, said = run_small(tmp_path, largest)

    assert ["42", "42", "0", "0"] == printed
    assert 1 == said.count("\n")
    assert said.startswith(f"vmmodel: cannot keep compiled kernels in {tmp_path / 'cache'}/")
    assert " (File too large); compiling anew in each process. " in said
    assert [] == [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_cache_is_used_again_when_there_is_room(tmp_path: Path) -> None:
    """What could not be kept is kept by the next process and loaded by the one after it."""
    for largest, hits in ((2000, "0"), (1 << 30, "0"), (2000, "1")):
        printed, said = run_small(tmp_path, largest)

        assert ["42", "42", hits, hits] == printed
        assert (largest == 2000 and hits == "0") == bool(said)


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
