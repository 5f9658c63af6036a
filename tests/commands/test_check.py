"""The checks: what they write, what they print, and what they refuse."""

import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from commands.calls import call, refusal

from vmmodel.checks.llfree_frag import REGIONS, ROUNDS

Capture = pytest.CaptureFixture[str]
FRAG = ["check", "llfree-frag", "--memory-gb", "0.0625"]


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_llfree_frag(capsys: Capture, tmp_path: Path) -> None:
    """Tables with units, a report, a figure; a summary on standard output, progress apart."""
    out = tmp_path / "out"

    assert 0 == call(*FRAG, "--seed", "3", "--out", str(out))

    captured = capsys.readouterr()
    assert captured.out.splitlines()[-1] == str(out)
    assert "free_4k_frames" in captured.out
    assert "round 100 of 100" in captured.err
    names = {"rounds.parquet", "regions.parquet", "llfree-frag.csv", "llfree-frag.svg", "meta.json"}
    assert names == {path.name for path in out.iterdir()}
    for name, schema in (("rounds", ROUNDS), ("regions", REGIONS)):
        table = pq.read_table(out / f"{name}.parquet")
        assert schema.names == table.schema.names
        assert all(b"unit" in field.metadata for field in table.schema)
    report = pd.read_csv(out / "llfree-frag.csv")
    assert list(range(101)) == report["round"].tolist()
    assert [32] * 101 == report.filter(like="regions_free_").sum(axis=1).tolist()
    assert (
        "--memory-gb=0.0625 --seed=3 --out DIR"
        in json.loads((out / "meta.json").read_text())["command"]
    )


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    """All files are the same twice; the way without page caches gives others."""
    for name, words in (("a", []), ("b", []), ("c", ["--no-pgcache"]), ("d", ["--drain"])):
        assert 0 == call(*FRAG, *words, "--out", str(tmp_path / name))
    a, b, c, d = (bytes_of(tmp_path / name) for name in "abcd")

    assert a == b
    assert all(a["rounds.parquet"] != other["rounds.parquet"] for other in (c, d))


def test_lock_bulk(capsys: Capture, tmp_path: Path) -> None:
    """The stored lock is found again, and so many CPUs as are asked for are predicted."""
    out = tmp_path / "out"

    assert 0 == call("check", "lock-bulk", "--set", "most=10", "--out", str(out))

    assert "lock.toml is this fit" in capsys.readouterr().out
    names = {"lock-bulk.csv", "lock-bulk.svg", "lock.toml", "meta.json"}
    assert names == {path.name for path in out.iterdir()}
    table = pd.read_csv(out / "lock-bulk.csv")
    assert [1, 10, 20] == [table.cores.min(), table.cores.max(), len(table)]


REFUSED = [
    (["check"], "the following arguments are required: CHECK"),
    (["check", "lock-bulks", "--out", "x"], "invalid choice: 'lock-bulks'"),
    (["check", "lock-bulk"], "the following arguments are required: --out"),
    ([*FRAG[:3], "0", "--out", "x"], "value is 0, expected 0.0625 to 128 GB"),
    ([*FRAG[:3], "129", "--out", "x"], "value is 129, expected 0.0625 to 128 GB"),
    ([*FRAG[:3], "0.1", "--out", "x"], "value is 0.1, expected a size in GB in steps of 2 MB"),
    ([*FRAG[:3], "nan", "--out", "x"], "memory_gb is 'nan', expected 0.0625 to 128 GB"),
    ([*FRAG[:3], "big", "--out", "x"], "memory_gb is 'big', expected 0.0625 to 128 GB"),
    ([*FRAG, "--set", "round=3", "--out", "x"], "(did you mean rounds?)"),
    (["check", "lock-bulk", "--set", "most=8", "--out", "x"], "value is 8, expected 9 to 128 CPUs"),
    ([*FRAG, "--seed", "-1", "--out", "x"], "'-1' is no whole number from 0"),
]


@pytest.mark.parametrize(("words", "sentence"), REFUSED)
def test_bad_arguments(words: list[str], sentence: str, capsys: Capture) -> None:
    """They are refused in one sentence before anything runs."""
    assert sentence in refusal(capsys, *words)


def test_a_folder_of_something_else_stays(capsys: Capture, tmp_path: Path) -> None:
    """Nothing is written over what is no outcome of ours."""
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear").touch()

    line = refusal(capsys, "check", "lock-bulk", "--out", str(tmp_path / "letters"))

    assert "exists and is no sweep" in line
    assert ["dear"] == [path.name for path in (tmp_path / "letters").iterdir()]
