"""Parameters of a workload file go by their names, and a user's own file is like ours."""

import pickle
from pathlib import Path

import pytest

from tests.workloads.small import small
from vmmodel.errors import InputError
from vmmodel.experiment.scenario import SCENARIOS, scenario
from vmmodel.paths import DATA
from vmmodel.workloads.described import Described

DESKTOP = SCENARIOS["desktop"].parameters


@pytest.mark.parametrize("name", ["machine.cpus", "cpus"])
def test_name_may_be_short(name: str) -> None:
    """A parameter goes by its dotted name, or by an end of it."""
    values = DESKTOP.with_values({name: "3"}).described()

    assert 3 == values["machine.cpus"]["value"]
    assert isinstance(values["machine.cpus"]["value"], int)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("cpu", "3", "did you mean cpus"),
        ("rate", "3", "may be several"),
        ("cpus", "many", "expected 1 to 32 CPUs"),
        ("cpus", "33", "value is 33, expected 1 to 32 CPUs"),
        ("cpus", "2.5", "whole number"),
        ("cpus", "nan", "cpus is 'nan', expected 1 to 32 CPUs"),
        ("cpus", "inf", "cpus is 'inf', expected 1 to 32 CPUs"),
        ("cpus", "9" * 5000, "cpus"),
    ],
)
def test_wrong_setting_is_named(name: str, text: str, expected: str) -> None:
    """A setting that cannot be is told in one sentence."""
    with pytest.raises(InputError, match=expected):
        DESKTOP.with_values({name: text})


def test_every_parameter_can_be_set_to_its_ends() -> None:
    """Each parameter takes both ends of its range, phases' ends apart, which must ascend."""
    for scene in SCENARIOS.values():
        if isinstance(scene.parameters, Described):
            for name, told in scene.parameters.described().items():
                for end in () if name.endswith(".until") else ("low", "high"):
                    values = scene.parameters.with_values({name: str(told[end])}).described()
                    assert told[end] == values[name]["value"]


def test_own_file_is_like_ours(tmp_path: Path) -> None:
    """A copy of a workload under another file name is the same scenario."""
    own = tmp_path / "mine.toml"
    own.write_bytes((DATA / "workloads" / "boot.toml").read_bytes())

    found, ours = scenario(str(own)), scenario("boot")

    assert ours.script(1, "", 0).digest == found.script(1, "", 0).digest
    assert ours.source == found.source


def test_structure_tells_files_apart(tmp_path: Path) -> None:
    """A change of what is no parameter changes the digest that names a scenario's results."""
    text = (DATA / "workloads" / "boot.toml").read_text()
    own = tmp_path / "mine.toml"
    own.write_text(text.replace("directory = 8", "directory = 4"))

    assert scenario("boot").source != scenario(str(own)).source


def test_workload_can_be_sent_to_a_worker() -> None:
    """A scenario survives pickling, so that a process of a sweep can draw its script."""
    sent = pickle.loads(pickle.dumps(small("boot")))

    assert small("boot").script(1, "", 0).digest == sent.script(1, "", 0).digest
    assert hash(small("boot").parameters) == hash(sent.parameters)


def test_too_long_a_script_is_refused() -> None:
    """A workload that would not fit into memory is refused before it is drawn."""
    long = scenario("fileserver", values={"horizon": "480", "shared.rate": "4000000"})
    used = scenario("swap-storm", values={"heaps.step": "16", "heaps.total_gb": "200"})

    with pytest.raises(InputError, match="arrivals, expected at most"):
        used.script(1, "", 0)
    with pytest.raises(InputError, match=r"(arrivals|files or reads), expected at most"):
        long.script(1, "", 0)
