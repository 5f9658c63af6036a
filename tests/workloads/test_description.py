"""A workload file is read strictly, and every mistake is told in one sentence."""

import copy
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmmodel.errors import InputError
from vmmodel.paths import DATA
from vmmodel.workloads.parse import MOST_BYTES, parse_description, read_description, validate

BOOT: dict[str, Any] = tomllib.loads((DATA / "workloads" / "boot.toml").read_text())


def changed(path: str, value: object) -> dict[str, Any]:
    """Give the tables of boot with one of them changed, or taken away where *value* is None."""
    tables = copy.deepcopy(BOOT)
    *steps, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    found: Any = tables
    for step in steps:
        found = found[step]
    if value is None:
        del found[last]
    else:
        found[last] = value
    return tables


MISTAKES = {
    "unknown key": ("machine/cpu", 4, "unknown key 'machine.cpu' (did you mean cpus?)"),
    "unknown key of a quantity": ("horizon/values", 4, "'horizon.values' (did you mean value?)"),
    "unknown key of a phase": ("phases/0/untill", 4, "(did you mean until?)"),
    "missing": ("machine/cpus", None, "'machine.cpus' is missing"),
    "wrong type": ("machine/cpus/value", "4", "'machine.cpus.value' is '4', expected"),
    "a truth for a number": ("machine/cpus/value", True, "'machine.cpus.value' is 'True'"),
    "out of its range": ("machine/cpus/value", 99, "machine.cpus.value: value is 99, expected"),
    "no sense at all": ("machine/cpus/high", 999, "machine.cpus.high: high is 999, expected 1 to"),
    "not whole": ("machine/cpus/value", 2.5, "machine.cpus.value: value is 2.5, expected a whole"),
    "wrong unit": ("horizon/unit", "weeks", "horizon.unit: unit is 'weeks', expected one of ns"),
    "wrong mark": ("horizon/mark", "guess", "'horizon.mark' is 'guess', expected"),
    "no source": ("horizon/mark", "published", "horizon.source: the source is empty"),
    "no number": ("horizon/value", float("nan"), "'horizon.value' is 'nan', expected"),
    "a huge number": ("horizon/high", 10**400, "'horizon.high' is a number of many digits"),
    "unknown zone": ("machine/zones/0", "VM OBJET", "(did you mean VM OBJECT?)"),
    "zone twice": ("machine/zones/0", "PROC", "a zone appears twice"),
    "unknown kind of phase": ("phases/0/kind", "slope", "'phases[0].kind' is 'slope'"),
    "nearly a kind": ("phases/0/kind", "stedy", "(did you mean steady?)"),
    "phases that fall back": (
        "phases/1/until",
        BOOT["phases"][0]["until"],
        "phases: the ends of phases do not ascend to 1",
    ),
    "a phase named twice": ("phases/1/name", "kernel", "two phases have one name"),
    "a process that is not there": ("arrivals/scripts/process", "rcs", "(did you mean rc?)"),
    "a phase that is not there": ("memory/kernel/phases", ["kernal"], "(did you mean kernel?)"),
    "unknown life": ("arrivals/daemons/life", {"shape": "histo"}, "life.shape' is 'histo'"),
    "unknown histogram": (
        "arrivals/daemons/life",
        {"shape": "histogram", "data": "/etc/passwd"},
        "'arrivals.daemons.life.data' is '/etc/passwd', expected kernel-build",
    ),
    "a path for a name": ("name", "../boot", "'name' is '../boot', expected"),
    "too many of something": ("machine/zones", ["PROC"] * 99, "'machine.zones' is a list"),
    "half of the anonymous memory": ("processes/rc/pages", None, "processes.rc.pages: is missing"),
    "items out of range": ("processes/rc/items/PROC", -1, "processes.rc.items.'PROC'"),
    "items of a strange zone": ("processes/rc/items/a\nb", 1, r"zone 'a\nb' is not of the machine"),
    "items of no zone": ("processes/rc/items/swblk", 1, "zone 'swblk' is not of the machine"),
    "a scan without a night": (
        "files/system/night_share",
        BOOT["files"]["system"]["zfs_share"] | {"unit": "of opens"},
        "files.system.night_share: there is no night",
    ),
    "misspelt, so missing": (
        "machine",
        {"cpu": 4},
        "unknown key 'machine.cpu' (did you mean cpus?)",
    ),
    "text for a number": (
        "horizon/value",
        "4",
        "'horizon.value' is '4', expected a number, without",
    ),
    "a list for a number": ("horizon/low", [], "'horizon.low' is a list, expected a number"),
    "a share for a whole number": ("machine/domains", 0.5, "is '0.5', expected a whole number"),
    "a number for a quantity": (
        "machine/cpus",
        4,
        "'machine.cpus' is '4', expected a table { value = ..., unit = ..., mark = ..., source = ",
    ),
    "text for items": ("processes/rc/items/PROC", "x", "expected a whole number, or a table { val"),
    "half a quantity": ("processes/rc/items/PROC", {"value": 1}, ".items.PROC.unit' is missing"),
    "capitals in a name": ("name", "My Boot", "is 'My Boot', expected lower-case letters, digits"),
    "a range upside down": (
        "horizon",
        BOOT["horizon"] | {"low": 64, "high": 1},
        "horizon.low: low is 64 and high is 1, expected low <= value <= high",
    ),
    "no words": ("story", "", "'story' is '', expected a text that is not empty"),
    "too many words": ("story", "a" * 700, "expected at most 600 characters"),
    "too many entries": ("limits", ["a"] * 21, "'limits' is a list, expected at most 20 entries"),
    "too many domains": ("machine/domains", 9, "'machine.domains' is '9', expected at most 4"),
    "an escape in a story": (
        "story",
        "a\x1b[31m",
        r"story: the character '\x1b' cannot be printed",
    ),
    "an escape in a limit": ("limits/0", "a\x9b1m", r"limits[0]: the character '\x9b' cannot be"),
    "an escape in a source": (
        "horizon/source",
        "\b",
        r"horizon.source: the character '\x08' cannot",
    ),
    "a text that runs back": (
        "title",
        "\u202e",
        r"title: the character '\u202e' cannot be printed",
    ),
    "a table for a text": ("title", {"en": "x"}, "'title' is a table, expected"),
}


@pytest.mark.parametrize(("path", "value", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_is_named(path: str, value: object, expected: str) -> None:
    """A mistake is told with file, key, what was found and what would do."""
    with pytest.raises(InputError) as caught:
        validate(changed(path, value), "my.toml")

    text = str(caught.value)
    assert expected in text
    assert text.startswith("my.toml: ")
    assert "\n" not in text
    assert len(text) < 800


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"name = ", "broken TOML"),
        (b"\xff\xfe", "no UTF-8"),
        (b"", "'model' is missing, expected one of whole, bursts"),
        (b"model = 3", "'model' is '3', expected one of whole, bursts"),
        (b"model = 'burst'", "did you mean bursts"),
        (b"model = 'bursts'", "'name' is missing"),
        (b"#" * (MOST_BYTES + 1), "too long"),
        (b"x = " + b"[" * 5000 + b"]" * 5000, "too deep"),
        (b"x = " + b"9" * 5000, "too deep or a number too long"),
    ],
)
def test_broken_file_is_named(raw: bytes, expected: str) -> None:
    """A file that is no workload in TOML is told so."""
    with pytest.raises(InputError, match=expected):
        parse_description(raw, "my.toml")


def test_missing_file_is_named() -> None:
    """A file that is not there is told so."""
    with pytest.raises(InputError, match="No such file"):
        read_description(DATA / "workloads" / "nothing.toml")


KEYS = st.sampled_from(
    ["name", "model", "machine", "phases", "kind", "shape", "life", "value", "unit", "sweep", "mix"]
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.dates()
)
TREES = st.recursive(
    LEAVES,
    lambda below: st.one_of(
        st.lists(below, max_size=3), st.dictionaries(KEYS | st.text(max_size=5), below, max_size=4)
    ),
    max_leaves=12,
)


def places(found: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """List every place of a tree."""
    below: Any = ()
    if isinstance(found, dict):
        below = found.items()
    elif isinstance(found, list):
        below = enumerate(found)
    return [path, *(place for key, each in below for place in places(each, (*path, key)))]


MODELS: list[dict[str, Any]] = [
    tomllib.loads((DATA / "workloads" / f"{name}.toml").read_text())
    for name in ("boot", "hosts", "syzkaller", "misuse", "lock-bulk", "replay")
]
PLACES = [(number, *place) for number, tree in enumerate(MODELS) for place in places(tree)[1:]]


def told_of(tables: dict[str, Any]) -> str:
    """Give what is told of the tables, nothing if they are a workload."""
    try:
        validate(tables, "my.toml")
    except InputError as error:
        return str(error)
    return ""


@given(st.sampled_from(PLACES), TREES)
def test_no_tree_makes_a_traceback(place: tuple[str | int, ...], tree: object) -> None:
    """Whatever stands anywhere in a file of any model, it is a workload or an `InputError`."""
    files = copy.deepcopy(MODELS)
    found: Any = files
    for step in place[:-1]:
        found = found[step]
    found[place[-1]] = tree

    assert "\n" not in told_of(files[int(place[0])])


@given(st.dictionaries(KEYS | st.text(max_size=5), TREES, max_size=5))
def test_no_file_makes_a_traceback(tables: dict[str, Any]) -> None:
    """Random tables are never a workload, and never a traceback."""
    with pytest.raises(InputError):
        validate(tables, "my.toml")
