"""Does a sweep folder hold together: checksums, schema, and conservation in every row?

Each check looks at whole tables and names the first row that breaks it, and how many do.  What
must hold is what the model asserts while it runs; here it is asked of the files, which may have
been damaged or written by somebody else.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from vmmodel.analysis import metrics
from vmmodel.analysis.description import TableError
from vmmodel.analysis.tables import Study, load
from vmmodel.experiment.schema import KEY, TABLES, lacks

SUMS = "SHA256SUMS"

MAY_BE_NEGATIVE = {"v_nofree_count", "cpu"}
"""The kernel's counter drifts; processor -1 is memory pressure."""

AT_MOST = {
    "runs": [
        ("lock_contended", "lock_holds"),
        ("refused_imports", "failed_imports"),
        ("steals_small", "steals"),
        ("steals_unmovable", "steals"),
        ("steals_mixing", "steals_small"),
        ("list_most_passed", "list_passed"),
        ("leak_maxima", "leak_samples"),
    ],
    "samples": [
        ("mixed_nofree_regions", "nofree_regions"),
        ("mixed_kernel_regions", "kernel_regions"),
        ("mixed_user_regions", "user_regions"),
        ("pinned_regions", "unmovable_regions"),
        ("free_regions", "compacted_regions_user"),
        ("compacted_regions_user", "compacted_regions"),
    ],
}
"""Pairs of columns of which the first is never more than the second."""

BOOKS = ["in_use", "idle", "leaked", "escaped", "fallback"]


def verify(folder: Path) -> list[str]:
    """List what is wrong with a sweep, one sentence each; nothing when it is sound."""
    try:
        study = load(folder)
        return [*_sums(folder), *_versions(study), *_rows(study)]
    except TableError as error:
        return [str(error)]


def _sums(folder: Path) -> Iterator[str]:
    """Compare the checksums of all files that are listed, and look for others."""
    path = folder / SUMS
    if not path.is_file():
        yield f"{path}: missing, so damage to other files is not noticed"
        return
    listed = {"meta.json", *(f"{name}.parquet" for name in TABLES)}
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
        found = re.fullmatch(r"([0-9a-f]{64})  ([A-Za-z0-9_-][A-Za-z0-9_.-]*)", line)
        if not found or not (folder / found[2]).is_file():
            yield f"{path}:{number}: no checksum of a file of this folder"
        elif _sum(folder / found[2]) != found[1]:
            yield f"{folder / found[2]}: its checksum does not match"
        if found:
            listed.discard(found[2])
    for name in sorted(listed):
        yield f"{path}: {name} is not listed"


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _versions(study: Study) -> Iterator[str]:
    """Ask every file for its table and version; the first version wrote neither."""
    version = study.meta["schema"]
    for name in TABLES:
        path = study.folder / f"{name}.parquet"
        about = pq.read_schema(path).metadata or {}
        expected = (name.encode(), str(version).encode())
        found = (about.get(b"table"), about.get(b"schema_version"))
        if version > 1 and found != expected:
            yield f"{path}: is not table {name} of schema version {version}"


def _rows(study: Study) -> Iterator[str]:
    """Check every row of every table."""
    runs = study.runs
    yield from _found(study, "runs", runs, runs.duplicated([*KEY]), "stands in it twice")
    frames = {
        "runs": runs,
        "samples": study.samples,
        "latencies": study.latencies,
        "events": study.events,
    }
    for name, frame in frames.items():
        yield from _signs(study, name, frame)
        yield from _at_most(study, name, frame)
        yield from _found(study, name, frame, ~_known(frame, runs), "belongs to no run")
    yield from _runs(study)
    yield from _samples(study)
    low, high, count = (study.latencies[name] for name in ("low_ns", "high_ns", "count"))
    empty = (low >= high) | (count < 1)
    yield from _found(study, "latencies", study.latencies, empty, "is an empty bucket")
    for case in study.cases:
        yield from _regions(study, study.regions(case))


def _signs(study: Study, name: str, frame: pd.DataFrame) -> Iterator[str]:
    older = [field.name for field in lacks(name, study.meta["schema"])]
    numbers = frame.select_dtypes("number").columns.difference([*MAY_BE_NEGATIVE, *older])
    yield from _found(study, name, frame, (frame[numbers] < 0).any(axis=1), "has a number below 0")


def _at_most(study: Study, name: str, frame: pd.DataFrame) -> Iterator[str]:
    """A part is not more than its whole, where both were written down."""
    for part, whole in AT_MOST.get(name, []):
        more = metrics.written(frame, part) > metrics.written(frame, whole)
        yield from _found(study, name, frame, more, f"has more {part} than {whole}")


def _known(frame: pd.DataFrame, runs: pd.DataFrame) -> pd.Series:
    known = pd.MultiIndex.from_frame(runs[[*KEY]])
    return pd.Series(pd.MultiIndex.from_frame(frame[[*KEY]]).isin(known), frame.index)


def _runs(study: Study) -> Iterator[str]:
    """The books of every run: nothing that was taken is unaccounted for."""
    runs = study.runs
    residual = metrics.books_residual(runs).fillna(0) != 0
    yield from _found(study, "runs", runs, residual, "has books that do not balance")
    kept = runs.fallback + runs.captured + runs.leaked_fallback + runs.escaped_fallback
    # A reservation may have taken back the rest; without reservations there is none.
    unbalanced = (runs.fallbacks < kept) | (runs.fallbacks > kept) & (runs.reservations <= 0)
    yield from _found(study, "runs", runs, unbalanced, "has fallback pages unaccounted for")
    held = runs.in_use + runs.idle + runs.leaked + runs.fallback + runs.free_count
    more = (held > runs.pages) | (runs.pinned_regions > runs.regions)
    yield from _found(study, "runs", runs, more, "has more pages than its machine")
    unexplained = runs.failed > metrics.failures(runs)
    yield from _found(study, "runs", runs, unexplained, "has more failed requests than causes")


def _samples(study: Study) -> Iterator[str]:
    """Free lists agree with the free count, and the last sample with the run."""
    samples = study.samples
    more = metrics.free_pages(samples) > samples.free_count
    yield from _found(study, "samples", samples, more, "has more pages listed free than counted")
    more = metrics.written(samples, "largest_extent") > metrics.free_pages(samples)
    yield from _found(study, "samples", samples, more, "has a larger free extent than free pages")
    known = samples[_known(samples, study.runs)]
    lost = metrics.conservation_residual(known, metrics.pages_of(known, study.runs)).fillna(0) != 0
    yield from _found(study, "samples", known, lost, "has pages that are nowhere, or twice")
    final = metrics.final_samples(samples).set_index([*KEY])
    runs = study.runs.set_index([*KEY])
    for name in [*BOOKS, "free_count", "pinned_regions"]:
        apart = runs[name] != final[name].reindex(runs.index)
        what = f"ends with another {name} than its last sample"
        yield from _found(study, "runs", study.runs, apart.reset_index(drop=True), what)


def _regions(study: Study, regions: pd.DataFrame) -> Iterator[str]:
    """A region has 512 pages, and all regions have what the books have."""
    states = regions[["free", "in_use", "idle", "leaked", "fallback"]]
    wrong = (states < 0).any(axis=1) | (states.sum(axis=1) > metrics.REGION_PAGES)
    yield from _found(study, "regions", regions, wrong, "has not 512 pages")
    summed = regions.groupby([*KEY, "time_ns"], observed=True)[["in_use", "idle", "fallback"]].sum()
    samples = study.samples.drop_duplicates([*KEY, "time_ns"], keep="last")
    books = samples.set_index([*KEY, "time_ns"])[list(summed.columns)]
    apart = (books.reindex(summed.index) != summed).any(axis=1)
    frame = summed.index.to_frame(index=False)
    what = "has other pages on the map than in the books"
    yield from _found(study, "regions", frame, apart.reset_index(drop=True), what)


def _found(
    study: Study, name: str, frame: pd.DataFrame, wrong: pd.Series, what: str
) -> Iterator[str]:
    """Name the first of the rows that are *wrong*, if any."""
    bad = frame[wrong.to_numpy()]
    if len(bad):
        row = bad.iloc[0]
        run = " ".join(str(row[key]) for key in KEY[:-1] if row[key])
        more = f", and {len(bad) - 1:,} more rows" if len(bad) > 1 else ""
        path = study.folder / f"{name}.parquet"
        yield f"{path}: {run}, replication {row.replication}, {what}{more}"
