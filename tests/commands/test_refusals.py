"""Bad input gives one sentence that names the place and what was expected, and status 2."""

from pathlib import Path

import pytest
from commands.calls import call, refusal, start

from vmmodel.__main__ import COMMANDS
from vmmodel.nofree import DESIGNS
from vmmodel.workloads.vmstat import HOSTS

Capture = pytest.CaptureFixture[str]

UNKNOWN = [
    (["rnu"], "study: unknown command 'rnu', did you mean run? (see ./study --help)"),
    (["list", "hostz"], "study: scenario: 'hostz' is unknown (did you mean hosts?), expected "),
    (["run", "syzcaller"], "study: scenario: 'syzcaller' is unknown (did you mean syzkaller?)"),
    (
        ["run", "hosts", "--design", "freable"],
        "study: --design: 'freable' is unknown (did you mean freeable?), expected ordinary, ",
    ),
    (
        ["run", "hosts", "--design", "bump"],
        "study: --design: 'bump' is unknown (did you mean bump:",
    ),
    (
        ["run", "hosts", "--design", "freeable,reus=address"],
        "study: --design: 'reus=address' is no choice (did you mean reuse?), expected freeable,",
    ),
    (
        ["run", "hosts", "--design", "freeable,reuse=addres"],
        "study: --design: reuse is 'addres' (did you mean address?), expected lifo, address",
    ),
    (
        ["run", "hosts", "--design", "freeable,import=7"],
        "study: --design: import is '7', expected 0, 4, 6, 8, 9, 10, 12",
    ),
    (
        ["run", "hosts", "--design", "batch,return=chunk"],
        "study: --design: 'batch,return=chunk' cannot be built: with free=none no page comes back,",
    ),
    (
        ["list", "freeable,illegal=panic"],
        "study: --design: 'freeable,illegal=panic' cannot be built: with free=any no free is "
        "illegal, so no outcome of one can be chosen, expected free=none or free=own",
    ),
    (
        ["list", "ordinary,import=9"],
        "study: --design: 'ordinary,import=9' cannot be built: with structure=none there is no",
    ),
    (
        ["list", "freeable,reuse=address,reuse=lifo"],
        "study: --design: 'freeable,reuse=address,reuse=lifo' has reuse twice, expected each axis",
    ),
    (
        ["list", "structure=bitmap"],
        "study: --design: 'structure=bitmap' is a choice, and no design comes before it, expected "
        "a design first, as in freeable,reuse=address,return=chunk",
    ),
    (
        ["list", "freeable,"],
        "study: --design: '' is no choice, expected freeable,reuse=address,return=chunk",
    ),
    (
        ["list", "freable"],
        "study: --design: 'freable' is unknown (did you mean freeable?), expected ordinary, ",
    ),
    (
        ["run", "hosts", "--variant", "m5"],
        "study: --variant: hosts has no variant 'm5' (did you mean M5?), expected M1, M2, ",
    ),
    (
        ["run", "syzkaller", "--variant", "M1"],
        "study: --variant: syzkaller has no variant 'M1', expected none",
    ),
    (
        ["run", "syzkaller", "--set", "memory_m=512"],
        "study: --set: no parameter 'memory_m' (did you mean memory_mb?), expected one of ",
    ),
]


@pytest.mark.parametrize(("words", "sentence"), UNKNOWN)
def test_unknown_name(words: list[str], sentence: str, capsys: Capture, tmp_path: Path) -> None:
    """An unknown name is refused, and the nearest one suggested."""
    out = ["--out", str(tmp_path / "out")] if words[0] == "run" else []

    assert refusal(capsys, *words, *out).startswith(sentence)
    assert [] == list(tmp_path.iterdir())


def test_name_like_nothing(capsys: Capture) -> None:
    """A name that is near to none gets all there are."""
    line = refusal(capsys, "zzzzzz")

    assert all(command in line for command in COMMANDS)
    assert "did you mean" not in line
    assert line.endswith("(see ./study --help)")
    assert "did you mean" not in refusal(capsys, "list", "zzzzzz")


VALUES = [
    (["--set", "cpus"], "study: --set: 'cpus' has no value, expected NAME=VALUE"),
    (["--set", "cpus=many"], "study: --set: cpus is 'many', expected 1 to 64 CPUs"),
    (["--set", "cpus="], "study: --set: cpus is '', expected 1 to 64 CPUs"),
    (["--set", "cpus=2.5"], "study: --set: machine.cpus.value: value is 2.5, expected a whole"),
    (["--set", "cpus=0"], "study: --set: machine.cpus.value: value is 0, expected 1 to 64 CPUs"),
    (["--set", "cpus=65"], "study: --set: machine.cpus.value: value is 65, expected 1 to 64 CPU"),
    (
        ["--set", "cache_share=nan"],
        "study: --set: cache_share is 'nan', expected 0 to 0.9 of memory",
    ),
    (
        ["--set", "cache_share=-0.1"],
        "study: --set: background.cache_share.value: value is -0.1, expected ",
    ),
    (["--seed", "-1"], "study: argument --seed: '-1' is no whole number from 0 to 2**63 - 1"),
    (["--seed", "1.5"], "study: argument --seed: '1.5' is no whole number"),
    (["--seed", "9223372036854775808"], "study: argument --seed: '9223372036854775808' is no "),
    (["--seed", "\u0663"], "study: argument --seed: '\u0663' is no whole number"),
    (["--replications", "0"], "study: argument --replications: '0' is no whole number from 1"),
    (["--workers", "x"], "study: argument --workers: 'x' is no whole number from 1 to 100000"),
    (["--speed", "3"], "study: unrecognized arguments: --speed 3"),
]


@pytest.mark.parametrize(("words", "sentence"), VALUES)
def test_bad_value(words: list[str], sentence: str, capsys: Capture, tmp_path: Path) -> None:
    """A value of the wrong kind or out of range is refused with the range, before anything runs."""
    out = str(tmp_path / "out")

    assert refusal(capsys, "run", "second-resource", *words, "--out", out).startswith(sentence)
    assert [] == list(tmp_path.iterdir())


def test_seed_of_many_digits(capsys: Capture, tmp_path: Path) -> None:
    """A number too long for Python to convert is refused as any other."""
    words = ["run", "hosts", "--seed", "9" * 5000, "--out", str(tmp_path / "out")]

    assert refusal(capsys, *words).startswith("study: argument --seed: ")


def test_missing_argument(capsys: Capture) -> None:
    """What must be given and is not is named."""
    assert "--out" in refusal(capsys, "run", "hosts")
    assert "scenario" in refusal(capsys, "run", "--out", "x")
    assert "FILE" in refusal(capsys, "parity")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, ": cannot be read (No such file or directory), expected a file with a zone table"),
        (b"", ": the file is empty, expected 'vmstat -z' text, "),
        (b"\xff\xfe\x00", ":1: is not plain text, expected UTF-8"),
        (b"hello\n", ":1: no zone table found, expected 'vmstat -z' text, "),
        (b"{", ":1: broken JSON "),
    ],
)
def test_zones_file(content: bytes | None, what: str, capsys: Capture, tmp_path: Path) -> None:
    """A zone table that cannot be used is refused with file, line and what was expected."""
    path = tmp_path / "zones.txt"
    if content is not None:
        path.write_bytes(content)

    line = refusal(capsys, "run", "hosts", "--zones", str(path), "--out", str(tmp_path / "out"))

    assert line.startswith(f"study: {path}{what}")


def test_zones_for_another_scenario(capsys: Capture) -> None:
    """A zone table is for hosts."""
    words = ["run", "syzkaller", "--zones", str(HOSTS), "--out", "x"]

    assert "study: --zones: scenario syzkaller has no zone table, expected scenario hosts" == (
        refusal(capsys, *words)
    )


def test_foreign_out_folder(capsys: Capture, tmp_path: Path) -> None:
    """A folder that holds something else is refused and left as it is."""
    (tmp_path / "thesis.tex").write_text("chapter 1")

    line = refusal(capsys, "run", "second-resource", "--out", str(tmp_path))

    expected = "exists and is no sweep, expected a new folder, or one of a sweep"
    assert f"study: {tmp_path}: {expected}" == line
    assert ["thesis.tex"] == [path.name for path in tmp_path.iterdir()]


def test_out_folder_that_cannot_be_written(capsys: Capture, tmp_path: Path) -> None:
    """A file, a place below one and one where nothing can be made are refused with the reason."""
    (tmp_path / "file").write_text("")
    words = ["run", "second-resource", "--set", "memory_gb=1", "--design", "ordinary"]

    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        line = refusal(capsys, *words, "--out", str(out))
        assert f"study: {tmp_path}/file: is a file, expected a folder, new or of a sweep" == line
    line = refusal(capsys, "answer", "Q4", "--out", str(tmp_path / "file"))
    assert f"study: {tmp_path}/file: is a file, expected a folder, new or of a sweep" == line
    assert "cannot be written (" in refusal(capsys, *words, "--out", "/proc/out")


def test_machine_too_small_for_its_zones(capsys: Capture, tmp_path: Path) -> None:
    """What a run finds out while it draws its script is one sentence, too, and leaves nothing."""
    words = ["run", "hosts", "--variant", "M2", "--set", "memory_gb=1", "--design", "ordinary"]

    status = call(*words, "--out", str(tmp_path / "out"))

    assert 2 == status
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("study: M2: its zones hold ")
    assert not (tmp_path / "out").exists()


def test_no_traceback_in_a_process_of_its_own(tmp_path: Path) -> None:
    """As a user meets it: one line on standard error, nothing on standard output, status 2."""
    refused = start("run", "hosts", "--design", "freable", "--out", str(tmp_path / "out"))

    assert (2, "") == (refused.returncode, refused.stdout)
    sentence = "study: --design: 'freable' is unknown (did you mean freeable?), expected "
    assert sentence + ", ".join(DESIGNS) + "\n" == refused.stderr
