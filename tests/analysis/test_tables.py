"""A sweep folder is refused with one sentence that names file and place."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.report.synthetic import STORIES, write_sweep
from vmmodel.analysis import summary, tables
from vmmodel.analysis.description import TableError
from vmmodel.analysis.tables import Case
from vmmodel.experiment import schema
from vmmodel.experiment.schema import TABLES


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small made-up sweep."""
    return write_sweep(
        tmp_path_factory.mktemp("sweep"), 7, samples=5, stories=STORIES[1:2] + STORIES[3:]
    )


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may spoil."""
    return Path(shutil.copytree(made, tmp_path / "sweep"))


def refused(folder: Path) -> str:
    """The sentence with which *folder* is refused."""
    with pytest.raises(TableError) as caught:
        tables.load(folder)
    return str(caught.value)


def test_designs_and_scenarios_keep_the_order_of_the_report(made: Path) -> None:
    """The order is the report's, not the alphabet's."""
    study = tables.load(made)

    assert [name for name in tables.DESIGN_ORDER if name in study.designs] == study.designs
    assert [Case("hosts", "M3"), Case("syzkaller"), Case("second-resource")] == study.cases


def test_the_map_is_read_one_case_at_a_time(made: Path) -> None:
    """Asking for one machine gives only its rows."""
    regions = tables.load(made).regions(Case("syzkaller"))

    assert {"syzkaller"} == set(regions.scenario)
    assert 1024 == regions.region.max() + 1


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """No folder: the sentence says what was expected there."""
    assert "no such folder" in refused(tmp_path / "absent")


@pytest.mark.parametrize("name", TABLES)
def test_a_damaged_or_missing_table_says_what_to_do(folder: Path, name: str) -> None:
    """Whichever table it is, the sentence ends with the command that makes it again."""
    path = folder / f"{name}.parquet"
    path.write_bytes(b"PAR1 cut off")
    damaged = refused(folder)
    path.unlink()

    assert damaged.startswith(f"{path}: not readable as Parquet")
    assert damaged.endswith("; the command that made it runs it again with --again")
    assert refused(folder).endswith("; the command that made it runs it again with --again")


def test_a_table_that_breaks_off_inside_says_what_to_do(folder: Path) -> None:
    """Damage behind a whole footer is met only when the table is read."""
    path = folder / "samples.parquet"
    whole = path.read_bytes()
    path.write_bytes(b"PAR1" + b"\xff" * 400 + whole[404:])

    with pytest.raises(TableError, match=r"; the command that made it runs it again with --again$"):
        _ = tables.load(folder).samples


def test_a_missing_table_is_named(folder: Path) -> None:
    """Without events.parquet the sentence names it."""
    (folder / "events.parquet").unlink()

    assert "events.parquet: missing" in refused(folder)


def test_a_cut_table_is_named(folder: Path) -> None:
    """Half a Parquet file is not read."""
    path = folder / "runs.parquet"
    path.write_bytes(path.read_bytes()[:200])

    assert "runs.parquet: not readable as Parquet" in refused(folder)


def test_a_missing_column_is_named(folder: Path) -> None:
    """A table without one column names the column."""
    path = folder / "samples.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["n9"]), path)

    assert "samples.parquet: column 'n9' is missing" in refused(folder)


def test_a_column_of_another_type_is_named(folder: Path) -> None:
    """A column of the wrong type names found and expected type."""
    path = folder / "runs.parquet"
    table = pq.read_table(path)
    at = table.schema.get_field_index("seed")
    pq.write_table(table.set_column(at, "seed", table["seed"].cast("double")), path)

    assert "column 'seed' is double, expected int64" in refused(folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "meta.json: not readable as JSON"),
        ("[]", "meta.json: expected a JSON object"),
        ("{}", "meta.json: key 'schema' is missing"),
    ],
)
def test_a_damaged_description_is_named(folder: Path, text: str, said: str) -> None:
    """Each kind of damage of meta.json has its sentence."""
    (folder / "meta.json").write_text(text)

    assert said in refused(folder)


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (99, "schema version 99 is newer than this program's 3; read it with the vmmodel that"),
        (0, "schema version '0', expected 1 to 3"),
        (True, "'schema' is 'True', expected input should be a valid integer"),
        ("2", "'schema' is '2', expected input should be a valid integer"),
        (None, "'schema' is 'None', expected input should be a valid integer"),
    ],
)
def test_another_schema_version_is_refused(folder: Path, version: object, said: str) -> None:
    """Tables of a version that this program does not know are refused, with what to do."""
    path = folder / "meta.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": version}))

    assert said in refused(folder)


def as_version_1(folder: Path) -> None:
    """Make a sweep of the first version: without the columns that came later."""
    for name in TABLES:
        path = folder / f"{name}.parquet"
        later = [field.name for field in schema.lacks(name, 1)]
        pq.write_table(pq.read_table(path).drop_columns(later), path)
    path = folder / "meta.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 1}))


def test_an_older_version_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns that an older table lacks are filled with what was true then."""
    for name in TABLES:
        path = folder / f"{name}.parquet"
        table, fields = pq.read_table(path), TABLES[name]
        for field in schema.lacks(name, 1):
            default = field.metadata.get(
                b"default", b"0"
            )  # some have none: nothing stands for them
            place = fields.get_field_index(field.name)
            filled = field.with_metadata({**field.metadata, "default": default})
            fields = fields.set(place, filled)
            value = pa.scalar(default.decode()).cast(field.type)
            table = table.set_column(place, field.name, pa.repeat(value, table.num_rows))
        monkeypatch.setitem(TABLES, name, fields)
        pq.write_table(table, path)
    whole = tables.load(folder)
    before = whole.runs, whole.samples, whole.regions(whole.cases[0])
    as_version_1(folder)

    study = tables.load(folder)

    after = study.runs, study.samples, study.regions(study.cases[0])
    for expected, actual in zip(before, after, strict=True):
        pd.testing.assert_frame_equal(expected, actual)
    assert {""} == set(study.runs.setting)


def test_an_older_version_that_cannot_be_filled_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing can stand for a column that is missing, the reader is told to run it again."""
    path = folder / "meta.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 1}))

    said = refused(folder)

    assert "schema version 1 has no 'imported' in table runs, and nothing can stand for it" in said
    assert said.endswith("; the command that made it runs it again with --again")


def test_a_setting_is_a_case_of_its_own(folder: Path) -> None:
    """What a sweep varies keeps runs apart that are equal in all else."""
    for name in TABLES:
        path = folder / f"{name}.parquet"
        table = pq.read_table(path)
        other = table.set_column(2, table.field(2), pa.array(["cpus=4"] * table.num_rows))
        pq.write_table(pa.concat_tables([table, other]), path)

    study = tables.load(folder)

    labels = [case.label for case in study.cases]
    assert ["hosts M3", "hosts M3 cpus=4"] == labels[:2]
    assert len(study.runs) == 2 * sum(len(study.select(study.runs, c)) for c in study.cases[::2])
    assert len(summary.per_run(study)) == len(study.runs)


def test_panicked_runs_are_in_no_median(made: Path) -> None:
    """Medians rest on completed runs; the others are counted with an exact interval."""
    study = tables.load(made)
    case = Case("syzkaller")
    runs = study.runs[(study.runs.scenario == "syzkaller") & (study.runs.design == "bump:panic")]
    panicked = int((runs.outcome == "panic").sum())

    assert 0 < panicked < 7
    assert 7 - panicked == summary.median_of(study, case, "bump:panic", "leaked").n
    assert panicked / 7 == summary.panics(study, case, "bump:panic").estimate


def test_equal_designs_are_seen_to_be_equal(made: Path) -> None:
    """The made-up separate copies freeable; the made-up bump:leak does not."""
    study = tables.load(made)

    assert summary.same_pages(study, "separate", "freeable").all()
    assert not summary.same_pages(study, "bump:leak", "freeable").all()


def test_the_summary_has_a_row_for_every_case_design_and_metric(made: Path) -> None:
    """Three cases, seven designs, and each of the metrics."""
    assert 3 * 7 * len(summary.METRICS) == len(summary.table(tables.load(made)))
