"""What every metric needs: the columns that name a run, the sizes of blocks, what was written down.

Notation: ``n_k`` free blocks of order k, ``F = sum n_k 2^k`` free pages on the buddy lists,
``B = sum n_k`` free blocks, ``o`` the order asked for (9, a 2 MB superpage), ``N`` live NOFREE
pages, ``P`` = 512, ``C`` chunks held.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from vmmodel.experiment.schema import ORDERS

SUPERPAGE_ORDER = 9
REGION_PAGES = 1 << SUPERPAGE_ORDER

KEY = ["scenario", "variant", "setting", "design", "replication"]
"""Columns that name a run."""
PAIR = ["scenario", "variant", "setting", "replication"]
"""Columns that name a drawing of events: every design meets the same drawn events."""

CHUNKLESS = ("ordinary",)
"""Designs that serve every NOFREE page from the general pools; an import is one page there."""

SIZES = np.array([1 << order for order in range(len(ORDERS))], dtype=np.int64)
"""Pages of a block, by order."""


def blocks(samples: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Free blocks of every sample, by order."""
    return samples[ORDERS].to_numpy(np.int64)


def free_pages(samples: pd.DataFrame) -> pd.Series:
    """Free pages on the buddy lists, ``F``; pages inside reservations are not on the lists."""
    return pd.Series(blocks(samples) @ SIZES, samples.index, name="free_pages")


def written(rows: pd.DataFrame, column: str) -> pd.Series:
    """Give a column, NaN where an older version of the tables did not write it down."""
    return rows[column].where(rows[column] >= 0).rename(column)


def share(part: pd.Series, whole: pd.Series) -> pd.Series:
    """Give *part* over *whole*; NaN where there is no whole."""
    return part / whole.where(whole > 0)


def final_samples(samples: pd.DataFrame) -> pd.DataFrame:
    """The last sample of every run, indexed by the run."""
    return samples.sort_values("time_ns", kind="stable").groupby(KEY, observed=True).tail(1)
