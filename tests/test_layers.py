"""Who may import whom: kernel <- nofree <- consumers <- sim <- workloads <- experiment.

Analysis reads tables and never meets the model; a report is drawn from analysis alone.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import vmmodel

ROOT = Path(vmmodel.__file__).parent
COMMON = {"errors", "paths", "cpus", "tomlfile", "__version__"}
SCHEMA = "experiment.schema"

MAY_IMPORT = {
    "kernel": {"__version__"},
    "traffic": {"kernel"},
    "nofree": {"errors", "kernel"},
    "consumers": COMMON | {"kernel", "nofree"},
    "sim": COMMON | {"kernel", "traffic", "nofree", "consumers"},
    "workloads": COMMON | {"kernel", "traffic", "nofree", "consumers", "sim"},
    "experiment": COMMON | {"kernel", "traffic", "nofree", "consumers", "sim", "workloads"},
    "oracle": {"errors", "paths", "kernel", "nofree"},
    "analysis": COMMON | {SCHEMA},
    "report": COMMON | {SCHEMA, "analysis"},
    "checks": COMMON | {"kernel", "sim", "workloads", "experiment", "analysis"},
    "questions": COMMON
    | {"kernel", "nofree", "consumers", "sim", "workloads"}
    | {"experiment", "analysis", "report", "checks"},
}
"""What each package may import of vmmodel, itself apart.  The command line may import all."""

OUTERMOST = {"commands", "__main__", "__init__", "errors", "paths", "cpus", "tomlfile"}

ONLY_IN = {
    "simpy": {"sim"},
    "numba": {"kernel"},
    "llvmlite": {"kernel"},
    "random": {"workloads", "experiment.streams"},
    "numpy.random": {"workloads", "experiment.streams", "analysis.checks"},
    "secrets": set(),
    "distributed": {"experiment.cluster", "experiment.daskclient"},
    "pickle": {"experiment.cluster"},
    "marshal": set(),
    "shelve": set(),
    "matplotlib": {"report", "questions"},
    "scipy": {"analysis"},
    "statsmodels": {"analysis"},
    "SALib": {"experiment", "analysis"},
    "pandas": {"experiment", "analysis", "report", "checks", "questions", "commands.answer"},
    "pyarrow": {"experiment", "analysis", "report", "checks"},
}
"""Where a library may be used."""

TIMELESS = ("kernel", "traffic", "nofree", "consumers", "sim")
"""Packages that neither print nor look at the wall clock."""


def modules(package: str = "") -> Iterator[tuple[str, ast.Module]]:
    """Name, below vmmodel, and syntax of every module of a package; nothing if it is not there."""
    for path in sorted((ROOT / package).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        yield name.removesuffix(".__init__"), ast.parse(path.read_text(), str(path))


def imports(tree: ast.Module) -> Iterator[str]:
    """Full names that a module imports, at its head or inside a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def attributes(tree: ast.Module) -> Iterator[str]:
    """Dotted names that a module uses, with np written as numpy."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{'numpy' if node.value.id == 'np' else node.value.id}.{node.attr}"


def within(name: str, parents: set[str]) -> bool:
    """Whether a dotted name is one of *parents* or lies below one."""
    return any(name == parent or name.startswith(parent + ".") for parent in parents)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_downwards(package: str) -> None:
    """A package imports only what lies below it."""
    allowed = MAY_IMPORT[package] | {package}

    found = [
        f"{module}: {name}"
        for module, tree in modules(package)
        for name in imports(tree)
        if name.startswith("vmmodel.") and not within(name.removeprefix("vmmodel."), allowed)
    ]

    assert [] == found


def test_every_package_has_a_place() -> None:
    """A new package states in this file what it may import."""
    names = {name.partition(".")[0] for name, _ in modules()}

    assert set() == names - set(MAY_IMPORT) - OUTERMOST


@pytest.mark.parametrize("library", ONLY_IN)
def test_library_stays_in_its_place(library: str) -> None:
    """SimPy in sim, random draws in workloads, numba in the kernel; nowhere else."""
    found = [
        f"{module}: {name}"
        for module, tree in modules()
        for name in [*imports(tree), *(attributes(tree) if "." in library else ())]
        if within(name, {library}) and not within(module, ONLY_IN[library])
    ]

    assert [] == found


@pytest.mark.parametrize("package", TIMELESS)
def test_model_neither_prints_nor_looks_at_the_clock(package: str) -> None:
    """Time in the model is simulated, and what it has to say is returned."""
    found = [
        f"{module}:{node.lineno}: {node.id}"
        for module, tree in modules(package)
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == "print"
    ]
    clocks = [
        f"{module}: {name}"
        for module, tree in modules(package)
        for name in imports(tree)
        if within(name, {"time", "datetime", "logging"})
    ]

    assert [] == found + clocks


def test_the_rules_would_notice() -> None:
    """The reading of imports sees every form of them."""
    tree = ast.parse(
        "import simpy.rt\nfrom vmmodel import sim\ndef f():\n    from numpy import random as r\n"
        "    np.random.default_rng()\n"
    )

    assert ["numpy.random", "simpy.rt", "vmmodel.sim"] == sorted(imports(tree))
    assert "numpy.random" in set(attributes(tree))
