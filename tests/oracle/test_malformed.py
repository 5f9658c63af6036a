"""Files that are no traces: one sentence that names file, line and what was expected."""

import gzip
import resource
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle.generate import draw_trace
from strategies import examples

from vmmodel.errors import InputError
from vmmodel.oracle.parity import check_parity
from vmmodel.oracle.trace import MAX_BYTES, MAX_IDS, MAX_PAGES, MAX_ROWS, read_trace

HEADER = "# oracle --pages 64"
COLUMNS = "op,args,result"

BAD_HEADERS = [
    "",
    "op,args,result",
    "# oracl --pages 64",
    "# oracle --pages",
    "# oracle --pages many",
    "# oracle --pages -1",
    "# oracle --pages 0",
    "# oracle --pages 99999999999",
    "# oracle --segments 0",
    "# oracle --segments 65",
    "# oracle --pages 3 --segments 4",
    "# oracle --segments 2 --gap 0",
    "# oracle --speed 9",
    "# oracle pages 64",
    "# oracle --nofree queue",
    "# oracle --import-order 13",
    "# oracle --import-pool 2",
    "# oracle --seg 5",
    "# oracle --seg 9:5",
    "# oracle --seg 5:5",
    "# oracle --seg 10:20 --seg 20:30",
    "# oracle --seg 10:20 --seg 5:8",
    "# oracle --seg 10:4294967296",
]

BAD_ROWS = [
    "a,0 0",
    "a,0 0,4096,1",
    "",
    "q,1,2",
    "A,0 0,1",
    "a,0,1",
    "a,0 0 0,1",
    "a,13 0,1",
    "a,0 2,1",
    "a,-1 0,1",
    "a,x 0,1",
    "a,1_0 0,1",
    "a,+1 0,1",
    "n,0 0,0",
    "n,4097 0,0",
    "n,5 2,0",
    "g,,1",
    "g,0,1",
    "g,4 3,1",
    "g,4 1 3,1",
    "g,4 1 0 7,1",
    "g,4 0,1",
    "g,4 1 0 0 9 9,1",
    "f,,0",
    "f,1 2,0",
    "f,1-,0",
    "f,-1,0",
    "f,2-1,0",
    "c,,0",
    "c,2-1,0",
    "c,1 a,0",
    "c,1.5,0",
    "x,1,0",
    "y,,ok",
    "y,1-2,ok",
    "s,1,0",
    "y," + "9" * 5000 + ",ok",
]


def complaint(path: Path, data: str | bytes) -> InputError:
    """Write *data*, replay it, and give the error."""
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    with pytest.raises(InputError) as caught:
        check_parity(path)
    assert str(caught.value).startswith(f"{path}:")
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("header", BAD_HEADERS)
def test_bad_header_is_refused(header: str, tmp_path: Path) -> None:
    """An option that is unknown, has no value or a value out of range is a mistake in line 1."""
    error = complaint(tmp_path / "trace.csv", f"{header}\n{COLUMNS}\ns,,x\n")

    assert error.line == 1


@pytest.mark.parametrize("columns", ["", "op,args", "op;args;result", "a,0 0,4096"])
def test_bad_column_line_is_refused(columns: str, tmp_path: Path) -> None:
    """The second line names the three columns."""
    error = complaint(tmp_path / "trace.csv", f"{HEADER}\n{columns}\na,0 0,4096\n")

    assert (2, "'op,args,result'") == (error.line, error.expected)


@pytest.mark.parametrize("row", BAD_ROWS, ids=lambda row: row[:20])
def test_bad_row_is_refused(row: str, tmp_path: Path) -> None:
    """A row that is no operation is named by its line, before anything is replayed."""
    error = complaint(tmp_path / "trace.csv", f"{HEADER}\n{COLUMNS}\na,0 0,1\n{row}\ns,,1\n")

    assert error.line == 4


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """A file that is not there, or is a folder, is named with the system's reason."""
    with pytest.raises(InputError, match="No such file"):
        check_parity(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="directory"):
        check_parity(tmp_path)


def test_text_outside_ascii_is_refused(tmp_path: Path) -> None:
    """The line of the first foreign byte is named."""
    assert complaint(tmp_path / "t", f"{HEADER}\n{COLUMNS}\ns,,é\n").line == 3


@pytest.mark.parametrize("size", [2, 3, 10, 11, 40, -9, -8, -1])
def test_truncated_gzip_is_refused(size: int, tmp_path: Path) -> None:
    """A packed file that was cut anywhere is refused, not read in part."""
    packed = gzip.compress(draw_trace(1, 30).encode())

    error = complaint(tmp_path / "cut.csv.gz", packed[:size])

    assert "a golden trace" == error.expected


def test_corrupt_gzip_is_refused(tmp_path: Path) -> None:
    """A packed file with a damaged byte is refused."""
    packed = bytearray(gzip.compress(draw_trace(1, 30).encode()))
    packed[len(packed) // 2] ^= 0xFF

    complaint(tmp_path / "damaged.csv.gz", bytes(packed))


def test_windows_line_ends_are_read(tmp_path: Path) -> None:
    """A trace whose lines end in carriage return and line feed is the same trace."""
    path = tmp_path / "trace.csv"
    path.write_bytes(draw_trace(1, 30).replace("\n", "\r\n").encode())

    assert check_parity(path).equal


HUNGRY = {
    "pages": f"# oracle --pages {MAX_PAGES + 1}\n{COLUMNS}\n",
    "ids": f"{HEADER}\n{COLUMNS}\n" + "n,4096 0,0\n" * (MAX_IDS // 4096 + 1),
    "range": f"{HEADER}\n{COLUMNS}\nc,0-999999999,-\n",
    "ranges": f"{HEADER}\n{COLUMNS}\nc," + "0-999999 " * 100 + ",-\n",
    "rows": f"{HEADER}\n{COLUMNS}\n" + "\n" * MAX_ROWS,
}


@pytest.mark.parametrize("case", HUNGRY)
def test_memory_hungry_trace_is_refused(case: str, tmp_path: Path) -> None:
    """A small file that asks for gigabytes is refused before they are taken."""
    tracemalloc.start()
    try:
        complaint(tmp_path / "hungry.csv.gz", gzip.compress(HUNGRY[case].encode(), 1))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 4 * MAX_BYTES


def test_holes_between_segments_cost_no_memory(tmp_path: Path) -> None:
    """Segments far apart are replayed without memory for the hole, or refused with a sentence."""
    path = tmp_path / "hole.csv"
    path.write_text(
        f"# oracle --seg 4096:8192 --seg 1000000000:1000004096\n{COLUMNS}\na,12 0,4096\n"
        "a,12 0,999997440\n"
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    error = refusal(check_parity, path)

    assert error is None or "too far apart" in error.what
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 100_000  # KB; the hole would take 12 GB


def test_packed_flood_is_refused(tmp_path: Path) -> None:
    """A packed file is read only up to the largest size of a trace."""
    error = complaint(tmp_path / "flood.gz", gzip.compress(bytes(MAX_BYTES + 1), 1))

    assert "too large" in error.what


def refusal(work: Callable[[Path], object], path: Path) -> InputError | None:
    """Do *work* on a file: None, or the error, which must name the file and an expectation."""
    try:
        work(path)
    except InputError as refused:
        error = refused
    else:
        return None
    assert str(error).startswith(f"{path}:")
    assert error.expected
    return error


WORDS = ["# oracle", "--pages", "--seg", "--nofree", "bump", "(", COLUMNS, "\n", ",", " ", "-", ":"]
pieces = st.one_of(st.sampled_from(WORDS), st.from_regex(r"[afngcxys\d]{1,3}", fullmatch=True))


@examples(200)
@given(data=st.one_of(st.binary(max_size=200), st.binary().map(lambda b: b"\x1f\x8b" + b)))
def test_any_bytes_are_read_or_refused(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever bytes a file holds, the reader gives a trace or an `InputError`."""
    path = tmp_path_factory.getbasetemp() / "bytes"
    path.write_bytes(data)

    refusal(read_trace, path)


@examples(300)
@given(words=st.lists(pieces, max_size=40), whole=st.booleans())
def test_any_words_are_read_or_refused(
    words: list[str], whole: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever words of the format stand in whatever order, nothing but `InputError` comes out."""
    path = tmp_path_factory.getbasetemp() / "words"
    path.write_text("".join(words) if whole else f"{HEADER}\n{COLUMNS}\n" + "".join(words))

    refusal(read_trace, path)


@examples(150)
@given(seed=st.integers(0, 50), data=st.data())
def test_edited_trace_is_replayed_or_refused(
    seed: int, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A trace with one row edited is equal, differs at a line, or is refused; nothing else."""
    lines = [line for line in draw_trace(seed, 40).splitlines() if line[:2] != "c,"]
    number = data.draw(st.integers(2, len(lines) - 1))
    at = data.draw(st.integers(0, len(lines[number])))
    typed = data.draw(st.text("0123456789-, afngxys", max_size=3))
    gone = data.draw(st.integers(0, 2))
    lines[number] = lines[number][:at] + typed + lines[number][at + gone :]
    path = tmp_path_factory.getbasetemp() / "edited"
    path.write_text("\n".join(lines))

    error = refusal(check_parity, path)

    assert error is None or number + 1 == error.line


@pytest.mark.parametrize("ids", ["2 2", "2 4", "3-4", "3 2", "7 5", "5-6", "1 0"])
def test_ids_that_are_no_run_are_a_difference(ids: str, tmp_path: Path) -> None:
    """A `c` of ids that do not follow one another in one segment is answered by an error."""
    answers = ["a,0 0,4096", "a,0 0,4095", "a,0 0,10", "a,0 0,11", "g,1,16", "a,1 0,20"]
    rows = [*answers, "a,2 0,12", "a,0 0,17"]
    lines = ["# oracle --seg 10:18 --seg 20:22 --seg 4095:4097", COLUMNS, *rows]
    path = tmp_path / "trace.csv"
    path.write_text("\n".join([*lines, f"c,{ids},2"]))

    parity = check_parity(path)

    assert (len(lines) + 1, "ERR run") == (parity.line, parity.got)
