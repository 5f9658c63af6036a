"""Traces: what is written is read again, runs the same, and every mistake is named."""

import gzip
from pathlib import Path

import pytest
from sim.tiny import SMALL, small_script

from vmmodel.consumers.layout import keg_layout
from vmmodel.consumers.memory import NO_INJECTION, Injection
from vmmodel.errors import InputError
from vmmodel.experiment.scenario import SCENARIOS, scenario
from vmmodel.kernel import Pool
from vmmodel.paths import DATA
from vmmodel.sim.run import Machine
from vmmodel.sim.script import Give, ObjectPage, Refill, Release, Squeeze, Take
from vmmodel.workloads import replay, traceread
from vmmodel.workloads.replay import Replay, read_replay
from vmmodel.workloads.traceform import COLUMNS, fails_of, fails_text
from vmmodel.workloads.tracewrite import write_trace

HEAD = f"# vmmodel trace 1 pages=4096 cpus=2 ns=1000 (by hand)\n{COLUMNS}\n"


def read(folder: Path, text: str | bytes) -> Replay:
    """Read a trace with this content."""
    path = folder / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_replay(path)


@pytest.mark.parametrize("name", [name for name in SMALL if name != "misuse"])
@pytest.mark.parametrize("design", ["freeable", "batch"])
def test_replay_gives_what_was_drawn(name: str, design: str, tmp_path: Path) -> None:
    """A script that is written and read again gives the same books, samples and latencies."""
    script = small_script(name)
    write_trace(script, tmp_path / "t.csv", name)

    again = read_replay(tmp_path / "t.csv")
    drawn, replayed = (Machine(each, design).run(5) for each in (script, again.script))

    assert () == again.notes
    assert drawn.run == replayed.run
    assert drawn.samples == replayed.samples
    assert drawn.latencies == replayed.latencies
    assert drawn.events == replayed.events
    assert drawn.run["in_use"] > 0


def test_trace_by_hand(tmp_path: Path) -> None:
    """Each kind of row becomes its action; rows may come in any order and be packed."""
    rows = """\
        900,,release,,,,,
        0,,take,DEFAULT,100,7,,
        0,,zone,VM OBJECT,300,16,,
        10,1,refill,VM OBJECT,30,,,1:second=0;1:init
        20,0,page,,,,,0:second=0
        30,1,take,DIRECT,8,9,2,
        40,0,give,,,9,1,
        50,0,give,,,7,,
        60,0,refill,PROC,8,,,
        70,,squeeze,,12,,,
    """.replace(" " * 8, "").rstrip(" ")
    script = read(tmp_path, gzip.compress((HEAD + rows).encode())).script

    zones = (("VM OBJECT", keg_layout(300, 16)), ("PROC", keg_layout(1304, 8)))
    failing = (NO_INJECTION, Injection(second=0, init=True))
    assert zones == script.zones
    assert (Take(0, 100, Pool.DEFAULT),) == script.boot
    assert (
        ((20, ObjectPage(Injection(second=0))), (50, Give(0)), (60, Refill(1, 8))),
        ((10, Refill(0, 30, failing)), (30, Take(1, 8, Pool.DIRECT, 2)), (40, Give(1, 1))),
    ) == script.cpus
    assert ((70, Squeeze(12)), (900, Release())) == script.pressure
    assert (4096, 1000, 1, False) == (
        script.npages,
        script.horizon_ns,
        script.bucket,
        script.kasan,
    )


def test_ids_may_be_used_again(tmp_path: Path) -> None:
    """A page frame names what it is taken for until it is given; what is unknown is left out."""
    rows = "1,0,give,,,5,,\n2,0,take,DEFAULT,1,5,,\n3,1,give,,,5,,\n4,1,give,,,5,,\n"
    found = read(tmp_path, HEAD + rows + "5,1,take,DEFAULT,1,5,,\n")

    assert ("2 gives are of nothing taken in the trace: left out",) == found.notes
    assert ((2, Take(0, 1, Pool.DEFAULT)), (3, Give(0))) == found.script.cpus[0]
    assert ((5, Take(1, 1, Pool.DEFAULT)),) == found.script.cpus[1]


PAGE = "1,0,page,,,,,\n"
WRONG = [
    ("", "t.csv:1: the first line is ''"),
    ("# vmmodel trace\n", "t.csv:1: the first line is '# vmmodel trace', expected # vmmodel"),
    ("# vmmodel trace 2 pages=1\n", "t.csv:1: the version is '2', expected 1"),
    ("# vmmodel trace 1 cpu=1\n", "'cpu=1' is unknown or twice (did you mean cpus?), expected p"),
    ("# vmmodel trace 1 cpus=1 cpus=1\n", "'cpus=1' is unknown or twice"),
    ("# vmmodel trace 1 cpus=1 ns=1\n", "t.csv:1: pages is 'missing', expected 1024 to 67108864"),
    ("# vmmodel trace 1 pages=4096 cpus=999 ns=1\n", "cpus is '999', expected 1 to 256"),
    ("# vmmodel trace 1 pages=4096 cpus=1 ns=1 kernel=14\n", "kernel is '14', expected 13 or main"),
    (HEAD.replace("fails", "fail") + PAGE, "t.csv:2: the line of columns is 'time_ns,cpu,op,name"),
    (HEAD.splitlines()[0], "t.csv:2: the line of columns is missing"),
    (HEAD, "t.csv: no processor does anything"),
    (HEAD + "1,0,page\n", "t.csv:3: 3 columns, expected time_ns,cpu,op"),
    (HEAD + "\n1,0,pages,,,,,\n", "t.csv:4: op is 'pages' (did you mean page?), expected one of z"),
    (HEAD + "1001,0,page,,,,,\n", "t.csv:3: page: time_ns is '1001', expected a whole number from"),
    (HEAD + "-1,0,page,,,,,\n", "page: time_ns is '-1', expected a whole number from 0 to 1000"),
    (HEAD + "1,2,page,,,,,\n", "page: cpu is '2', expected a whole number from 0 to 1"),
    (HEAD + "1,,page,,,,,\n", "page: cpu is '', expected a whole number from 0 to 1"),
    (HEAD + "1,,take,DEFAULT,1,1,,\n", "take: cpu is '', expected a whole number"),
    (HEAD + "1,0,squeeze,,1,,,\n", "squeeze: cpu is '0', expected nothing"),
    (HEAD + "1,0,page,PROC,,,,\n", "page: name is 'PROC', expected nothing"),
    (HEAD + "1,0,page,,1,,,\n", "page: count is '1', expected nothing"),
    (HEAD + "1,0,refill,,1,,,\n", "refill: name is '', expected the name of a zone"),
    (HEAD + "1,0,refill,PROCS,1,,,\n", "refill: no NOFREE zone 'PROCS' (did you mean PROC?)"),
    (HEAD + "1,0,refill,PROC,99999,,,\n", "count is '99999', expected a whole number from 0 to 65"),
    (HEAD + "1,0,take,DIRECTS,1,1,,\n", "take: name is 'DIRECTS', expected one of DEFAULT, DIRECT"),
    (
        HEAD + "1,0,take,DIRECT,4097,1,,\n",
        "t.csv:3: take: count is 4097, expected at most 4096, the",
    ),
    (
        HEAD + "0,,take,DEFAULT,9999999,1,,\n",
        "t.csv:3: take: count is 9999999, expected at most 40",
    ),
    (HEAD + "1,0,take,DIRECT,1,,,\n", "take: id is '', expected a whole number from 0 to 9223372"),
    (HEAD + "1,0,take,DIRECT,1,1,65,\n", "part is '65', expected a whole number from 0 to 64"),
    (HEAD + "1,0,take,DIRECT,1,1,,0:init\n", "fails is '0:init', expected a whole number from 0"),
    (HEAD + "1,0,page,,,,,1:init\n", "fails is '1:init', expected a whole number from 0 to 0"),
    (HEAD + "1,0,page,,,,,0:inits\n", "fails is '0:inits', expected SLAB:page=N, SLAB:second=N or"),
    (HEAD + "1,0,page,,,,,0:page=1\n", "t.csv:3: page: page 1 fails, of a slab of 1 pages, expec"),
    (HEAD + "1,0,refill,pbuf,2,,,0:second=2\n", "refill: page 2 fails, of a slab of 2 pages, exp"),
    (HEAD + "0,,zone,X,0,8,,\n", "zone: 0 bytes aligned to 8, expected count: bytes of an item"),
    (HEAD + "0,,zone,X,10,6,,\n", "zone: 10 bytes aligned to 6"),
    (HEAD + "0,,zone,X,10,8,,\n" * 2, "t.csv:4: zone: 'X' is there already, expected each zone"),
    (
        HEAD + "".join(f"0,,zone,X{i},10,8,,\n" for i in range(41)),
        "t.csv:43: zone: too many zones, expected at most 40",
    ),
    (
        HEAD + "1,0,take,DIRECT,1,1,,\n" * 2,
        "t.csv:4: take: id 1 is taken again, but was not given, expected no event is missing",
    ),
    (HEAD + "1,0,page,\x1b[31m,,,,\n", r"name is '\x1b[31m', expected nothing"),
    (b"\xff", "t.csv:1: is not plain text"),
    (b"\x1f\x8b\xff", "t.csv: cannot be read"),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_mistake_is_named(tmp_path: Path, text: str | bytes, expected: str) -> None:
    """A mistake is told in one line: file, line, what was found, what would do."""
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)

    assert expected in str(caught.value)
    assert str(caught.value).isprintable()


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trace is bounded in bytes, also unpacked, in rows, and in what a row can blow up."""
    monkeypatch.setattr(traceread, "MOST_BYTES", 1000)
    monkeypatch.setattr(traceread, "MOST_ROWS", 10)
    monkeypatch.setattr(replay, "MOST_PLACES", 100)

    for content, expected in (
        (gzip.compress((HEAD + PAGE + "\n" * 2000).encode()), "too large, expected at most 0 MB"),
        (HEAD + PAGE * 20, "too many rows, expected at most 10"),
        (HEAD + "1,0,take,DIRECT,64,1,64,\n2,0,take,DIRECT,64,2,64,\n", "t.csv:4: take: parts and"),
        (HEAD + "1,0,refill,PROC,800,,,799:init\n", "t.csv:3: refill: parts and slabs that fail"),
    ):
        with pytest.raises(InputError, match=expected):
            read(tmp_path, content)


def test_missing_trace(tmp_path: Path) -> None:
    """A file that is not there, or is a folder, is named."""
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            read_replay(path)


def test_failures_are_worded_and_read() -> None:
    """What fails survives being written, whatever the combination."""
    for fails in (
        (),
        (Injection(page=3),),
        (NO_INJECTION, Injection(second=1, init=True), NO_INJECTION, Injection(page=0, second=2)),
    ):
        assert fails == fails_of(fails_text(fails), 8)


def test_bugs_are_no_events(tmp_path: Path) -> None:
    """A script with callers that free wrongly is refused, and nothing is left behind."""
    with pytest.raises(InputError, match="misuse has callers that free wrongly"):
        write_trace(small_script("misuse"), tmp_path / "t.csv", "misuse")

    assert [] == list(tmp_path.iterdir())


def test_example_is_what_is_told(tmp_path: Path) -> None:
    """The example that comes along is the script that data/README.md names."""
    told = "memory_mb=256 seconds=1 refills=120 episodes=2 episode_ms=50 cache_share=0.4"
    told += " anonymous_bursts=40 kernel_bursts=40 storms=20 page_failure=0.02"
    values = dict(word.split("=") for word in told.split())
    script = scenario("syzkaller", values=values).script(1, "", 0)

    write_trace(script, tmp_path / "t.csv", "syzkaller")

    example = DATA / "workloads" / "traces" / "example.csv"
    assert example.read_bytes() == (tmp_path / "t.csv").read_bytes()
    assert SCENARIOS["replay"].script(1, "", 0).digest == read_replay(example).script.digest


OWN = (DATA / "workloads" / "replay.toml").read_text().replace("traces/example.csv", "my.csv")


def test_own_file_names_its_own_trace(tmp_path: Path) -> None:
    """A user's workload file names a trace beside it; another trace is another scenario."""
    (tmp_path / "mine.toml").write_text(OWN)
    found = []
    for rows in (PAGE, PAGE + "2,0,give,,,1,,\n", PAGE * 2):
        (tmp_path / "my.csv").write_text(HEAD + rows)
        found.append(scenario(str(tmp_path / "mine.toml")))

    assert [(), ("1 give is of nothing taken in the trace: left out",), ()] == [
        each.notes for each in found
    ]
    assert found[0].source == found[1].source != found[2].source
    assert found[0].script(1, "", 0) == found[0].script(2, "", 5)


@pytest.mark.parametrize("name", ["../my.csv", "/etc/passwd", "link"])
def test_trace_that_leaves_the_folder(tmp_path: Path, name: str) -> None:
    """A trace that lies elsewhere is not opened, by whatever name."""
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "my.csv").write_text(HEAD + PAGE)
    (inside / "link").symlink_to(tmp_path / "my.csv")
    (inside / "mine.toml").write_text(OWN.replace("my.csv", name))

    with pytest.raises(InputError, match="expected a file in the folder of the workload file"):
        scenario(str(inside / "mine.toml"))


def test_trace_is_for_replay_only(tmp_path: Path) -> None:
    """Only a replay takes a trace."""
    with pytest.raises(InputError, match="--trace: scenario hosts replays no trace"):
        scenario("hosts", trace=tmp_path / "t.csv")
