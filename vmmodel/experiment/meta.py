"""What a reader needs to know of a sweep: versions, parameters, sources, machine, command."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import vmmodel
from vmmodel.cpus import available_cpus
from vmmodel.experiment.digest import model_digest
from vmmodel.experiment.scenario import Scenario
from vmmodel.experiment.schema import SCHEMA_VERSION
from vmmodel.experiment.sweep import Sweep
from vmmodel.nofree import design

PACKAGES = ("numba", "numpy", "pandas", "pyarrow", "scipy", "simpy")


def describe_sweep(sweep: Sweep, command: str) -> dict[str, Any]:
    """Describe *sweep* for its meta.json; *command* is what reproduces it."""
    commit, dirty = _git()
    return {
        "schema": SCHEMA_VERSION,
        "version": vmmodel.__version__,
        "model_digest": model_digest(),
        "key": sweep.key(),
        "git_commit": commit,
        "git_dirty": dirty,
        "command": command,
        "profile": sweep.profile,
        "seed": sweep.seed,
        "replications": sweep.replications,
        "scenarios": _scenarios(sweep.scenarios),
        "settings": [_setting(scenario) for scenario in sweep.scenarios],
        "designs": {
            name: {
                "title": design(name).title,
                "summary": design(name).summary,
                "source": design(name).source,
            }
            for name in sweep.designs
        },
        "machine": {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "cpus": available_cpus(),
        },
        "packages": {name: version(name) for name in PACKAGES},
    }


def _scenarios(scenarios: tuple[Scenario, ...]) -> dict[str, Any]:
    """Describe each scenario once, as it stands in its first setting."""
    first = {scenario.name: scenario for scenario in reversed(scenarios)}
    return {
        scenario.name: {
            "title": scenario.title,
            "story": scenario.story,
            "question": scenario.question,
            "limits": [*scenario.limits, *scenario.notes],
            "variants": list(scenario.chosen),
            "parameters": scenario.parameters.described(),
        }
        for scenario in reversed(first.values())
    }


def _setting(scenario: Scenario) -> dict[str, Any]:
    """Say what a setting stands for: values of parameters in their units, prices in ns."""
    described = scenario.parameters.described()
    return {
        "scenario": scenario.name,
        "variants": list(scenario.chosen),
        "setting": scenario.setting,
        "parameters": {name: about["value"] for name, about in described.items()},
        "prices": dict(scenario.prices),
    }


def _git() -> tuple[str, bool]:
    """Give the commit of the source and whether it was changed since; ("", False) without git."""
    root = Path(vmmodel.__file__).parent.parent
    # Without this option `git status` writes the index, and leaves a lock where it may not.
    command = ["git", "--no-optional-locks", "-C", str(root)]
    try:
        head = subprocess.run(
            [*command, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        )
        status = subprocess.run(
            [*command, "status", "--porcelain"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "", False
    return head.stdout.strip(), bool(status.stdout.strip())
