"""./study metrics: every number with its denominator, machine by machine; clear refusals."""

import csv
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands.calls import call, refusal

from tests.report.synthetic import STORIES, write_sweep
from vmmodel.analysis.metrics.registry import METRICS
from vmmodel.experiment.store import write_sums

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two made-up machines under all designs."""
    folder = tmp_path_factory.mktemp("made") / "sweep"
    return write_sweep(folder, 6, 8, (STORIES[2], STORIES[4]), panics=False)


def cells(line: str) -> list[str]:
    """The cells of a table's row."""
    return [cell.strip() for cell in line.split("│")[1:-1]]


def test_every_metric_of_every_machine(sweep: Path, capsys: Capture) -> None:
    """Each machine has its table, and each table all metrics in the order of their numbers."""
    assert 0 == call("metrics", str(sweep), "--design", "freeable")

    text = capsys.readouterr().out
    assert 0 == text.index("hosts M5") < text.index("\nsecond-resource")
    labels = [cells(line)[0] for line in text.splitlines() if line.startswith("│")]
    assert 2 * [metric.label for metric in METRICS] == [label for label in labels if label]


def test_a_line_has_value_interval_and_denominator(sweep: Path, capsys: Capture) -> None:
    """Six runs give an interval that covers 96.9 %; what the number is a part of stands beside."""
    call("metrics", str(sweep), "--design", "freeable", "--design", "batch")

    lines = [cells(line) for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    first = next(line for line in lines if line[0] == "12")
    assert ["12", "live share of chunks", "share", "pages of chunks"] == first[:4]
    assert "96.9 %" == first[7]
    assert "6/6" == first[8]
    low, high = (float(word) for word in first[6].split(" to "))
    assert low <= float(first[5]) <= high


def test_designs_that_agree_share_a_line(sweep: Path, capsys: Capture) -> None:
    """The made-up separate copies freeable; nothing says so twice."""
    call("metrics", str(sweep), "--design", "separate", "--design", "freeable")

    lines = [cells(line) for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    designs = {line[4] for line in lines if line[0] == "9a"}
    assert {"all designs"} == designs


def test_rows_as_csv(sweep: Path, tmp_path: Path, capsys: Capture) -> None:
    """The file has each metric, design and machine with formula and how to read it."""
    path = tmp_path / "metrics.csv"

    assert 0 == call("metrics", str(sweep), "--design", "batch", "--csv", str(path))

    assert str(path) == capsys.readouterr().out.splitlines()[-1]
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert 2 * len(METRICS) == len(rows)
    assert {"batch"} == {row["design"] for row in rows}
    assert all(row["formula"] and row["read_as"] and row["denominator"] for row in rows)
    assert [path] == list(tmp_path.iterdir())


def test_refusals(sweep: Path, tmp_path: Path, capsys: Capture) -> None:
    """An unknown design, a place that is none, a folder without tables: one sentence each."""
    line = refusal(capsys, "metrics", str(sweep), "--design", "freable")
    assert "has no design 'freable' (did you mean freeable?), expected one of ordinary," in line
    line = refusal(capsys, "metrics", str(sweep), "--csv", str(tmp_path))
    assert line.endswith("is a folder, expected the name of a file")
    line = refusal(capsys, "metrics", str(sweep), "--csv", str(tmp_path / "a" / "b.csv"))
    assert line.endswith("its folder does not exist, expected a folder that does")
    line = refusal(capsys, "metrics", str(sweep), "--csv", str(sweep / "b.csv"))
    assert line.endswith("would lie among the tables of the sweep, expected another folder")
    line = refusal(capsys, "metrics", str(sweep), "--csv", "/proc/x")
    assert line.startswith(
        "study: /proc/x: cannot be written (No such file or directory), expected"
    )
    assert "no such folder" in refusal(capsys, "metrics", str(tmp_path / "none"))


def test_csv_with_a_name_too_long(sweep: Path, tmp_path: Path, capsys: Capture) -> None:
    """What only the system knows is told of the file that was asked for, and leaves nothing."""
    path = tmp_path / ("x" * 254)

    assert 2 == call("metrics", str(sweep), "--csv", str(path))

    assert f"study: {path}: cannot be written (File name too long)" in capsys.readouterr().err
    assert [] == list(tmp_path.iterdir())


def test_nothing_but_panics(tmp_path: Path, capsys: Capture) -> None:
    """A machine on which every run panicked has a sentence in the place of a table of dashes."""
    folder = write_sweep(tmp_path / "sweep", 6, 5, (STORIES[4],))
    runs = pd.read_parquet(folder / "runs.parquet")
    schema = pq.read_schema(folder / "runs.parquet")
    panicked = pa.Table.from_pandas(runs.assign(outcome="panic"), schema, preserve_index=False)
    pq.write_table(panicked, folder / "runs.parquet")
    write_sums(folder)

    assert 0 == call("metrics", str(folder), "--design", "freeable", "--design", "batch")

    told = "second-resource: every run panicked (12 of 12), so there is nothing to sum up.\n"
    assert told == capsys.readouterr().out
