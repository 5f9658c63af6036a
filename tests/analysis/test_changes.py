"""./study diff tells what changed from what is noise; here it is known which is which."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands.calls import call

from tests.report.synthetic import STORIES, write_sweep
from vmmodel.analysis.changes import compare
from vmmodel.analysis.tables import load

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up sweep of one story, ten replications."""
    return write_sweep(tmp_path_factory.mktemp("sweep"), 10, 5, STORIES[1:2], panics=False)


def changed(made: Path, folder: Path, column: str, values: object, design: str) -> Path:
    """Copy a sweep with a column of one design changed; *values* are added."""
    shutil.copytree(made, folder)
    path = folder / "runs.parquet"
    table = pq.read_table(path)
    frame = table.to_pandas()
    rows = frame.design == design
    frame.loc[rows, column] = frame.loc[rows, column] + values
    pq.write_table(pa.Table.from_pandas(frame, table.schema, preserve_index=False), path)
    return folder


def verdicts(before: Path, after: Path, design: str) -> dict[str, str]:
    """Metric to verdict for one design."""
    changes = compare(load(before), load(after))
    rows = changes[changes.design == design]
    return dict(zip(rows.metric, rows.verdict, strict=True))


def test_equal_sweeps(made: Path, capsys: Capture) -> None:
    """A sweep and itself are equal in every pair, and that is said, not estimated."""
    assert {"equal"} == set(compare(load(made), load(made)).verdict)
    assert 0 == call("diff", str(made), str(made))
    assert capsys.readouterr().out.startswith("equal: 42\n")


def test_shift_without_spread(made: Path, tmp_path: Path, capsys: Capture) -> None:
    """Ten pages more in every pair are a certain change of ten pages, and nothing else is one."""
    after = changed(made, tmp_path / "after", "pinned_regions", 10, "batch")

    changes = compare(load(made), load(after))

    (row,) = changes[changes.verdict != "equal"].itertuples()
    assert ("batch", "pinned_regions", "changed", "10 pairs") == (
        row.design,
        row.metric,
        row.verdict,
        row.runs,
    )
    assert (10, 10, 10) == (row.difference, row.low, row.high)
    assert 1 == call("diff", str(made), str(after))
    out = capsys.readouterr().out
    assert "equal: 41, changed: 1\n" in out
    assert "batch" in out


def test_interval_is_that_of_scipy(made: Path, tmp_path: Path) -> None:
    """The interval of paired differences is Student's, as known from a textbook: 2.262 s/sqrt n."""
    apart = np.array([1, 3, 2, 4, 3, 2, 5, 1, 2, 3])
    after = changed(made, tmp_path / "after", "pinned_regions", apart, "freeable")

    changes = compare(load(made), load(after))

    (row,) = changes[changes.verdict != "equal"].itertuples()
    half = 2.262157 * apart.std(ddof=1) / np.sqrt(10)
    assert "changed" == row.verdict
    assert (row.difference, row.low, row.high) == pytest.approx((2.6, 2.6 - half, 2.6 + half), 1e-6)


def test_noise_is_no_change(made: Path, tmp_path: Path) -> None:
    """Differences that point both ways are within noise."""
    apart = np.array([1, -1, 2, -2, 1, -1, 0, 0, 1, -2])
    after = changed(made, tmp_path / "after", "pinned_regions", apart, "freeable")

    assert "within noise" == verdicts(made, after, "freeable")["pinned_regions"]


def test_other_seed_has_no_pairs(made: Path, tmp_path: Path) -> None:
    """Runs of other draws are compared as two groups; constant groups that agree are noise."""
    shutil.copytree(made, tmp_path / "after")
    path = tmp_path / "after" / "runs.parquet"
    table = pq.read_table(path)
    at = table.schema.get_field_index("seed")
    seeds = pa.array([2] * table.num_rows, pa.int64())
    pq.write_table(table.set_column(at, table.field(at), seeds), path)

    changes = compare(load(made), load(tmp_path / "after"))

    assert {"10, 10"} == set(changes.runs)
    assert {"within noise"} == set(changes.verdict)
    pinned = changes[(changes.metric == "pinned_regions") & (changes.design == "batch")]
    assert 0 == pinned.difference.item()
    assert pinned.low.item() < 0 < pinned.high.item()


def test_one_pair_tells_nothing(tmp_path: Path) -> None:
    """From one replication no change can be told from noise, unless there is none."""
    one = write_sweep(tmp_path / "one", 1, 5, STORIES[1:2], panics=False)
    after = changed(one, tmp_path / "after", "pinned_regions", 1, "batch")

    assert "too few runs" == verdicts(one, after, "batch")["pinned_regions"]
    assert {"equal"} == set(verdicts(one, after, "freeable").values())


def test_design_that_only_one_has(made: Path, tmp_path: Path) -> None:
    """What only one sweep has is said, and is a difference."""
    fewer = write_sweep(tmp_path / "x", 10, 5, STORIES[1:2], designs=("freeable",), panics=False)

    assert {"only before"} == set(verdicts(made, fewer, "batch").values())
    assert {"only after"} == set(verdicts(fewer, made, "batch").values())
    assert 1 == call("diff", str(made), str(fewer))


def test_panics_are_compared(made: Path, tmp_path: Path) -> None:
    """Runs that panic leave the other metrics and are counted on their own."""
    shutil.copytree(made, tmp_path / "after")
    path = tmp_path / "after" / "runs.parquet"
    table = pq.read_table(path)
    frame = table.to_pandas()
    frame.loc[frame.design == "bump:panic", "outcome"] = "panic"
    pq.write_table(pa.Table.from_pandas(frame, table.schema, preserve_index=False), path)

    found = verdicts(made, tmp_path / "after", "bump:panic")

    assert "changed" == found.pop("panicked")
    assert {"only before"} == set(found.values())
