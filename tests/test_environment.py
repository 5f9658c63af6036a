"""pyproject.toml, environment.yml and requirements.lock name the same packages."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
FILES = ("pyproject.toml", "environment.yml", "requirements.lock")
OF_CONDA_ONLY = {"python", "pip"}
PYTHONS = ("3.11.0", "3.11.9", "3.12.0", "3.13.0", "3.14.0")
SYSTEMS = {"linux": "posix", "darwin": "posix"}


def project() -> dict[str, Any]:
    """Return the project table of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def ranges(lines: list[str]) -> dict[str, SpecifierSet]:
    """Return the range of each package in *lines* such as ``pandas >=2.2,<4``."""
    requirements = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name): r.specifier for r in requirements}


def needed() -> dict[str, SpecifierSet]:
    """Return name and range of all that the study and its tests run on, from pyproject.toml."""
    return ranges(project()["dependencies"] + project()["optional-dependencies"]["test"])


def conda() -> dict[str, Any]:
    """Return environment.yml."""
    content: dict[str, Any] = yaml.safe_load((ROOT / "environment.yml").read_text())
    return content


def conda_lines() -> tuple[list[str], list[str]]:
    """Return the entries of environment.yml for conda, and those for pip."""
    entries = conda()["dependencies"]
    pip = next(entry["pip"] for entry in entries if isinstance(entry, dict))
    return [entry for entry in entries if isinstance(entry, str)], pip


def locked() -> list[tuple[Requirement, list[str]]]:
    """Return each entry of the lock with its hashes."""
    text = (ROOT / "requirements.lock").read_text().replace("\\\n", " ")
    parts = [line.split("--hash=") for line in text.splitlines()]
    return [(Requirement(first), [h.strip() for h in hashes]) for first, *hashes in parts]


def environments() -> list[dict[str, str]]:
    """Return the marker environments that the lock has to serve."""
    return [
        {
            "python_full_version": python,
            "python_version": python.rpartition(".")[0],
            "sys_platform": system,
            "os_name": os_name,
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
        }
        for python in PYTHONS
        for system, os_name in SYSTEMS.items()
    ]


def test_conda_and_pip_users_get_the_same_names_and_ranges() -> None:
    """environment.yml has what pyproject.toml has, range for range, and python and pip besides."""
    for_conda, for_pip = conda_lines()
    entries = ranges(for_conda + [line for line in for_pip if line != "-e ."])

    assert needed() == {k: v for k, v in entries.items() if k not in OF_CONDA_ONLY}


def test_ranges_are_written_for_both_readers() -> None:
    """A range is a name, a space and comparisons: valid for conda and for pip."""
    for_conda, for_pip = conda_lines()
    form = re.compile(r"[a-z][a-z0-9-]* >=[0-9.]+,<[0-9.]+")
    extras = project()["optional-dependencies"].values()
    lines = for_conda + for_pip + project()["dependencies"] + [x for e in extras for x in e]

    assert ["pip", "-e ."] == [line for line in lines if not form.fullmatch(line)]


def test_the_four_packages_of_the_study_are_named_literally() -> None:
    """JupyterLab, pandas, matplotlib and SimPy stand in environment.yml under their own names."""
    names = [line.split()[0] for line in conda_lines()[0]]

    assert {"jupyterlab", "pandas", "matplotlib", "simpy"} <= set(names)


def test_conda_users_get_community_builds_only() -> None:
    """The channels are conda-forge alone; the Python is one that the lock serves."""
    assert ["conda-forge", "nodefaults"] == conda()["channels"]
    assert SpecifierSet(">=3.11,<3.15") == ranges(conda_lines()[0])["python"]
    assert ">=3.11" == project()["requires-python"]
    assert "-e ." == conda_lines()[1][-1]


@pytest.mark.parametrize("environment", environments(), ids=lambda e: "-".join(e.values()))
def test_the_lock_serves_every_supported_machine(environment: dict[str, str]) -> None:
    """On every Python and system each needed package is locked once, within its range."""
    pins: dict[str, str] = {}
    for requirement, _ in locked():
        if requirement.marker is None or requirement.marker.evaluate(environment):
            assert requirement.name not in pins
            pins[requirement.name] = str(requirement.specifier).removeprefix("==")

    assert set() == set(needed()) - set(pins)
    assert [] == [name for name, r in needed().items() if not r.contains(pins[name])]
    assert "uv" in pins


def test_every_locked_package_has_one_version_and_hashes() -> None:
    """Each entry of the lock is an exact version with SHA-256 hashes, in order of names."""
    for requirement, hashes in locked():
        assert re.fullmatch(r"==[0-9][0-9a-z.]*", str(requirement.specifier))
        assert hashes
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes)
    names = [requirement.name for requirement, _ in locked()]
    assert sorted(names) == names


@pytest.mark.parametrize("name", FILES)
def test_no_file_says_where_packages_come_from(name: str) -> None:
    """Which package index is used, and from which folder, is the reader's business."""
    text = (ROOT / name).read_text()

    assert [] == re.findall(r"://|index-url|find-links|--extra-index|/home/|/root/|/tmp/", text)
