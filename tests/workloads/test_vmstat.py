"""Zone tables: the three forms, cut rows, bad input, and which zones are NOFREE."""

import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmmodel.errors import InputError
from vmmodel.workloads.vmstat import (
    HOSTS,
    MAX_BYTES,
    NofreeZone,
    ZoneRow,
    host_labels,
    nofree_zones,
    parse_zone_table,
    read_zone_table,
)

NEW = """\
ITEM                   SIZE   LIMIT     USED     FREE      REQ    FAILSLEEP XDOMAIN

UMA Kegs:               384,      0,     174,       0,     174,   0,   0,   0
VM OBJECT:              264,      0,    5749,     116,   49019,   0,   0,   0
mbuf_cluster:          2048,  25600,    2831,     511, 3053398,   0,   0,   0
"""
OLD = """\
ITEM                   SIZE  LIMIT     USED     FREE      REQ FAIL SLEEP

VM OBJECT:              256,      0,  566849,    1501, 7650424,   0,   0
RADIX NODE:             144,      0,  550647,  831753,29152638,   0,   0
"""
OLDEST = """\
ITEM                     SIZE     LIMIT      USED      FREE  REQUESTS  FAILURES

VM OBJECT:                216,        0,     9001,       99,    12345,        0
"""
ZONE = {"name": "PROC", "size": 1336, "limit": 0, "used": 70, "free": 11, "requests": 4000}


def _json(*zones: object) -> bytes:
    return json.dumps({"vmstat": {"memory-zone-statistics": {"zone": list(zones)}}}).encode()


def _refused(content: str | bytes, label: str | None = None) -> str:
    with pytest.raises(InputError) as error:
        parse_zone_table(content.encode() if isinstance(content, str) else content, "in", label)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "extras"), [(NEW, (0, 0, 0)), (OLD, (0, 0, None)), (OLDEST, (0, None, None))]
)
def test_text_of_every_version(text: str, extras: tuple[int | None, ...]) -> None:
    """The columns FAIL, SLEEP and XDOMAIN are there or not, as the title line says."""
    table = parse_zone_table(text.encode(), "dir/web1.txt")
    (row,) = [row for row in table.rows if row.name == "VM OBJECT"]

    assert "web1" == table.label
    assert () == table.notes
    assert extras == (row.fail, row.sleep, row.xdomain)


def test_text_values() -> None:
    """Every number of a row lands in its own field."""
    table = parse_zone_table(NEW.encode(), "in")

    assert ZoneRow("mbuf_cluster", 2048, 25600, 2831, 511, 3053398, 0, 0, 0) == table.rows[2]


@pytest.mark.parametrize("change", [("\n", "\r\n"), ("ITEM", "\ufeffITEM")])
def test_text_from_other_systems(change: tuple[str, str]) -> None:
    """Line ends of Windows and a byte order mark make no difference."""
    assert (
        parse_zone_table(NEW.encode(), "in").rows
        == parse_zone_table(NEW.replace(*change).encode(), "in").rows
    )


def test_text_without_title_line() -> None:
    """Rows alone are enough; the longest says how many columns there are."""
    rows = NEW.split("\n", 2)[2]

    assert parse_zone_table(NEW.encode(), "in").rows == parse_zone_table(rows.encode(), "in").rows


def test_lines_before_the_title_are_noted() -> None:
    """A shell prompt that was copied along is left out, and the table says so."""
    table = parse_zone_table(("host:~ # vmstat -z\n" + NEW).encode(), "in")

    assert 3 == len(table.rows)
    assert ("1 lines before the title line were left out",) == table.notes


@pytest.mark.parametrize("cut", [len(NEW) - 12, len(NEW) - 60, len(NEW) - 77])
def test_cut_last_row_is_noted(cut: int) -> None:
    """A last row that is cut is left out with a note, wherever the cut is."""
    table = parse_zone_table(NEW[:cut].encode(), "in")

    assert ["UMA Kegs", "VM OBJECT"] == [row.name for row in table.rows]
    assert 1 == len(table.notes)
    assert "line 5 is cut" in table.notes[0]


def test_cut_row_in_the_middle_is_refused() -> None:
    """A short row that is not the last is an error with its line."""
    assert _refused(NEW.replace("     174,   0,   0,   0", "   174")).startswith("in:3: row 'UMA K")


def test_json() -> None:
    """JSON of libxo gives the same rows as text."""
    zone = {**ZONE, "fail": 1, "sleep": 2, "xdomain": 3}

    expected = (ZoneRow("PROC", 1336, 0, 70, 11, 4000, 1, 2, 3),)
    assert expected == parse_zone_table(_json(zone), "in").rows


def test_json_of_older_versions() -> None:
    """JSON without the outer container, or with numbers as strings, is read too."""
    zone = {key: str(value) for key, value in ZONE.items()}
    content = json.dumps({"__version": "1", "memory-zone-statistics": {"zone": [zone]}}).encode()

    assert (ZoneRow("PROC", 1336, 0, 70, 11, 4000),) == parse_zone_table(content, "in").rows


def test_recorded_hosts() -> None:
    """Every recorded host is read, and its rows are all those of the file but the cut ones."""
    tables = [read_zone_table(HOSTS, label) for label in host_labels()]

    assert [f"M{number}" for number in range(1, 13)] == [table.label for table in tables]
    assert 229 - 2 == sum(len(table.rows) for table in tables)
    assert ["M3", "M7"] == [table.label for table in tables if table.notes]


def test_recorded_values() -> None:
    """A recorded row has the numbers of the file, and None where the source has none."""
    rows = {row.name: row for row in read_zone_table(HOSTS, "M2").rows}

    assert ZoneRow("VM OBJECT", 256, 0, 567197, 1153, 9900582, 0, 0) == rows["VM OBJECT"]
    assert ZoneRow("MAP ENTRY", 128, 0, 5414, 2336, 4907369) == rows["MAP ENTRY"]


def test_unknown_label() -> None:
    """A label that is not there is answered with those that are."""
    assert "no host 'M77', expected one of the labels 'M1, M2" in _refused(
        HOSTS.read_bytes(), "M77"
    )
    assert "several hosts" in _refused(HOSTS.read_bytes())


def test_nofree_zones() -> None:
    """Only NOFREE zones are selected, with the item size recorded on the host."""
    zones = nofree_zones(read_zone_table(HOSTS, "M3"))

    expected = [
        NofreeZone("VM OBJECT", 240, 8521, 1607, 521046, 8),
        NofreeZone("VMSPACE", 2520, 62, 97, 21889, 8),
        NofreeZone("fakepg", 104, 0, 266, 28, 8),
    ]
    assert expected == zones


def test_radix_nodes_are_not_nofree() -> None:
    """RADIX NODE is NOFREE only without a direct map, so not here."""
    assert ["VM OBJECT"] == [
        zone.name for zone in nofree_zones(parse_zone_table(OLD.encode(), "in"))
    ]


def test_socket_was_nofree_in_13_only() -> None:
    """The zone socket is selected for 13 and not for main."""
    table = read_zone_table(HOSTS, "M12")

    assert [NofreeZone("socket", 696, 30, 65, 43764, 8)] == nofree_zones(table, "13")
    assert [] == nofree_zones(table, "main")


def test_alignment_of_the_kernel() -> None:
    """THREAD is aligned to 32 bytes in 13 and to 64 in main."""
    table = parse_zone_table(b"THREAD: 1824, 0, 500, 20, 9000, 0, 0, 0\n", "in")

    assert [32] == [zone.align for zone in nofree_zones(table, "13")]
    assert [64] == [zone.align for zone in nofree_zones(table, "main")]


def test_secondary_zones_count_in_their_keg() -> None:
    """Secondary zones of pbuf are added up under pbuf."""
    text = b"swrbuf: 2624, 0, 1, 2, 3, 0, 0, 0\npbuf: 2624, 0, 10, 20, 30, 0, 0, 0\n"

    expected = [NofreeZone("pbuf", 2624, 11, 22, 33, 64)]
    assert expected == nofree_zones(parse_zone_table(text, "in"))


def test_repeated_zone() -> None:
    """A NOFREE zone listed twice is refused; malloc's sub-zones may repeat."""
    twice = "PROC: 1, 0, 1, 1, 1, 0\nPROC: 1, 0, 1, 1, 1, 0\n"

    assert "in:2: zone 'PROC' appears twice, first in line 1" in _refused(twice)
    assert "'PROC' appears twice" in _refused(_json(ZONE, ZONE))
    assert 2 == len(parse_zone_table(twice.replace("PROC", "malloc-64").encode(), "in").rows)


def test_two_tables() -> None:
    """Two samples in one file are refused at the second title line."""
    assert _refused(NEW + NEW).startswith("in:6: a second table begins")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "in: the file is empty"),
        (b" \n", "in: the file is empty"),
        (b"x" * (MAX_BYTES + 1), "in: the file is too large"),
        (b"ITEM\n\xff\xfe", "in:2: is not plain text"),
        (b"PROC: 1\n\0", "in:2: holds a NUL byte"),
        (b"\x7fELF rubbish", "in:1: no zone table found"),
        (b"hello world\n", "in:1: no zone table found"),
        (b"ITEM SIZE LIMIT\n", "in: no complete zone row"),
        (b"PROC: -4, 0, 1, 1, 1, 0\n", "in:1: zone 'PROC': size is ' -4'"),
        (b"PROC: 4, 0, 1.5, 1, 1, 0\n", "in:1: zone 'PROC': used is ' 1.5'"),
        (b"PROC: 4, 0, 99999999999999999999, 1, 1, 0\n", "in:1: zone 'PROC': used is"),
        (b"PROC: 4294967296, 0, 1, 1, 1, 0\n", "in:1: zone 'PROC': size is"),
        (b": 4, 0, 1, 1, 1, 0\n", "in:1: zone name ''"),
        (b"a\x1b[31m: 4, 0, 1, 1, 1, 0\n", "in:1: zone name 'a\\x1b[31m'"),
        (b"{", "in:1: broken JSON"),
        (b"[1, 2]", "in: JSON without a list of zones"),
        (b'{"vmstat": {"memory-zone-statistics": 3}}', "in: JSON without a list of zones"),
        (b"[" * 100_000, "in: JSON too deep"),
        (b"[" + b"9" * 10_000 + b"]", "in: JSON too deep or a number too long"),
        (_json(3), "in: zone 1 has no name"),
        (_json({"name": "PROC"}), "in: zone 'PROC' has no size"),
        (_json({**ZONE, "used": -1}), "in: zone 'PROC': used is '-1'"),
        (_json({**ZONE, "used": True}), "in: zone 'PROC': used is 'True'"),
        (_json({**ZONE, "used": 1.5}), "in: zone 'PROC': used is '1.5'"),
        (_json({**ZONE, "used": [[]]}), "in: zone 'PROC': used is a structure"),
        (_json({**ZONE, "used": 10**4000}), "in: zone 'PROC': used is a number of many digits"),
        (b"machine,zone\nM1,PROC\n", "in:1: no column 'description'"),
        (HOSTS.read_bytes().replace(b",566849,", b",,"), "in:17: zone 'VM OBJECT': used is ''"),
    ],
)
def test_bad_input(content: bytes, message: str) -> None:
    """Bad input gets one sentence with file, place and expectation."""
    said = _refused(content, "M1" if content.startswith(b"machine,description") else None)

    assert said.startswith(message)
    assert ", expected " in said
    assert "\n" not in said
    assert len(said) < 300


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there, or is a folder, is named."""
    with pytest.raises(InputError, match=r"nothing: cannot be read \(No such file"):
        read_zone_table(tmp_path / "nothing")
    with pytest.raises(InputError, match="cannot be read"):
        read_zone_table(tmp_path)


def test_impossible_zone() -> None:
    """A counter that wrapped is no population; other zones may hold what they like."""
    wrapped = 2**64 - 3
    table = parse_zone_table(f"PROC: 1304, 0, {wrapped}, 1, 1, 0\n".encode(), "in")
    other = parse_zone_table(f"mbuf: 1304, 0, {wrapped}, 1, 1, 0\n".encode(), "in")

    with pytest.raises(InputError, match="64 TB"):
        nofree_zones(table)
    assert [] == nofree_zones(other)


def _survives(content: bytes, label: str | None = None) -> None:
    """Nothing but a table with rows, or an InputError of one line, comes of *content*."""
    try:
        table = parse_zone_table(content, "in", label)
        nofree_zones(table)
    except InputError as error:
        said = str(error)
    else:
        said = "" if table.rows else "\n"
    assert "\n" not in said


@given(st.binary(max_size=400))
def test_any_bytes(content: bytes) -> None:
    """Arbitrary bytes give a table or an InputError, nothing else."""
    _survives(content)


@given(st.text(max_size=400))
def test_any_text(content: str) -> None:
    """Arbitrary text gives a table or an InputError, nothing else."""
    _survives(content.encode(errors="surrogatepass"))


@given(
    st.lists(
        st.from_regex(r"[A-Za-z :]{0,9}:?( *-?[0-9]{1,25},?){0,9}", fullmatch=True), max_size=6
    )
)
def test_nearly_text(lines: list[str]) -> None:
    """Lines that look like rows give a table or an InputError, nothing else."""
    _survives("\n".join(lines).encode())


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["zone", "name", *ZONE, "fail"]), inner, max_size=6)
        ),
        max_leaves=12,
    )
)
def test_nearly_json(zone: object) -> None:
    """Any JSON in the place of the zones gives a table or an InputError, nothing else."""
    _survives(_json(zone))
    _survives(json.dumps({"memory-zone-statistics": {"zone": zone}}).encode())
    _survives(json.dumps({"vmstat": zone}).encode())


@given(st.integers(0, len(HOSTS.read_bytes())), st.binary(max_size=4))
def test_damaged_recording(place: int, inserted: bytes) -> None:
    """A recording cut or damaged anywhere gives a table or an InputError, nothing else."""
    content = HOSTS.read_bytes()
    _survives(content[:place], "M1")
    _survives(content[:place] + inserted + content[place:], "M1")


def test_errors_travel_between_processes() -> None:
    """An InputError comes out of a worker process as it went in."""
    error = InputError("in", "a is b", "c", line=3)

    assert "in:3: a is b, expected c" == str(pickle.loads(pickle.dumps(error)))
