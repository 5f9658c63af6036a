"""Files from strangers: whatever stands in them, one sentence or a result; nothing half written.

Every kind of file starts from a good one and is spoiled: bytes and words are put in, taken out,
repeated and exchanged.  Eight hundred cases here, fifty times as many in the nightly profile.
"""

import gzip
import json
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from tests.report.synthetic import STORIES, write_sweep
from vmmodel.__main__ import main
from vmmodel.commands.list import show_workload
from vmmodel.errors import StudyError
from vmmodel.experiment.schema import TABLES
from vmmodel.experiment.store import write_sums
from vmmodel.experiment.sweepfile import MAX_RUNS, read_sweep
from vmmodel.oracle.trace import read_trace
from vmmodel.paths import DATA
from vmmodel.report.terminal import plain_console
from vmmodel.workloads.described import Described, described
from vmmodel.workloads.replay import read_replay
from vmmodel.workloads.traceread import MOST_NS, MOST_PAGES
from vmmodel.workloads.vmstat import nofree_zones, read_zone_table

WORDS = [
    "",
    "\0",
    "\x1b[31m",
    "\ufeff",
    "\udc80",
    "\u2028",
    "../../etc/passwd",
    "/dev/zero",
    "__import__('os').system('touch owned')",
    "<script>alert(1)</script>",
    "${HOME}",
    "[/b]",
    "[bold red]",
    "[kib]",
    ":bomb:",
    "\\u001b[31m",
    "=1+1",
    "%s%n",
    "nan",
    "-inf",
    "1e999",
    "-1",
    "0x10",
    "9" * 30,
    "9" * 5000,
    "[" * 300,
    "{" * 300,
    "'''",
    '"',
    "=",
    ",",
    ":",
    "\n",
    "a" * 5000,
    "true",
    "1979-05-27T07:32:00Z",
]


@st.composite
def spoiled(draw: st.DrawFn, good: bytes) -> bytes:
    """Spoil good content in one to four places."""
    content = bytearray(good)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.sampled_from([0, 1, 2, 8, 40])))
        word = st.sampled_from(WORDS).map(lambda text: text.encode(errors="surrogateescape"))
        copy = st.just(bytes(content[end : end + 60]))
        content[start:end] = draw(st.one_of(word, st.binary(max_size=4), copy))
    return bytes(content)


def read_or_refuse(read: Callable[[], Any]) -> Any:
    """Read a file, or get one printable line; anything else that happens is a fault."""
    try:
        return read()
    except StudyError as error:
        sentence = str(error)
    assert sentence.isprintable(), sentence
    assert len(sentence) < 3000
    return None


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for one file at a time."""
    return tmp_path_factory.mktemp("hostile")


SWEEP = (DATA / "sweeps" / "small.toml").read_bytes()
ZONES = b"""ITEM                   SIZE  LIMIT     USED     FREE      REQ     FAIL    SLEEP
UMA Kegs:               384,      0,      94,       6,      94,   0,   0
PROC:                  1304,      0,      81,      33,    1500,   0,   0
VM OBJECT:              256,      0,    9000,     123,   99999,   0,   0
"""
ZONES_JSON = json.dumps(
    {
        "memory-zone-statistics": {
            "zone": [
                {"name": "PROC", "size": 1304, "limit": 0, "used": 9, "free": 1, "requests": 10},
                {"name": "pbuf", "size": 2624, "limit": 0, "used": 3, "free": 1, "requests": 10},
            ]
        }
    }
).encode()
TRACE = b"# oracle --pages 64\nop,args,result\na,0 0,4096\na,1 0,4098\nf,0,\ns,,1\n"


@examples(250)
@given(spoiled(SWEEP))
def test_sweep_file(place: Path, content: bytes) -> None:
    """A sweep that is read stays within its limits, whatever the file asks for."""
    path = place / "sweep.toml"
    path.write_bytes(content)

    sweep = read_or_refuse(lambda: read_sweep(path))

    if sweep is not None:
        assert 1 <= len(sweep.units()) * len(sweep.designs) <= MAX_RUNS
        for scenario in sweep.scenarios:
            assert scenario.setting.isprintable()


@examples(100)
@given(st.sampled_from([ZONES, ZONES_JSON]).flatmap(spoiled))
def test_zone_table(place: Path, content: bytes) -> None:
    """A zone table is read or refused; its label is a name and no path."""
    path = place / "zones.txt"
    path.write_bytes(content)

    table = read_or_refuse(lambda: read_zone_table(path))

    if table is not None:
        assert "/" not in table.label
        assert all(row.name.isprintable() for row in table.rows)
        read_or_refuse(lambda: nofree_zones(table))


@examples(100)
@given(spoiled(TRACE))
def test_trace(place: Path, content: bytes) -> None:
    """A trace is read or refused."""
    path = place / "trace.csv"
    path.write_bytes(content)

    read_or_refuse(lambda: read_trace(path))


WORKLOADS = [path.read_bytes() for path in sorted((DATA / "workloads").glob("*.toml"))]
RECORDING = b"\n".join(
    (DATA / "workloads" / "traces" / "example.csv").read_bytes().split(b"\n")[:60]
)


def shown(workload: Described) -> str:
    """What ``./study describe`` prints of a workload's words: nothing that moves a cursor."""
    out = StringIO()
    with redirect_stdout(out):
        show_workload(plain_console(), workload)
    assert all(line.isprintable() for line in out.getvalue().split("\n"))
    return out.getvalue()


@examples(150)
@given(st.sampled_from(WORKLOADS).flatmap(spoiled))
def test_workload_file(place: Path, content: bytes) -> None:
    """A workload is read or refused; each of its parameters lies in its range."""
    path = place / "workload.toml"
    path.write_bytes(content)

    workload = read_or_refuse(lambda: described(path))

    if workload is not None:
        assert shown(workload)
        for name, told in workload.described().items():
            assert name.isprintable()
            assert told["low"] <= told["sweep"][0] <= told["sweep"][1] <= told["high"]
            assert told["low"] <= told["value"] <= told["high"]


@examples(150)
@given(st.one_of(spoiled(RECORDING), spoiled(RECORDING).map(gzip.compress)))
def test_recording(place: Path, content: bytes) -> None:
    """A recording is read or refused; what is read stays within its limits."""
    path = place / "recording.csv"
    path.write_bytes(content)

    replay = read_or_refuse(lambda: read_replay(path))

    if replay is not None:
        script = replay.script
        assert 1024 <= script.npages <= MOST_PAGES
        assert 1 <= script.horizon_ns <= MOST_NS
        for timeline in (*script.cpus, script.pressure):
            times = [at for at, _ in timeline]
            assert times == sorted(times)
            assert all(0 <= at <= script.horizon_ns for at in times)
        assert all(note.isprintable() for note in replay.notes)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small made-up sweep."""
    designs = ("freeable", "batch")
    made = write_sweep(tmp_path_factory.mktemp("store") / "made", 2, 3, STORIES[4:], designs)
    for name in TABLES:  # a hundred rows of each are enough to be spoiled
        path = made / f"{name}.parquet"
        pq.write_table(pq.read_table(path)[:100], path)
    write_sums(made)
    return made


def told(*words: str) -> tuple[int, str, str]:
    """Run a command; give status, output and messages."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main(list(words))
    return status, out.getvalue(), err.getvalue()


def ask_everything(folder: Path, whole: Path) -> None:
    """Verify, compare and export a sweep: sentences or results, and a whole export or none."""
    csv = folder.parent / "csv"
    shutil.rmtree(csv, ignore_errors=True)
    for words in (
        ["verify", str(folder)],
        ["diff", str(folder), str(whole)],
        ["export", str(folder), "--csv", str(csv)],
    ):
        status, out, err = told(*words)
        assert status in (0, 1, 2), words
        assert len(err.splitlines()) == (status == 2)
        assert all(line.isprintable() for line in [*out.splitlines(), *err.splitlines()])
    assert csv.exists() == (status == 0)
    assert [] == list(folder.parent.glob(".*"))


HOSTILE: list[Any] = [
    None,
    True,
    -1,
    1.5,
    1 << 70,
    "\x1b[31m",
    "<script>",
    [],
    {},
    [[[]]],
    {"a": {}},
]


@st.composite
def spoiled_json(draw: st.DrawFn, tree: Any) -> Any:
    """Put something strange in one place of a tree."""
    if isinstance(tree, dict) and tree and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(tree)))
        if not draw(st.integers(0, 5)):
            return {
                (draw(st.sampled_from(WORDS[:12])) if k == key else k): v for k, v in tree.items()
            }
        return {**tree, key: draw(spoiled_json(tree[key]))}
    return draw(st.sampled_from(HOSTILE))


@examples(25)
@given(st.data())
def test_description_of_a_sweep(place: Path, store: Path, data: st.DataObject) -> None:
    """Whatever meta.json says, nothing but sentences and results come out."""
    folder = place / "described" / "sweep"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(store, folder)
    text = (store / "meta.json").read_text()
    if data.draw(st.booleans()):
        content = data.draw(spoiled(text.encode()))
    else:
        content = json.dumps(data.draw(spoiled_json(json.loads(text)))).encode()
    (folder / "meta.json").write_bytes(content)
    write_sums(folder)

    ask_everything(folder, store)


@examples(25)
@given(st.data())
def test_tables_of_a_sweep(place: Path, store: Path, data: st.DataObject) -> None:
    """A table whose bytes were changed is read or refused, also where its checksum matches."""
    folder = place / "tables" / "sweep"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(store, folder)
    path = folder / f"{data.draw(st.sampled_from(sorted(TABLES)))}.parquet"
    path.write_bytes(data.draw(spoiled(path.read_bytes())))
    write_sums(folder)

    ask_everything(folder, store)


@pytest.mark.parametrize(
    "name", ["a/b", "..", ".hidden", "a b", "\x1b[31m", "$x$", "=1+1", "<b>", "é"]
)
def test_name_of_a_zone_file_is_a_name(tmp_path: Path, name: str) -> None:
    """What a user calls the zone table names rows and charts, and nothing else."""
    path = tmp_path / f"{name}.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(ZONES)

    label = read_zone_table(path).label

    assert label
    assert label.isascii()
    assert label[0].isalnum()
    assert not set(label) & set("/<>$&\\\x1b'\"")


def test_sentence_moves_no_cursor(tmp_path: Path) -> None:
    """Control characters of a file are escaped where a sentence quotes them."""
    path = tmp_path / "trace\x1b[2J.csv"
    path.write_bytes(b"# oracle\x1b[31m --pages 64\n")

    with pytest.raises(StudyError, match=r"trace\\x1b\[2J\.csv:1: bad option .*\\x1b\[31m"):
        read_trace(path)
