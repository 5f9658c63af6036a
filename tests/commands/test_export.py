"""Tables as CSV: every row, every unit, and nothing half written."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from commands.calls import call, refusal

from tests.report.synthetic import STORIES, write_sweep
from vmmodel.experiment.schema import TABLES
from vmmodel.experiment.store import add_table

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """A made-up sweep."""
    return write_sweep(tmp_path / "sweep", 2, 5, STORIES[2:3])


def test_every_row_is_there(sweep: Path, tmp_path: Path, capsys: Capture) -> None:
    """The CSV has the rows of the Parquet, in their order, with a table of units beside it."""
    out = tmp_path / "csv"

    assert 0 == call("export", str(sweep), "--csv", str(out))

    assert f"{out}\n" == capsys.readouterr().out
    names = {"meta.json", "columns.csv", *(f"{name}.csv" for name in TABLES)}
    assert names == {path.name for path in out.iterdir()}
    for name in TABLES:
        read = pd.read_csv(out / f"{name}.csv", keep_default_na=False)
        whole = pq.read_table(sweep / f"{name}.parquet").to_pandas()
        pd.testing.assert_frame_equal(whole, read, check_dtype=False)
    columns = pd.read_csv(out / "columns.csv", keep_default_na=False)
    assert "pages" == columns[columns.column == "idle"].unit.iloc[0]
    assert sum(len(schema) for schema in TABLES.values()) == len(columns)
    assert 0 == call("export", str(sweep), "--csv", str(out))


def test_precision_that_was_reached_is_there(sweep: Path, tmp_path: Path, capsys: Capture) -> None:
    """What `./study run --precision` adds is exported too; broken, it is named."""
    reached = pd.DataFrame({"metric": ["gone"], "reached": [True]})
    add_table(sweep, "precision", reached)
    assert 0 == call("export", str(sweep), "--csv", str(tmp_path / "csv"))

    pd.testing.assert_frame_equal(reached, pd.read_csv(tmp_path / "csv" / "precision.csv"))

    (sweep / "precision.parquet").write_bytes(b"PAR1")
    line = refusal(capsys, "export", str(sweep), "--csv", str(tmp_path / "more"))
    assert "precision.parquet: not readable (" in line
    assert not (tmp_path / "more").exists()


def test_foreign_folder_is_left_alone(sweep: Path, tmp_path: Path, capsys: Capture) -> None:
    """A folder with anything else is refused, and so is that of the sweep itself."""
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").touch()

    line = refusal(capsys, "export", str(sweep), "--csv", str(tmp_path / "thesis"))
    assert line.endswith("exists and is no sweep, expected a new folder, or one of a sweep")
    line = refusal(capsys, "export", str(sweep), "--csv", str(sweep))
    assert line.endswith("holds the sweep itself, expected another folder")


def test_damage_in_the_middle_leaves_nothing(sweep: Path, tmp_path: Path, capsys: Capture) -> None:
    """A table that cannot be read to its end gives one line and no folder."""
    path = sweep / "latencies.parquet"
    whole = path.read_bytes()
    path.write_bytes(b"PAR1" + b"\xff" * 400 + whole[404:])

    line = refusal(capsys, "export", str(sweep), "--csv", str(tmp_path / "csv"))

    assert "latencies.parquet: not readable as Parquet" in line
    assert ["sweep"] == [entry.name for entry in tmp_path.iterdir()]
