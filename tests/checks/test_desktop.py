"""The published picture of a desktop, on a machine small enough for a test."""

from dataclasses import replace

import pandas as pd
import pytest

from vmmodel.checks.desktop import pictures, summary
from vmmodel.experiment.scenario import scenario

SMALL = {
    "memory_gb": "4",
    "cpus": "2",
    "horizon": "24",
    "files.files.rate": "24000",
    "zfs_gb": "1",
    "batches.builds.rate": "1",
    "batches.builds.processes": "100",
    "arrivals.browser.rate": "4",
    "arrivals.program.rate": "20",
}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """One replication under both designs."""
    chosen = scenario("desktop", values=SMALL)
    return pictures(chosen, ("ordinary", "freeable"), 1, 1, lambda _: None)


def test_chunks_keep_slabs_together(table: pd.DataFrame) -> None:
    """With chunks, the same slabs taint a tenth of the regions at most."""
    tainted = table.set_index("design").tainted_percent

    assert tainted.freeable < tainted.ordinary / 10


def test_designs_hold_the_same_slabs(table: pd.DataFrame) -> None:
    """What a design decides is where slabs are, not how many there are."""
    slabs = table.set_index("design").slab_mb

    assert slabs.ordinary == pytest.approx(slabs.freeable, rel=0.02)
    assert 24_000 / 15 / 256 < slabs.ordinary


def test_pages_and_chunks_multiply_to_slabs(table: pd.DataFrame) -> None:
    """Tainted chunks times pages in each are all slab pages."""
    regions = 4 * 512
    pages = table.tainted_percent / 100 * regions * table.pages_per_tainted

    assert pages.tolist() == pytest.approx((table.slab_mb * 256).tolist())


def test_summary_puts_ordinary_beside_the_review(table: pd.DataFrame) -> None:
    """Only `ordinary` is compared: the review's machine had no chunks."""
    found = summary(table)

    published = found.set_index(["design", "value"]).published
    assert 25.0 == published["ordinary", "tainted_percent"]
    assert published.loc["freeable"].isna().all()


def test_another_file_system_taints_other_chunks() -> None:
    """With UFS the file cache is in VM objects, and slabs have pool DIRECT nearly to themselves."""
    chosen = scenario("desktop", values=SMALL | {"zfs_share": "0"})

    ufs = pictures(chosen, ("ordinary",), 1, 1, lambda _: None)
    zfs = pictures(
        replace(chosen, parameters=chosen.with_values({"zfs_share": "1"}).parameters),
        ("ordinary",),
        1,
        1,
        lambda _: None,
    )

    assert ufs.tainted_percent[0] < zfs.tainted_percent[0] / 2
