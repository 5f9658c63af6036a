"""Metrics 1 to 7: how the free pages lie on the buddy lists.  One value for each row of samples."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from vmmodel.analysis.metrics.common import (
    KEY,
    REGION_PAGES,
    SIZES,
    SUPERPAGE_ORDER,
    blocks,
    free_pages,
    written,
)


def unusable_index(samples: pd.DataFrame, order: int = SUPERPAGE_ORDER) -> pd.Series:
    """Metric 1: share of free pages in blocks below *order*, ``(F - sum_{k>=o} n_k 2^k) / F``.

    Denominator: F.  0 without free pages, as in ``extfrag_for_order`` of Linux mm/vmstat.c;
    ``unusable_free_index`` there says 1000 per mille.  Source: Gorman's unusable free space index.
    """
    return _unusable(samples, order).fillna(0.0).rename("unusable_index")


def linux_fragmentation_index(samples: pd.DataFrame, order: int = SUPERPAGE_ORDER) -> pd.Series:
    """Metric 2: Linux's index; -1000 where a block of *order* is free, 0 without any block.

    Else ``1000 - (1000 + F*1000/2^o) / B`` in integers: towards 0 memory is short, towards 1000 it
    is in pieces.  Denominator: B.  Source: ``__fragmentation_index`` of Linux mm/vmstat.c.
    """
    counts = blocks(samples)
    free, some = counts @ SIZES, counts.sum(axis=1)
    index = 1000 - (1000 + free * 1000 // (1 << order)) // np.maximum(some, 1)
    index = np.where(counts[:, order:].any(axis=1), -1000, index)
    return pd.Series(np.where(some == 0, 0, index), samples.index, name="linux_index")


def fragmentation_index(samples: pd.DataFrame, order: int = SUPERPAGE_ORDER) -> pd.Series:
    """Metric 3: FreeBSD's ``1000 - (F*1000/2^o)/B`` in integers; 0 without a block.

    Towards 1000 the free memory is in small pieces; below 0 blocks of the order asked for are
    plenty, and values far below 0 are usual.  There is no -1000 clamp and no +1 term as in
    Linux, so the two differ whenever a block fits.  Denominator: B, over all lists and pools.
    Source: review D40575, ``vm.phys_frag_idx``.
    """
    counts = blocks(samples)
    free, some = counts @ SIZES, counts.sum(axis=1)
    index = 1000 - (free * 1000 // (1 << order)) // np.maximum(some, 1)
    return pd.Series(np.where(some == 0, 0, index), samples.index, name="fragmentation_index")


def largest_free_order(samples: pd.DataFrame) -> pd.Series:
    """Metric 4: ``max{k : n_k > 0}``, the largest order with a free block; -1 without any.

    No denominator: an order.
    """
    some = blocks(samples) > 0
    largest = some.shape[1] - 1 - some[:, ::-1].argmax(axis=1)
    return pd.Series(np.where(some.any(axis=1), largest, -1), samples.index, name="largest_order")


def largest_free_count(samples: pd.DataFrame) -> pd.Series:
    """Metric 4: ``n_k`` of that order, 0 without any; no denominator: blocks."""
    counts = blocks(samples)
    largest = largest_free_order(samples).to_numpy()
    at = counts[np.arange(len(counts)), np.maximum(largest, 0)]
    return pd.Series(np.where(largest < 0, 0, at), samples.index, name="largest_count")


def superpage_availability(samples: pd.DataFrame) -> pd.Series:
    """Metric 5: share of free pages in blocks of order 9 and above, ``A``; NaN without free pages.

    Denominator: F.  One minus metric 1 for order 9.  Source: LLFree (USENIX ATC 2023), there
    called free huge frames.
    """
    return (1.0 - _unusable(samples, SUPERPAGE_ORDER)).rename("superpage_availability")


def free_superpages(samples: pd.DataFrame) -> pd.Series:
    """Metric 5: ``H = sum_{k>=9} n_k 2^(k-9)``, free 2 MB frames; no denominator."""
    large = blocks(samples)[:, SUPERPAGE_ORDER:]
    frames = large @ SIZES[: large.shape[1]]
    return pd.Series(frames, samples.index, name="free_superpages")


def llfree_score(samples: pd.DataFrame) -> pd.Series:
    """Metric 6: ``mean_t 100 * H / floor(F/512)`` of every run, indexed by the run.

    Denominator: the 2 MB frames that the free pages would fill; samples in which they fill none
    are left out.  Source: LLFree's ``replay.rs``.
    """
    possible = free_pages(samples) // REGION_PAGES
    score = 100 * free_superpages(samples) / possible.where(possible > 0)
    by_run = [samples[name] for name in KEY]
    mean: pd.Series = score.groupby(by_run, observed=True, sort=False).mean()
    return mean.rename("llfree_score")


def extent_fragmentation(samples: pd.DataFrame) -> pd.Series:
    """Metric 7: ``1 - LFE/F``, LFE the largest free extent: pages that follow one another.

    Denominator: F.  It knows no orders.  NaN without free pages, or where LFE was not written down.
    Source: manishklach/hbm_fragmentation_guard_sim.
    """
    free = free_pages(samples)
    apart = 1 - written(samples, "largest_extent") / free.where(free > 0)
    return apart.rename("extent_fragmentation")


def _unusable(samples: pd.DataFrame, order: int) -> pd.Series:
    counts = blocks(samples)
    free: npt.NDArray[np.float64] = (counts @ SIZES).astype(float)
    below = (counts[:, :order] @ SIZES[:order]).astype(float)
    part = np.divide(below, free, out=np.full(len(free), np.nan), where=free > 0)
    return pd.Series(part, samples.index)
