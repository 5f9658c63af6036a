"""FreeBSD's own answers: the model gives every row, and so does the independent reference."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest
from oracle.reference import Options, Reference

from vmmodel.oracle.parity import check_parity
from vmmodel.paths import DATA

GOLDEN = sorted((DATA / "golden").glob("*.csv.gz"))
SMALL = DATA / "golden" / "small.csv.gz"
ROWS = {"small": 1000, "mixed": 50000, "npages": 20000, "poolsteal": 30000, "nofree_pindex": 20000}

traces = pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name.partition(".")[0])


def test_all_golden_traces_are_there() -> None:
    """Five recorded traces are compared, no fewer."""
    assert sorted(ROWS) == [path.name.partition(".")[0] for path in GOLDEN]


@traces
def test_model_gives_every_row(path: Path) -> None:
    """The model answers each operation as FreeBSD did, list order included, to the last row."""
    parity = check_parity(path)

    assert (0, "", "") == (parity.line, parity.expected, parity.got)
    assert parity.equal
    assert ROWS[path.name.partition(".")[0]] == parity.rows


@traces
def test_reference_gives_every_row(path: Path) -> None:
    """The independent reference also answers each operation as FreeBSD did."""
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    reference = Reference(Options.parse(lines[0]))

    for number, line in enumerate(lines[2:], start=3):
        op, args, expected = line.split(",")
        assert (number, expected) == (number, reference.answer(op, args))


def test_uncompiled_kernel_gives_every_row() -> None:
    """With every access checked and nothing compiled, the answers are the same."""
    code = (
        "import sys, pathlib; from vmmodel.kernel.cstruct import CHECKED;"
        "from vmmodel.oracle.parity import check_parity;"
        "parity = check_parity(pathlib.Path(sys.argv[1]));"
        "print(CHECKED, 'numba' in sys.modules, parity.equal, parity.rows)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, str(SMALL)],
        env={**os.environ, "VMMODEL_CHECKED": "1"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "True False True 1000\n" == done.stdout


@pytest.mark.parametrize("number", [3, 4, 500, 1002])
def test_planted_difference_is_found(number: int, tmp_path: Path) -> None:
    """A result changed by hand is reported with its line, the row, what was expected and got."""
    lines = gzip.decompress(SMALL.read_bytes()).decode().splitlines()
    op, args, result = lines[number - 1].split(",")
    lines[number - 1] = f"{op},{args},{result}9"
    copy = tmp_path / "planted.csv"
    copy.write_text("\n".join(lines) + "\n")

    parity = check_parity(copy)

    assert not parity.equal
    assert (number, number - 2) == (parity.line, parity.rows)
    assert (f"{op} {args}".strip(), result + "9", result) == (
        parity.row,
        parity.expected,
        parity.got,
    )


def test_planted_list_order_is_found(tmp_path: Path) -> None:
    """One wrong digit of a list checksum is a difference: order inside the lists is pinned."""
    lines = gzip.decompress(SMALL.read_bytes()).decode().splitlines()
    number = max(i for i, line in enumerate(lines, start=1) if line.startswith("s,"))
    before, crc, after = lines[number - 1].partition("crc=")
    lines[number - 1] = before + crc + ("0" if after[0] != "0" else "1") + after[1:]
    copy = tmp_path / "planted.csv.gz"
    copy.write_bytes(gzip.compress("\n".join(lines).encode()))

    assert number == check_parity(copy).line
