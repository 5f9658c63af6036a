"""The factorial over the axes: which choice matters, on which workload, and by how much.

Every stage is a workload on which some axes can show at all, with the plans that cross them.  The
table has a row for each run; effects, sentence and figure are made from it alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pandas as pd

from vmmodel.analysis import factorial as analysis
from vmmodel.analysis import summary
from vmmodel.analysis.family import FAMILY
from vmmodel.experiment.scenario import Scenario, scenario
from vmmodel.questions.base import Lab
from vmmodel.questions.plans import CHUNKS, CROSSED, FREEING, ORDERS, PLANS, STRUCTURES, Plan

SECONDARY = "failed"
"""Carries no claim: a design that serves fewer requests pins fewer regions."""

METRICS = (*(one.metric for one in FAMILY), SECONDARY)


@dataclass(frozen=True)
class Stage:
    """A workload, and the plans that are run on it."""

    scenario: str
    why: str
    """What can show on it."""
    quick: tuple[Plan, ...]
    """Plans of the quick profile; the full one has all of them on every workload."""
    small: Mapping[str, str] = field(default_factory=dict)
    """Parameters of the quick profile."""

    def setting(self, full: bool) -> Scenario:
        """Give the scenario, made small in the quick profile."""
        return scenario(self.scenario) if full else scenario(self.scenario, values=dict(self.small))

    def designs(self, full: bool) -> tuple[str, ...]:
        """Every design of the plans, once."""
        plans = PLANS.values() if full else self.quick
        return tuple(dict.fromkeys(design for plan in plans for design in plan.designs))


STAGES = (
    Stage(
        "syzkaller",
        "requests of several pages fail half way, memory is exhausted: all axes",
        (CROSSED, FREEING),
        # An eighth of the machine and a sixth of the refills in two of six episodes: a run takes
        # a tenth of a second, and still meets exhaustion and fallback pages.  Fewer pages, so one
        # cannot be had ten times as often, at the upper end of its sweep: five rollbacks a run.
        {
            "memory_mb": "256", "refills": "200", "seconds": "2", "episodes": "2",
            "page_failure": "0.01",
        },
    ),
    Stage(
        "second-resource",
        "single pages have to go back although memory is free: who may free",
        (FREEING,),
        # Fewer pages, so the second resource fails ten times as often: six times a run.
        {"memory_gb": "1", "requests": "600", "seconds": "2", "second_failure": "0.01"},
    ),
    Stage(
        "init-failure",
        "whole slabs have to go back although memory is free: who may free, and to where",
        (FREEING, STRUCTURES),
        # Fewer slabs, so the set-up fails ten times as often: three to four times a run.
        {"memory_gb": "1", "refills": "200", "seconds": "2", "init_failure": "0.01"},
    ),
    Stage(
        "swap-storm",
        "a whole machine short of memory, with reservations: fallback, order and pool of chunks",
        (CHUNKS, ORDERS),
        # The smallest machine that is accepted.  Heaps of twice its memory, used again seldom, and
        # a sixth of the jobs: chunks of order 9 run out half way, and a run takes 0.2 s.
        {
            "horizon": "2", "memory_gb": "0.25", "cpus": "2", "heaps.total_gb": "0.5",
            "heaps.step": "16", "heaps.used_again": "10", "heaps.life.mean": "10",
            "jobs.rate": "5", "programs.rate": "10000",
        },
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Factorial:
    """What the stored table is called and holds."""

    name: str = "factorial"
    columns: Mapping[str, str] = field(
        default_factory=lambda: {
            "scenario": "workload",
            "design": "composition of choices",
            "replication": "0..; the same number is the same drawn events",
            "pinned_regions": "2 MB regions with a NOFREE page at the end",
            "gone": "pages leaked or lost to the general pool",
            "p99_ns": "99th percentile of the latency of a NOFREE request, ns",
            "failed": "requests not served: secondary, carries no claim",
        }
    )


FACTORIAL = Factorial()


def measure(lab: Lab, every: int = 1) -> pd.DataFrame:
    """Make the runs; give the table, one row a run.

    With *every* above 1 only every so manyth design of a stage is run, as a back test wants.
    A run that panicked has no end state: NaN.
    """
    parts = []
    for stage in STAGES:
        designs, setting = stage.designs(lab.full)[::every], stage.setting(lab.full)
        runs = summary.per_run(lab.study(f"factorial-{stage.scenario}", (setting,), designs))
        metrics = runs[[*METRICS]].where(runs.outcome == "completed").astype(float)
        parts.append(runs[["scenario", "design", "replication"]].join(metrics))
    table = pd.concat(parts, ignore_index=True)
    return table[list(FACTORIAL.columns)].sort_values(
        ["scenario", "design", "replication"], ignore_index=True
    )


@dataclass(frozen=True)
class Effects:
    """What a table says."""

    runs: pd.DataFrame
    """The table."""
    terms: pd.DataFrame
    """A row for each workload, plan, metric and term: size, interval, share, p, verdict."""
    levels: pd.DataFrame
    """A row for each level, or pair of levels, of a term: its effect against the grand mean."""


def effects(table: pd.DataFrame) -> Effects:
    """Estimate all effects of every plan that *table* has in full."""
    found, level_rows = [], []
    for name, plan, runs in _planned(table):
        for metric in METRICS:
            data = analysis.cells(runs, list(plan.crossed), metric)
            named = {"scenario": name, "plan": plan.name, "metric": metric}
            level_rows += [{**named, **row} for row in analysis.level_rows(data)]
            if metric != SECONDARY:
                judge = next(one for one in FAMILY if one.metric == metric)
                named |= {"unit": judge.unit}
                found += [{**named, **row} for row in analysis.term_rows(data, judge)]
    judged = analysis.judged(pd.DataFrame(found), {one.metric: one for one in FAMILY})
    return Effects(table, judged, pd.DataFrame(level_rows))


def _planned(table: pd.DataFrame) -> Iterator[tuple[str, Plan, pd.DataFrame]]:
    """Give each workload and plan whose designs were all run on it, with levels as columns."""
    for stage in STAGES:
        runs = table[table.scenario == stage.scenario]
        for plan in PLANS.values():
            if set(plan.designs) <= set(runs.design):
                named = plan.cells.assign(design=plan.designs)
                yield stage.scenario, plan, named.merge(runs, on="design")
