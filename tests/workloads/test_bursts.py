"""A subject beside bursts in a workload file: read strictly, drawn as ever, a user's copy too."""

import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.sim.tiny import SMALL
from vmmodel.errors import InputError
from vmmodel.experiment.scenario import scenario
from vmmodel.paths import DATA
from vmmodel.sim.run import Machine
from vmmodel.sim.script import Refill, Script
from vmmodel.workloads.bursts import Bursts
from vmmodel.workloads.parse import validate

FILES: dict[str, dict[str, Any]] = {
    name: tomllib.loads((DATA / "workloads" / f"{name}.toml").read_text()) for name in SMALL
}

AS_EVER = {
    ("hosts", "M5"): "799b33e89f900967",
    ("hosts", "M2"): "aa87d20906020719",
    ("syzkaller", ""): "464b1679c460b6fc",
    ("second-resource", ""): "da0e0983a9d8cd97",
    ("init-failure", ""): "7f8b7192238a8c5b",
    ("misuse", ""): "3d177a3faa2ac135",
}


@pytest.mark.parametrize(("name", "variant"), AS_EVER)
def test_script_is_what_it_was(name: str, variant: str) -> None:
    """The scripts are those that were first drawn from parameters written in Python."""
    assert AS_EVER[name, variant] == scenario(name).script(1, variant, 0).digest


def changed(name: str, path: str, value: object) -> dict[str, Any]:
    """Give the tables of a workload with one of them changed, or taken away where it is None."""
    tables = copy.deepcopy(FILES[name])
    *steps, last = path.split("/")
    found: Any = tables
    for step in steps:
        found = found[step]
    if value is None:
        del found[last]
    else:
        found[last] = value
    return tables


CPUS = FILES["hosts"]["machine"]["cpus"]
NUMBER = {"value": 1, "mark": "assumed", "source": "", "low": 0, "high": 2}

MISTAKES = {
    "no size": ("hosts", "machine/memory_gb", None, "machine.memory_gb: there is none or a second"),
    "two sizes": ("syzkaller", "machine/memory_gb", CPUS | {"unit": "GB"}, "none or a second size"),
    "no memory": ("hosts", "machine/memory_gb_of/M1", 0, "'M1': 0 is no memory, expected 1 to 256"),
    "memory of nobody": ("hosts", "machine/memory_gb_of/M9", 8, "'M9' is not recorded, expected M"),
    "memory of none": ("misuse", "machine/memory_gb_of", {"M1": 8}, "no machine is recorded"),
    "unknown machine": ("hosts", "subject/machines", ["m5"], "no machine 'm5' (did you mean M5?)"),
    "machine twice": ("hosts", "subject/machines", ["M5", "M5"], "a machine appears twice"),
    "chosen of none": ("hosts", "subject/chosen", ["M8"], "subject.chosen: no machine 'M8', exp"),
    "recorded with KASAN": (
        "hosts",
        "machine/kasan",
        True,
        "machine.kasan: recorded machines are",
    ),
    "recorded that fails": (
        "hosts",
        "injections",
        {"page_failure": NUMBER | {"unit": "per page", "high": 1}},
        "injections: nothing fails on recorded machines",
    ),
    "unknown subject": ("misuse", "subject/kind", "page", "'subject.kind' is 'page' (did you mean"),
    "key of another subject": (
        "misuse",
        "subject/refills",
        FILES["syzkaller"]["subject"]["refills"],
        "unknown key 'subject.refills', expected one of kind, requests",
    ),
    "unknown zone": ("syzkaller", "subject/zones/PROCS", CPUS, "(did you mean PROC?)"),
    "weight of a wrong unit": ("syzkaller", "subject/zones/PROC", CPUS, "'PROC': has a wrong unit"),
    "no weight": (
        "init-failure",
        "subject/zones",
        {"PROC": NUMBER | {"value": 0, "unit": "times"}},
        "subject.zones: all weights are 0",
    ),
    "bugs of slabs": ("init-failure", "bugs", FILES["misuse"]["bugs"], "bugs: they go with single"),
    "set-up of a page": (
        "misuse",
        "injections/init_failure",
        NUMBER | {"unit": "per slab", "high": 1},
        "injections.init_failure: single pages are no slabs",
    ),
    "half a second's unit": ("misuse", "seconds/unit", "min", "seconds.unit: unit is 'min'"),
    "sweep beyond the range": (
        "misuse",
        "machine/cpus/sweep",
        {"low": 1, "high": 65, "why": "more"},
        "machine.cpus.sweep: the sweep is 1 to 65, expected a part of 1 to 64 CPUs",
    ),
    "sweep for no reason": (
        "misuse",
        "machine/cpus/sweep",
        {"low": 1, "high": 6},
        "'machine.cpus.sweep.why' is missing",
    ),
    "key of the other model": ("misuse", "horizon", CPUS, "unknown key 'horizon', expected one of"),
}


@pytest.mark.parametrize(("name", "path", "value", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_is_named(name: str, path: str, value: object, expected: str) -> None:
    """A mistake is told with file, key, what was found and what would do."""
    with pytest.raises(InputError) as caught:
        validate(changed(name, path, value), "my.toml")

    assert expected in str(caught.value)
    assert str(caught.value).startswith("my.toml: ")


def own(folder: Path, name: str, *changes: tuple[str, str]) -> str:
    """Write a changed copy of a workload; give its place."""
    text = (DATA / "workloads" / f"{name}.toml").read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path = folder / "mine.toml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", SMALL)
def test_own_copy_is_like_ours(name: str, tmp_path: Path) -> None:
    """A copy of a workload is the same scenario, with the same parameters and script."""
    mine, ours = scenario(own(tmp_path, name)), scenario(name)
    variant = ours.chosen[-1]

    assert (ours.source, ours.variants, ours.chosen) == (mine.source, mine.variants, mine.chosen)
    assert list(ours.parameters.described()) == list(mine.parameters.described())
    drawn = [each.with_values(SMALL[name]).script(1, variant, 0).digest for each in (mine, ours)]
    assert drawn[0] == drawn[1]


def test_own_copy_may_combine_parts(tmp_path: Path) -> None:
    """A user may let the reported failure also meet items that cannot be set up, on main."""
    mine = scenario(
        own(
            tmp_path,
            "syzkaller",
            ("kasan = true", 'kasan = true\nkernel = "main"'),
            (
                "[injections]\n",
                '[injections]\ninit_failure = { value = 0.2, unit = "per slab", mark = "assumed", '
                'source = "", low = 0, high = 1 }\n',
            ),
        ),
        values=SMALL["syzkaller"],
    )

    script = mine.script(1, "", 0)
    assert isinstance(script, Script)
    drawn = [
        fail.init
        for cpu in script.cpus
        for _, action in cpu
        if isinstance(action, Refill)
        for fail in action.injections
    ]
    result = Machine(script, "freeable").run(2)

    assert sum(drawn) > 10
    assert 0 < result.run["init_failures"] <= sum(drawn)
    assert scenario("syzkaller").source != mine.source


def test_parameters_go_by_their_last_names() -> None:
    """No two parameters of a file share the last part of their names."""
    for name in SMALL:
        parameters = scenario(name).parameters
        assert isinstance(parameters.description, Bursts)

        assert all("." not in each for each in parameters.described())
        assert parameters.full_name("cpus") == "cpus"


def test_benchmark_is_no_scenario() -> None:
    """A workload without NOFREE requests is refused with the command that runs it."""
    with pytest.raises(InputError, match=r"no designs to compare, expected \./study check lock-b"):
        scenario("lock-bulk")
