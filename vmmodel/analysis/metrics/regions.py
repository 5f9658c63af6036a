"""Metrics 9, 10, 11, and the map: what 2 MB regions hold.  One value for each row."""

import numpy as np
import pandas as pd

from vmmodel.analysis.metrics.common import REGION_PAGES, share, written

CLASSES = ("nofree", "kernel", "user")
"""Classes of allocated pages; the most pages give a region its class, the earlier one in a tie."""

REGION_STATES = (
    "wholly free",
    "ordinary in use",
    "NOFREE in use",
    "NOFREE idle",
    "fallback",
    "leaked",
)
"""States of a 2 MB region; a region shows the last one of this list that any page of it has."""


def region_states(regions: pd.DataFrame) -> pd.Series:
    """Index into ``REGION_STATES`` for every row of the map."""
    state = np.where(regions.free.to_numpy() == REGION_PAGES, 0, 1)
    for column, value in (("idle", 3), ("in_use", 2), ("fallback", 4), ("leaked", 5)):
        state = np.where(regions[column].to_numpy() > 0, value, state)
    return pd.Series(state.astype(np.uint8), regions.index, name="state")


def pinned_share(rows: pd.DataFrame, regions: pd.Series) -> pd.Series:
    """Metric 9: ``R / total``, R the 2 MB regions with at least one NOFREE page.

    Denominator: all regions of the machine.  Source: Weiner (linux-mm, 2023): 34 % of blocks from
    less than 7 % of memory.
    """
    return share(rows.pinned_regions, regions).rename("pinned_share")


def unmovable_share(samples: pd.DataFrame, regions: pd.Series) -> pd.Series:
    """Metric 9 with every unmovable page: regions with a NOFREE or a kernel page.

    Denominator: all regions of the machine.  Source: Contiguitas (ISCA 2023).
    """
    return share(written(samples, "unmovable_regions"), regions).rename("unmovable_share")


def mixed_regions(samples: pd.DataFrame) -> pd.Series:
    """Metric 10: regions of class X that hold at least a page of another class, over all X.

    No denominator: regions.  Source: Weiner's type-mixed blocks.  FreeBSD gives regions no type;
    the class here is that of most pages.
    """
    mixed = [written(samples, f"mixed_{name}_regions") for name in CLASSES]
    return sum(mixed[1:], start=mixed[0]).rename("mixed_regions")


def mixed_share(samples: pd.DataFrame, name: str) -> pd.Series:
    """Metric 10: the same for one class, as a share.  Denominator: regions of that class."""
    of_class = written(samples, f"{name}_regions")
    return share(written(samples, f"mixed_{name}_regions"), of_class).rename(f"mixed_{name}")


def compaction_moves(samples: pd.DataFrame) -> pd.Series:
    """Metric 11: pages that a greedy compaction moves; NOFREE pages are fixed, all others move.

    No denominator: pages.  Source: llfree-bench, where nothing is fixed.
    """
    return written(samples, "compaction_moves")


def compaction_moves_user(samples: pd.DataFrame) -> pd.Series:
    """Metric 11: the same with kernel pages fixed too, as they are in FreeBSD."""
    return written(samples, "compaction_moves_user")


def moves_per_region(samples: pd.DataFrame) -> pd.Series:
    """Metric 11: ``moves_user / (regions free after - before)``, what one more 2 MB region costs.

    Denominator: regions that become wholly free; NaN where none does.
    """
    gained = written(samples, "compacted_regions_user") - samples.free_regions
    return share(compaction_moves_user(samples), gained).rename("moves_per_region")


def compacted_share(samples: pd.DataFrame, regions: pd.Series) -> pd.Series:
    """Metric 11: regions that compaction could make free, kernel and NOFREE pages fixed.

    Denominator: all regions of the machine.
    """
    return share(written(samples, "compacted_regions_user"), regions).rename("compacted_share")
