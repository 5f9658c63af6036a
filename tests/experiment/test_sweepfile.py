"""Sweep files: what they mean, and the sentence for each thing that can be wrong with them."""

import os
import re
from pathlib import Path

import pytest

from vmmodel.errors import InputError
from vmmodel.experiment import sweepfile
from vmmodel.experiment.sweep import Sweep
from vmmodel.experiment.sweepfile import read_sweep
from vmmodel.nofree import DESIGNS
from vmmodel.paths import DATA
from vmmodel.sim.script import Script
from vmmodel.tomlfile import MAX_BYTES


def read(folder: Path, text: str | bytes) -> Sweep:
    """Read a sweep file with this content."""
    path = folder / "x.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_sweep(path)


def refused(folder: Path, text: str | bytes) -> str:
    """The sentence with which it is refused, less the place of the file."""
    with pytest.raises(InputError) as caught:
        read(folder, text)
    sentence = str(caught.value)
    assert sentence.startswith(str(folder / "x.toml"))
    assert sentence.isprintable()
    return sentence.removeprefix(str(folder / "x.toml"))


def test_small_sweep_of_the_project() -> None:
    """The pattern to copy is read: everything is crossed, the last list moves fastest."""
    sweep = read_sweep(DATA / "sweeps" / "small.toml")

    assert [
        ("second-resource", "second_failure=0.01 free_lock=20"),
        ("second-resource", "second_failure=0.01 free_lock=80"),
        ("second-resource", "second_failure=0.1 free_lock=20"),
        ("second-resource", "second_failure=0.1 free_lock=80"),
        ("hosts", "free_lock=20"),
        ("hosts", "free_lock=80"),
    ] == [(scenario.name, scenario.setting) for scenario in sweep.scenarios]
    assert ("bump:leak", "freeable", "batch") == sweep.designs
    assert (1, 2, 12) == (sweep.seed, sweep.replications, len(sweep.units()))
    assert [(("free_lock", 20.0),), (("free_lock", 80.0),)] == [
        scenario.prices for scenario in sweep.scenarios[:2]
    ]
    assert [0.01, 0.01, 0.1, 0.1] == [
        scenario.parameters.described()["second_failure"]["value"]
        for scenario in sweep.scenarios[:4]
    ]


def test_what_is_left_out(tmp_path: Path) -> None:
    """Without more, a scenario runs as ./study run does it: its variants, all designs, once."""
    sweep = read(tmp_path, '[[scenario]]\nname = "hosts"\n')

    assert tuple(DESIGNS) == sweep.designs
    assert ["M2", "M3", "M5"] == [unit.variant for unit in sweep.units()]
    assert (1, "") == (sweep.seed, sweep.scenarios[0].setting)


def test_own_prices_go_before_common_ones(tmp_path: Path) -> None:
    """A scenario can price an event for itself; a number is no axis and names no setting."""
    text = "[prices]\nlock = 5\nbranch = 1\n[[scenario]]\nname = 'syzkaller'\nprices.lock = 7\n"

    (scenario,) = read(tmp_path, text).scenarios

    assert {"lock": 7.0, "branch": 1.0} == dict(scenario.prices)
    assert "" == scenario.setting


ZONES = "ITEM SIZE LIMIT USED FREE REQ FAIL SLEEP\nPROC: 1304, 0, 10, 2, 100, 0, 0\n"


def test_zone_table_beside_the_file(tmp_path: Path) -> None:
    """A zone table is found in the folder of the sweep file, or below it."""
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "mine.txt").write_text(ZONES)
    text = "[[scenario]]\nname='hosts'\nzones='below/mine.txt'\nparameters={memory_gb=[2,4]}\n"

    sweep = read(tmp_path, text)

    assert ["mine", "mine"] == [unit.variant for unit in sweep.units()]
    assert ["memory_gb=2", "memory_gb=4"] == [scenario.setting for scenario in sweep.scenarios]


def own(folder: Path, name: str, after: str) -> None:
    """Write a copy of a workload under another name to mine.toml."""
    text = (DATA / "workloads" / f"{name}.toml").read_text()
    folder.mkdir(exist_ok=True)
    (folder / "mine.toml").write_text(text.replace(f'name = "{name}"', f'name = "{after}"', 1))


def test_workload_file_beside_the_file(tmp_path: Path) -> None:
    """A user's own workload of any model is crossed as ours are, its variants its own."""
    for name in ("misuse", "hosts", "boot"):
        own(tmp_path / name, name, f"my-{name}")
    text = (
        "[[scenario]]\nname = 'misuse/mine.toml'\nparameters.requests = [10, 20]\n"
        "[[scenario]]\nname = 'hosts/mine.toml'\nparameters.memory_gb = 16\n"
        "[[scenario]]\nname = 'hosts/mine.toml'\nvariants = ['M7']\n"
        "[[scenario]]\nname = 'boot/mine.toml'\nparameters.cpus = [2, 4]\n"
    )

    sweep = read(tmp_path, text)

    assert [
        ("my-misuse", "", "requests=10"),
        ("my-misuse", "", "requests=20"),
        ("my-hosts", "M2", ""),
        ("my-hosts", "M3", ""),
        ("my-hosts", "M5", ""),
        ("my-hosts", "M7", ""),
        ("my-boot", "", "cpus=2"),
        ("my-boot", "", "cpus=4"),
    ] == [(unit.scenario.name, unit.variant, unit.scenario.setting) for unit in sweep.units()]
    script = sweep.units()[2].scenario.script(1, "M2", 0)
    assert isinstance(script, Script)
    assert 16 * 262_144 == script.npages


@pytest.mark.parametrize("name", ["../mine.toml", "/etc/mine.toml", "link.toml", "a\\u0000.toml"])
def test_workload_that_leaves_the_folder(tmp_path: Path, name: str) -> None:
    """A workload file that lies elsewhere is not opened, by whatever name."""
    own(tmp_path, "misuse", "mine")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.toml").symlink_to(tmp_path / "mine.toml")

    said = refused(inside, f'[[scenario]]\nname="{name}"\n')

    assert said.startswith(": scenario 1: name is ")
    assert said.endswith(", expected a file in the folder of the sweep file")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("model = 'burst'", "mine.toml: 'model' is 'burst' (did you mean bursts?), expected one"),
        ((DATA / "workloads" / "lock-bulk.toml").read_text(), "no designs to compare"),
        (None, "mine.toml: cannot be read"),
    ],
)
def test_wrong_workload_file(tmp_path: Path, content: str | None, said: str) -> None:
    """A workload file that is none, or that no design can run, is told in one sentence."""
    if content is not None:
        (tmp_path / "mine.toml").write_text(content)

    with pytest.raises(InputError, match=re.escape(said)):
        read(tmp_path, "[[scenario]]\nname = 'mine.toml'\n")


@pytest.mark.parametrize("name", ["../mine.txt", "/etc/passwd", "a/../../x", "link", "a\\u0000b"])
def test_name_that_leaves_the_folder(tmp_path: Path, name: str) -> None:
    """A file that lies elsewhere is not opened, by whatever name."""
    (tmp_path / "mine.txt").write_text(ZONES)
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path / "mine.txt")

    said = refused(inside, f'[[scenario]]\nname="hosts"\nzones="{name}"\n')

    assert said.endswith(", expected a file in the folder of the sweep file")


HOSTS = "[[scenario]]\nname = 'hosts'\n"

WRONG = [
    ("", ": scenario is missing, expected tables [[scenario]] with a name each"),
    ("scenario = 3", ": scenario is '3', expected tables [[scenario]]"),
    ("scenario = []", ": scenario is '[]', expected tables [[scenario]]"),
    ("[[scenario]]", ": scenario.1.name is missing, expected hosts, syzkaller, second-resource"),
    ("[[scenario]]\nname=3", ": scenario.1.name is '3', expected hosts, "),
    ("[[scenario]]\nname='hostz'", ": scenario 1: name is 'hostz' (did you mean hosts?), expected"),
    ("replication = 2\n" + HOSTS, ": unknown key replication (did you mean replications?), expec"),
    (HOSTS + "variant = 'M1'", ": unknown key scenario.1.variant (did you mean variants?), expec"),
    (HOSTS + "variants = ['m5']", ": scenario 1: hosts has no variant 'm5' (did you mean M5?), "),
    (HOSTS + "variants = []", ": scenario.1.variants is '[]', expected a list of names of varia"),
    (HOSTS + "variants = 'M5'", ": scenario.1.variants is 'M5', expected a list of names of vari"),
    ("designs = ['freable']\n" + HOSTS, ": designs: 'freable' is unknown (did you mean freeable"),
    ("designs = 'batch'\n" + HOSTS, ": designs is 'batch', expected a list of names of designs"),
    (
        "seed = -1\n" + HOSTS,
        ": seed is '-1', expected a whole number from 0 to 2**63 - 1, or a list of them",
    ),
    (
        "seed = [1, -2]\n" + HOSTS,
        ": seed is '[1, -2]', expected a whole number from 0 to 2**63 - 1, or",
    ),
    (
        "seed = true\n" + HOSTS,
        ": seed is 'True', expected a whole number from 0 to 2**63 - 1, or a list of them",
    ),
    ("replications = 0\n" + HOSTS, ": replications is '0', expected a whole number from 1 to "),
    (HOSTS + "parameters.cpu = 2", ": scenario 1: parameters: no parameter 'cpu' (did you mean"),
    (
        HOSTS + "parameters.cpus = [2, 65]",
        ": scenario 1: parameters: machine.cpus.value: value is",
    ),
    (
        HOSTS + "parameters.cpus = 2.5",
        ": scenario 1: parameters: machine.cpus.value: value is 2",
    ),
    (HOSTS + "parameters.cpus = '2'", ": scenario.1.parameters.cpus is '2', expected parameters,"),
    (HOSTS + "parameters.cpus = []", ": scenario.1.parameters.cpus is '[]', expected parameters,"),
    (HOSTS + "parameters.cpus = nan", ": scenario.1.parameters.cpus is 'nan', expected parameters"),
    (HOSTS + "parameters.cpus = true", ": scenario.1.parameters.cpus is 'True', expected paramet"),
    (HOSTS + "prices.lok = 1", ": scenario 1: prices: 'lok' is unknown (did you mean lock?), expe"),
    (HOSTS + "prices.lock = -1", ": scenario 1: prices: lock is -1, expected 0 to 1e9 ns"),
    (HOSTS + "prices.lock = [1, inf]", ": scenario.1.prices.lock is '[1, inf]', expected prices "),
    (HOSTS + HOSTS, ": hosts M2 stands in it twice, expected each setting once"),
    (HOSTS + "parameters.cpus = [2, 2]", ": hosts M2 cpus=2 stands in it twice, expected each "),
    (HOSTS + "zones = 'none.txt'", "none.txt"),
    ("[[scenario]]\nname='syzkaller'\nzones='x'", ": scenario 1: zones beside name syzkaller, ex"),
    (HOSTS + "zones = 'x'\nvariants = ['M1']", ": scenario 1: variants beside zones, expected on"),
    ("replications = 100000\n" + HOSTS, ": these are 3,000,000 runs, expected at most 1,000,000"),
    ("x = " + "[" * 5000, ": tables or lists are nested too deep, expected a sweep file"),
    (".".join("a" * 50_000) + " = 1", ": a key or text with more than 200 dots, expected a sweep"),
    ("x = [{" + "a . " * 50_000 + "a = 1}]", ": a key or text with more than 200 dots"),
    ("x = " + "9" * 5000, ": broken TOML (Exceeds the limit"),
    ("= 3", ": broken TOML (Invalid "),
    (b"\xff", ":1: is not plain text, expected UTF-8"),
    (b"a = 1\n\xff", ":2: is not plain text, expected UTF-8"),
    ("#" * (MAX_BYTES + 1), ": the file is too large, expected at most 256 kB"),
    ('"a\\u001b[31m" = 1\n' + HOSTS, ": unknown key a\\x1b[31m, expected seed, replications, "),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_wrong_file(tmp_path: Path, text: str | bytes, said: str) -> None:
    """Each mistake is told in one line with the key and what may stand there."""
    if said == "none.txt":
        with pytest.raises(InputError, match=r"none\.txt: cannot be read"):
            read(tmp_path, text)
    else:
        assert refused(tmp_path, text).startswith(said)


def test_crossing_is_counted_before_it_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists whose product is absurd are refused without making it."""
    monkeypatch.setattr(sweepfile, "_points", None)
    axes = "".join(f"{name} = {list(range(1, 1000))}\n" for name in ("cpus", "seconds", "storms"))

    said = refused(tmp_path, HOSTS + "[scenario.parameters]\n" + axes)

    assert said.startswith(": these are 29,910,089,970 runs, expected at most 1,000,000")


def test_pipe(tmp_path: Path) -> None:
    """A pipe is not waited for."""
    os.mkfifo(tmp_path / "pipe.toml")

    with pytest.raises(InputError, match=r"pipe\.toml: is a pipe, which might never end"):
        read_sweep(tmp_path / "pipe.toml")


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there, or is a folder, is named."""
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            read_sweep(path)


def test_a_list_of_seeds_is_an_axis(tmp_path: Path) -> None:
    """Each seed is a setting of its own, with the requests that it draws alone."""
    both = read(tmp_path, "seed = [3, 4]\nreplications = 2\n" + HOSTS)
    alone = read(tmp_path, "seed = 4\nreplications = 2\n" + HOSTS)

    assert ["seed=3", "seed=4"] == [scenario.setting for scenario in both.scenarios]
    n = len(alone.units())
    assert [3] * n + [4] * n == [unit.seed for unit in both.units()]
    assert [unit.keys() for unit in alone.units()] == [unit.keys() for unit in both.units()[n:]]


def test_same_seed_twice(tmp_path: Path) -> None:
    """A seed that stands in the list twice would name two runs alike."""
    with pytest.raises(InputError, match="seed=3 stands in it twice"):
        read(tmp_path, "seed = [3, 3]\n" + HOSTS)
