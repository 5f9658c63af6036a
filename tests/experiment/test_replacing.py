"""A sweep that replaces another one names it; more or fewer runs of the same need no word."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from experiment.small import small_sweep

from vmmodel.experiment.meta import describe_sweep
from vmmodel.experiment.replacing import replaced
from vmmodel.experiment.store import META
from vmmodel.experiment.sweep import Sweep

COMMAND = "./study run second-resource --out DIR"


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A folder of an earlier sweep."""
    (tmp_path / META).write_text(json.dumps(describe_sweep(small_sweep(3), COMMAND)))
    return tmp_path


@pytest.mark.parametrize(
    "sweep",
    [
        small_sweep(3),
        small_sweep(9),
        replace(small_sweep(3), designs=("bump:panic", "freeable", "batch")),
    ],
    ids=["again", "replications", "designs"],
)
def test_same_sweep_is_replaced_silently(earlier: Path, sweep: Sweep) -> None:
    """A rerun, or one with more replications or designs, loses nothing."""
    assert replaced(earlier, describe_sweep(sweep, "another")) is None


@pytest.mark.parametrize(
    "sweep",
    [
        replace(small_sweep(3), seed=2),
        replace(small_sweep(3), designs=("freeable",)),
        small_sweep(3, cpus="2"),
    ],
    ids=["seed", "designs", "parameter"],
)
def test_another_sweep_is_named(earlier: Path, sweep: Sweep) -> None:
    """The sentence has the command of what will be gone."""
    sentence = replaced(earlier, describe_sweep(sweep, "another"))

    assert f"replacing, once this one is finished, the sweep of `{COMMAND}`" == sentence


def test_new_folder_replaces_nothing(tmp_path: Path) -> None:
    """Where nothing is, nothing is said."""
    assert replaced(tmp_path / "new", describe_sweep(small_sweep(1), "another")) is None
