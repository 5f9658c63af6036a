"""What commands print and with which status they end."""

import argparse
import gzip
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from commands.calls import VMMODEL, call, start
from sim.tiny import SMALL

from vmmodel import __version__
from vmmodel.__main__ import COMMANDS
from vmmodel.commands.run import natural, pairs, positive
from vmmodel.experiment.scenario import SCENARIOS
from vmmodel.experiment.schema import TABLES
from vmmodel.experiment.store import read_meta, read_tables
from vmmodel.nofree import DESIGNS, design, known_designs
from vmmodel.nofree.parts import PARTS, parts_of
from vmmodel.paths import DATA, ROOT

Capture = pytest.CaptureFixture[str]


def words_of(text: str) -> set[str]:
    """The words of a text or table, without their borders."""
    return set(text.replace("│", " ").replace("|", " ").replace(",", " ").split())


def first_cell(line: str) -> str:
    """The first cell of a table's row, or nothing."""
    return line.split("│")[1].strip() if "│" in line else ""


@pytest.mark.parametrize("columns", ["80", "200"])
def test_list(columns: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything there is to run is listed, its name whole even on a narrow terminal."""
    monkeypatch.setenv("COLUMNS", columns)

    assert 0 == call("list")

    shown = words_of(capsys.readouterr().out)
    assert set(SCENARIOS) | set(DESIGNS) <= shown
    for scenario in SCENARIOS.values():
        assert set(scenario.variants) - {""} <= shown
        assert set(scenario.parameters.described()) <= shown


def test_list_designs(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every choice of a design is shown with what it does and what FreeBSD has of it."""
    monkeypatch.setenv("COLUMNS", "1000")

    assert 0 == call("list", "--designs")

    text = capsys.readouterr().out
    assert set(DESIGNS) <= words_of(text)
    for (axis, choice), part in PARTS.items():
        row = f"│ {axis}={choice} │ {part.does} │ {part.freebsd} │ {part.page} │"
        assert row in "\n".join(" ".join(line.split()) for line in text.splitlines())


@pytest.mark.parametrize("name", [*DESIGNS, "freeable,reuse=address,import=6"])
def test_list_design(name: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A design is shown with its words, its choices and the sum of what they cost."""
    monkeypatch.setenv("COLUMNS", "400")

    assert 0 == call("list", name)

    text = " ".join(capsys.readouterr().out.split())
    shown = design(name)
    assert f"{name}: {shown.title} {shown.summary} FreeBSD: {shown.source}" in text
    assert shown.choice is not None
    for part in (part for _, part in parts_of(shown.choice).values()):
        assert part.does in text
    assert "take a page" in text


def test_run_of_a_design_by_its_choices(tmp_path: Path, capsys: Capture) -> None:
    """A design that a text describes runs as any other, under one name for equal choices."""
    words = [f"--set={name}={value}" for name, value in SMALL["misuse"].items()]
    mine = ["--design", "separate,reuse=address", "--design", "freeable,return=chunk"]

    assert 0 == call("run", "misuse", *words, *mine, "--workers", "1", "--out", str(tmp_path / "o"))

    runs = read_tables(tmp_path / "o")["runs"]
    assert ["reclaim", "separate,reuse=address"] == runs["design"].to_pylist()
    described = read_meta(tmp_path / "o")
    assert described is not None
    assert (
        "as separate, but reuse=address"
        == (described["designs"]["separate,reuse=address"]["summary"])
    )


@pytest.mark.parametrize("name", SCENARIOS)
def test_list_scenario(name: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scenario is shown with story, limits, and every parameter with value, mark and source."""
    monkeypatch.setenv("COLUMNS", "400")

    assert 0 == call("list", name)

    text = capsys.readouterr().out
    shown, scenario = " ".join(text.split()), SCENARIOS[name]
    for sentence in (scenario.title, scenario.story, scenario.question, *scenario.limits):
        assert sentence in shown
    for parameter, described in scenario.parameters.described().items():
        (row,) = [line for line in text.splitlines() if first_cell(line) == parameter]
        for part in ("value", "unit", "meaning", "mark", "source"):
            assert str(described[part]) in row


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command: str, capsys: Capture) -> None:
    """Every command says what it does, with examples or profiles, and ends with 0."""
    assert 0 == call(command, "--help")

    text = capsys.readouterr().out
    assert text.startswith(f"usage: ./study {command}")
    assert "./study" in text.split("\n", 1)[1] or "profiles:" in text


def test_help_of_all(capsys: Capture) -> None:
    """Without a command, as with --help, every command is named with its purpose."""
    assert 0 == call()
    bare = capsys.readouterr().out
    assert 0 == call("--help")

    assert bare == capsys.readouterr().out
    for command, purpose in COMMANDS.items():
        assert command in bare
        assert purpose in bare


def test_version(capsys: Capture) -> None:
    """The version is that of the package."""
    assert 0 == call("--version")
    assert f"vmmodel {__version__}\n" == capsys.readouterr().out


def test_every_command_is_a_module() -> None:
    """The commands are the modules of vmmodel.commands that declare arguments, and no others."""
    folder = ROOT / "vmmodel" / "commands"
    modules = {p.stem for p in folder.glob("*.py") if "def add_arguments(" in p.read_text()}

    assert set(COMMANDS) == modules


def test_run(capsys: Capture, tmp_path: Path) -> None:
    """A run writes its tables and says where; meta.json has the command that repeats it."""
    out = tmp_path / "out"
    words = ["run", "second-resource", "--design", "freeable", "--design", "ordinary"]
    words += ["--set", "memory_gb=1", "--set", "requests=50", "--set", "cache_share=0"]

    assert 0 == call(*words, "--seed", "7", "--out", str(out))

    assert f"{out}\n" == capsys.readouterr().out
    tables = {f"{name}.parquet" for name in TABLES}
    assert {"meta.json", "SHA256SUMS", *tables} == {path.name for path in out.iterdir()}
    runs = pq.read_table(out / "runs.parquet").to_pylist()
    assert ["ordinary", "freeable"] == [run["design"] for run in runs]
    assert {(7, 50, 262_144)} == {(run["seed"], run["requests"], run["pages"]) for run in runs}
    meta = json.loads((out / "meta.json").read_text())
    repeated = meta["command"].split()
    assert repeated[:2] == ["./study", "run"]
    again = tmp_path / "again"
    assert 0 == call(*[str(again) if word == "DIR" else word for word in repeated[1:]])
    for name in TABLES:
        tables = [(folder / f"{name}.parquet").read_bytes() for folder in (out, again)]
        assert tables[0] == tables[1]


def test_run_through_a_link_and_in_place(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link to an earlier sweep, and the empty folder that one stands in, can be written to."""
    words = ["run", "second-resource", "--design", "ordinary", "--set", "memory_gb=1"]
    words += ["--set", "requests=5", "--set", "cache_share=0"]
    inside = tmp_path / "inside"
    inside.mkdir()
    monkeypatch.chdir(inside)
    link = tmp_path / "link"

    assert 0 == call(*words, "--out", ".")
    link.symlink_to(inside, target_is_directory=True)
    assert 0 == call(*words, "--out", str(link))

    assert link.is_symlink()
    assert (inside / "runs.parquet").is_file()
    hidden = [path.name for path in tmp_path.glob(".*")]
    assert [] == hidden


def test_closed_pipe() -> None:
    """A reader that goes away after one line, as head -1, is no reason for a traceback."""
    for words in (["list"], ["--help"]):
        read, write = os.pipe()
        os.close(read)
        with os.fdopen(write, "wb") as closed:
            done = subprocess.run(
                [*VMMODEL, *words], cwd=ROOT, stdout=closed, stderr=subprocess.PIPE, check=False
            )
        assert b"" == done.stderr


def test_head() -> None:
    """The first line of the list comes through a pipe, and nothing is complained about."""
    shell = f"{' '.join(VMMODEL)} list | head -1"
    done = subprocess.run(
        ["sh", "-c", shell], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert ("Scenarios", "") == (done.stdout.strip(), done.stderr)


SMALL_TRACE = DATA / "golden" / "small.csv.gz"


def altered(path: Path, change: Callable[[list[str]], None]) -> Path:
    """Copy the smallest golden trace with its lines changed."""
    lines = gzip.decompress(SMALL_TRACE.read_bytes()).decode().splitlines()
    change(lines)
    path.write_text("\n".join(lines) + "\n")
    return path


def other_result(lines: list[str]) -> None:
    """Make the second single allocation of the trace expect another page."""
    assert "a,0 0,4102" == lines[5]
    lines[5] = "a,0 0,4103"


def no_operation(lines: list[str]) -> None:
    """Make the fifth line no operation."""
    lines[4] = "nonsense"


def test_parity_equal(capsys: Capture) -> None:
    """Status 0 and a line with the rows and the speed when all rows are equal."""
    assert 0 == call("parity", str(SMALL_TRACE))

    out, err = capsys.readouterr()
    assert out.startswith(f"{SMALL_TRACE}: ")
    assert "rows equal" in out
    assert "" == err


def test_parity_differs(capsys: Capture, tmp_path: Path) -> None:
    """Status 1 at a difference, with the line, the operation, what was expected and what came."""
    other = altered(tmp_path / "other.csv", other_result)

    assert 1 == call("parity", str(other), str(SMALL_TRACE))

    out, err = capsys.readouterr()
    first, operation, expected, got, equal = out.splitlines()
    assert first.startswith(f"{other}:6: difference after 3 equal rows, ")
    assert ["operation", "a", "0", "0"] == operation.split()
    assert ["expected", "4103"] == expected.split()
    assert ["got", "4102"] == got.split()
    assert "rows equal" in equal
    assert "" == err


def test_parity_malformed(capsys: Capture, tmp_path: Path) -> None:
    """Status 2 and the line for a malformed file; others are checked all the same."""
    bad = altered(tmp_path / "bad.csv", no_operation)

    assert 2 == call("parity", str(bad), str(SMALL_TRACE), str(tmp_path / "missing.csv"))

    out, err = capsys.readouterr()
    assert "rows equal" in out
    first, second = err.splitlines()
    assert first.startswith(f"study: {bad}:5: ")
    assert second.startswith(f"study: {tmp_path}/missing.csv: ")


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("1", 1), ("0007", 7), (str(2**63 - 1), 2**63 - 1)]
)
def test_natural(text: str, number: int) -> None:
    """Seeds are whole numbers that fit a signed 64-bit column."""
    assert number == natural(text)


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", " 1", "1.0", "1e3", "0x1", "1_0", "²", str(2**63)]
)
def test_not_natural(text: str) -> None:
    """Anything else is refused, also what Python's int() would take."""
    with pytest.raises(argparse.ArgumentTypeError):
        natural(text)


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("100000", 100_000)])
def test_positive(text: str, number: int) -> None:
    """Counts go from one to a hundred thousand."""
    assert number == positive(text)


@pytest.mark.parametrize("text", ["", "0", "-1", "100001", "1.5", "\u0661"])
def test_not_positive(text: str) -> None:
    """No count is zero, negative, or absurd."""
    with pytest.raises(argparse.ArgumentTypeError):
        positive(text)


def test_designs_are_in_their_order() -> None:
    """Designs are run once each, in the order of every table; all of them by default."""
    assert tuple(DESIGNS) == known_designs([])
    assert ("ordinary", "batch") == known_designs(["batch", "ordinary", "batch"])


def test_values_may_hold_equals_signs() -> None:
    """Only the first equals sign separates; of one name given twice the last counts."""
    assert {"a": "b=c", "d": ""} == pairs(["a=1", "a=b=c", "d="])


def test_start_is_quick() -> None:
    """The first help comes without importing the model."""
    done = start("--help")

    assert 0 == done.returncode
    code = "import sys; from vmmodel.__main__ import main; main([]); print('numba' in sys.modules)"
    imported = subprocess.run(
        [VMMODEL[0], "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "False" == imported.stdout.splitlines()[-1]
