"""All metrics by number, each with formula, unit, denominator, and how to read it.

The numbers are those of the literature survey that chose them; a letter tells parts of one metric
apart.  Values at an instant are read at the end of a run, since what NOFREE pages pin and lose only
grows.  Superpage availability (5) is one minus the unusable index of order 9 (1): the same number.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal

import pandas as pd

from vmmodel.analysis.metrics import (
    conservation,
    freelists,
    latency,
    leaks,
    machine,
    nofree,
    regions,
)
from vmmodel.analysis.metrics.common import KEY, final_samples, written
from vmmodel.analysis.metrics.machine import CAUSES


@dataclass(frozen=True)
class RunTables:
    """The tables of some runs, each run a row of *runs* and *final*, which are indexed by `KEY`."""

    runs: pd.DataFrame
    samples: pd.DataFrame
    latencies: pd.DataFrame
    """Of one operation."""

    @classmethod
    def of(cls, runs: pd.DataFrame, samples: pd.DataFrame, latencies: pd.DataFrame) -> "RunTables":
        """Index the runs, and keep what belongs to them."""
        runs = runs.set_index(KEY, drop=False)
        chosen = [frame[_among(frame, runs)] for frame in (samples, latencies)]
        return cls(runs, chosen[0].sort_values([*KEY, "time_ns"], kind="stable"), chosen[1])

    @cached_property
    def final(self) -> pd.DataFrame:
        """The last sample of every run, with the index of *runs*."""
        return final_samples(self.samples).set_index(KEY, drop=False).reindex(self.runs.index)

    @cached_property
    def total(self) -> pd.DataFrame:
        """Latency of the operation: see `latency.summary`."""
        return latency.summary(self.latencies, "total")

    @cached_property
    def wait(self) -> pd.DataFrame:
        """Its waiting for the free lock."""
        return latency.summary(self.latencies, "wait")


def _among(frame: pd.DataFrame, runs: pd.DataFrame) -> pd.Series:
    keys = pd.MultiIndex.from_frame(frame[KEY])
    return pd.Series(keys.isin(runs.index), frame.index)


@dataclass(frozen=True)
class Metric:
    """One number of a run, or one verdict."""

    number: int
    part: str
    """A letter where a metric has several numbers."""
    name: str
    formula: str
    unit: str
    denominator: str
    """What the number is a part of, or per what it counts; ``-`` where there is nothing."""
    read_as: str
    of: Callable[[RunTables], pd.Series]
    """Give the value of every run, indexed by `KEY`; NaN where there is none."""
    kind: Literal["median", "share"] = "median"
    """How runs are summed up: the median of values, or the share of runs with a verdict of 1."""

    @property
    def label(self) -> str:
        """Number and part, as printed: ``13a``."""
        return f"{self.number}{self.part}"


def _final(function: Callable[[pd.DataFrame], pd.Series]) -> Callable[[RunTables], pd.Series]:
    return lambda tables: function(tables.final)


def _runs(function: Callable[[pd.DataFrame], pd.Series]) -> Callable[[RunTables], pd.Series]:
    return lambda tables: function(tables.runs)


def _samples(function: Callable[[pd.DataFrame], pd.Series]) -> Callable[[RunTables], pd.Series]:
    return lambda tables: function(tables.samples)


def _of_regions(
    function: Callable[[pd.DataFrame, pd.Series], pd.Series],
) -> Callable[[RunTables], pd.Series]:
    return lambda tables: function(tables.final, tables.runs.regions)


def _column(name: str) -> Callable[[RunTables], pd.Series]:
    return lambda tables: written(tables.runs, name)


def _latency(name: str) -> Callable[[RunTables], pd.Series]:
    return lambda tables: tables.total[name]


def _wait(name: str) -> Callable[[RunTables], pd.Series]:
    return lambda tables: tables.wait[name]


FREE, REGIONS, HOLDS = "free pages on the buddy lists", "regions of the machine", "acquisitions"
NONE = "-"

METRICS: tuple[Metric, ...] = (
    Metric(1, "", "unusable free space index, order 9", "(F - sum_{k>=9} n_k 2^k) / F", "share",
           FREE, "0 good, 1 bad", _final(freelists.unusable_index)),
    Metric(2, "", "fragmentation index, Linux", "0 if B = 0; -1000 if a block fits; "
           "else 1000 - (1000 + F*1000/512) / B", "per mille", "free blocks B",
           "-1000 a block fits, 0 too little memory, 1000 fragmentation",
           _final(freelists.linux_fragmentation_index)),
    Metric(3, "", "fragmentation index, FreeBSD", "0 if B = 0; else 1000 - (F*1000/512) / B",
           "per mille", "free blocks B", "as 2, but far below 0 where blocks fit",
           _final(freelists.fragmentation_index)),
    Metric(4, "a", "largest free order", "max{k : n_k > 0}", "order", NONE, "12 is best",
           _final(freelists.largest_free_order)),
    Metric(4, "b", "free blocks of that order", "n_k", "blocks", NONE, "more is better",
           _final(freelists.largest_free_count)),
    Metric(5, "a", "superpage availability", "sum_{k>=9} n_k 2^k / F = 1 - U_9", "share", FREE,
           "1 best", _final(freelists.superpage_availability)),
    Metric(5, "b", "free superpages", "sum_{k>=9} n_k 2^(k-9)", "2 MB frames", NONE,
           "more is better", _final(freelists.free_superpages)),
    Metric(5, "c", "superpages in use", "reservations with all 512 pages in use", "2 MB frames",
           NONE, "more is better; 0 without reservations",
           lambda tables: written(tables.final, "superpages")),
    Metric(6, "", "LLFree score", "mean over samples of 100 * H / floor(F/512)", "% of frames",
           "2 MB frames that the free pages would fill", "100 best",
           _samples(freelists.llfree_score)),
    Metric(7, "", "fragmentation by extent", "1 - LFE / F", "share", FREE,
           "0: all free pages in one piece", _final(freelists.extent_fragmentation)),
    Metric(8, "a", "NOFREE footprint", "C*512 / max(N, 1)", "ratio", "live NOFREE pages N",
           "1 best; below 1 some are outside of chunks", _runs(nofree.chunk_ratio)),
    Metric(8, "b", "excess chunks", "C - ceil(N/512)", "chunks", NONE, "0 best",
           _runs(nofree.excess_chunks)),
    Metric(9, "a", "pinned regions", "R = #{regions with a NOFREE page}", "regions", NONE,
           "fewer is better", lambda tables: tables.runs.pinned_regions),
    Metric(9, "b", "pinned over ideal", "R / ceil(N/512)", "ratio",
           "regions that N would fill", "1 best", _runs(nofree.pinned_ratio)),
    Metric(9, "c", "pinned share", "R / total", "share", REGIONS, "fewer is better",
           _of_regions(regions.pinned_share)),
    Metric(9, "d", "regions with any unmovable page", "#{NOFREE or kernel page} / total",
           "share", REGIONS, "fewer is better", _of_regions(regions.unmovable_share)),
    Metric(10, "a", "type-mixed regions", "#{regions of class X with a page of another class}",
           "regions", NONE, "0 best", _final(regions.mixed_regions)),
    *(Metric(10, part, f"of class {name}", f"mixed {name} regions / {name} regions", "share",
             f"regions with most pages {name}", "0 best",
             _final(partial(regions.mixed_share, name=name)))
      for part, name in zip("bcd", regions.CLASSES, strict=True)),
    Metric(11, "a", "compaction moves, NOFREE fixed", "greedy two-pointer count", "pages", NONE,
           "fewer is better", _final(regions.compaction_moves)),
    Metric(11, "b", "compaction moves, kernel fixed too", "greedy two-pointer count", "pages", NONE,
           "fewer is better; what FreeBSD could move", _final(regions.compaction_moves_user)),
    Metric(11, "c", "moves for one more free region", "moves of 11b / regions gained", "pages",
           "regions that become wholly free", "fewer is better",
           _final(regions.moves_per_region)),
    Metric(11, "d", "regions free after 11b", "regions free after / total", "share", REGIONS,
           "more is better", _of_regions(regions.compacted_share)),
    Metric(12, "", "live share of chunks", "in use / (C*512)", "share", "pages of chunks",
           "1 best; the rest is idle, leaked or lost", _runs(nofree.live_share)),
    Metric(13, "a", "freed and not reusable", "leaked + escaped, ever", "pages", NONE, "0 best",
           _runs(nofree.not_reusable)),
    Metric(13, "b", "stranded tails of chunks", "imported + captured - all that is known", "pages",
           NONE, "0: no design here discards a tail", _runs(nofree.books_residual)),
    Metric(13, "c", "rollbacks", "rollbacks / requests", "share", "requests", "0 best",
           _runs(nofree.rollback_share)),
    Metric(13, "d", "high water of chunks", "max_t C", "chunks", NONE, "fewer is better",
           _runs(nofree.most_chunks)),
    Metric(13, "e", "slope of chunks held", "Theil-Sen slope of C", "chunks an hour", "hours",
           "0: steady", _samples(leaks.chunk_slope)),
    Metric(13, "f", "of 13a leaked: out of reach now", "leaked", "pages", NONE, "0 best",
           lambda tables: tables.runs.leaked),
    Metric(14, "a", "leaks.sh says leak", "> 50 new maxima at 10 s samples", "share of runs",
           "runs of 51 samples or more", "0 best", _runs(leaks.maxima_verdict), "share"),
    Metric(14, "b", "leaks2.sh says leak", "> 120 s above a minimum", "share of runs",
           "runs of 121 s or more", "0 best", _runs(leaks.minima_verdict), "share"),
    Metric(14, "c", "trend says leak", "95 % interval of Theil-Sen slope > 0", "share of runs",
           "runs", "0 best; growth is a trend, too", _samples(leaks.trend_verdict), "share"),
    Metric(15, "a", "latency, mean", "sum / n", "ns", "operations", "less is better",
           _latency("mean")),
    *(Metric(15, part, f"latency, {name}", "order statistic", "ns", "operations",
             "less is better", _latency(name))
      for part, name in zip("bcdef", latency.PERCENTILES, strict=True)),
    Metric(15, "g", "operations", "n", "operations", NONE, "p needs 10/(1-p) of them",
           _latency("n")),
    Metric(15, "h", "of it wait for the lock, mean", "sum / n", "ns", "operations",
           "less is better", _wait("mean")),
    Metric(15, "i", "wait for the lock, p99", "order statistic", "ns", "operations",
           "less is better", _wait("p99")),
    Metric(16, "a", "time above p99", "time of operations beyond p99 / all time", "share",
           "time of all operations", "0.01: no tail", _latency("tail_share")),
    Metric(16, "b", "longest burst", "largest share of latency between two samples", "share",
           "latency of all requests", "small: evenly spread", _samples(latency.longest_burst)),
    Metric(17, "a", "lock acquisitions", "holds", HOLDS, NONE, "fewer is better",
           _column("lock_holds")),
    Metric(17, "b", "contended", "waited / holds", "share", HOLDS, "0 best",
           _runs(machine.contended_share)),
    Metric(17, "c", "wait of the contended, mean", "wait / waited", "ns", "contended acquisitions",
           "less is better", _runs(machine.wait_of_contended)),
    Metric(17, "d", "hold, mean", "hold time / holds", "ns", HOLDS, "less is better",
           _runs(machine.mean_hold)),
    Metric(17, "e", "pages per acquisition", "pages to or from the lists / holds", "pages", HOLDS,
           "more is better", _runs(machine.pages_per_hold)),
    Metric(18, "a", "failed requests", "failed / requests", "share", "requests", "0 best",
           _runs(machine.failed_share)),
    *(Metric(18, part, words, f"{cause} / failures", "share", "failures", "why did it fail?",
             _runs(partial(machine.cause_share, cause=cause)))
      for part, (cause, words) in zip("bcdefgh", CAUSES.items(), strict=True)),
    Metric(18, "i", "most pages free at a refusal", "max", "pages", NONE,
           "large: not for want of memory", _column("most_free_refused")),
    Metric(18, "j", "imports without a chunk", "failed / tried", "share", "imports tried", "0 best",
           _runs(machine.import_failures)),
    Metric(18, "k", "of them no block: fragmentation", "no block / failed", "share",
           "failed imports", "the rest: thresholds", _runs(machine.imports_without_block)),
    Metric(18, "l", "superpages not had", "failed / asked", "share",
           "blocks that reservations asked for", "0 best", _runs(machine.superpage_failures)),
    Metric(18, "m", "fallback outside of chunks", "fallbacks / pages asked for", "share",
           "NOFREE pages asked for", "0 best; each pins a foreign region",
           _runs(machine.fallback_share)),
    Metric(19, "a", "blocks stolen between pools", "steals", "blocks", NONE, "fewer is better",
           _column("steals")),
    *(Metric(19, part, words, f"{kind} / steals", "share", "blocks stolen", "0 best",
             _runs(partial(machine.steal_share, kind=kind)))
      for part, kind, words in (
          ("b", "steals_small", "of them fragmenting: below 2 MB"),
          ("c", "steals_unmovable", "of them for unmovable pages"),
          ("d", "steals_mixing", "of them both"))),
    Metric(20, "a", "idle runs", "entries at the end", "runs", NONE, "fewer is better",
           lambda tables: written(tables.final, "idle_runs")),
    Metric(20, "b", "walk, mean", "entries passed / insertions", "entries", "insertions",
           "0: nobody is passed", _runs(machine.mean_walk)),
    Metric(20, "c", "walk, longest", "max entries passed", "entries", NONE, "less is better",
           _column("list_most_passed")),
    Metric(21, "", "pages unaccounted for", "max_t |total-allocated-free-stranded-reserved|",
           "pages", "pages of the machine", "0, exactly",
           lambda tables: conservation.worst_residual(tables.samples, tables.runs)),
)  # fmt: skip
"""In the order of their numbers.  No consumer of the model asks for contiguous memory, so metric 18
has no failures of that kind; the cost by list length of metric 20 is `latency.cost_by_length`."""
