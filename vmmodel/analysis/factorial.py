"""What each choice of a factorial experiment does to a metric, and what two of them do together.

A plan crosses the levels of some axes so that they are balanced: every level of one axis meets
every level of another equally often, and pairs of axes likewise (`balanced`).  Then an effect is
a difference of plain means, and no main effect or two-way interaction touches another.

All compositions of a replication meet the same drawn events, so a replication is a block and its
values are not independent of each other.  Therefore an effect is taken within each replication,
and intervals and tests rest on how it varies from one to the next: n values of it, whatever the
correlation between compositions.  Interactions of three and more axes are the same in every
replication or not, but are never mistaken for noise.  Estimates and shares of variance are those
of ordinary least squares with sum-to-zero coding and replications as blocks.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from vmmodel.analysis.family import CONFIDENCE, Primary
from vmmodel.analysis.paired import ROUNDING, compare, holm

Floats = npt.NDArray[np.float64]

MATTERS = "matters"
SMALL = "shown, but too small to count"
NOT_SHOWN = "no difference shown"
EQUAL = "equal in every run"
UNKNOWN = "not known"
"""Verdicts on a term, see `judged`."""

BLOCK = "replication"

REST = "rest"
"""In `shares`: what no main effect or two-way interaction has."""


Term = tuple[str, ...]
"""An axis, or two."""


@dataclass(frozen=True, eq=False)
class Cells:
    """A metric of all compositions of a plan, in the replications in which all of them have one."""

    axes: tuple[str, ...]
    levels: pd.DataFrame
    """A row for each composition, a column for each axis."""
    values: Floats
    """A row for each replication, a column for each composition."""

    @property
    def n(self) -> int:
        """Replications."""
        return len(self.values)

    @cached_property
    def effects(self) -> dict[Term, pd.DataFrame]:
        """Each term's effects by replication (rows): of its levels, or pairs of levels."""
        axes = self.axes
        alone = {(axis,): level_effects(self, axis) for axis in axes}
        return alone | {pair: joint_effects(self, *pair) for pair in combinations(axes, 2)}

    def order(self, axis: str) -> list[str]:
        """Give the levels of an axis in the order of the plan."""
        return list(self.levels[axis].unique())


def cells(table: pd.DataFrame, axes: Sequence[str], value: str) -> Cells:
    """Arrange *table*: columns of *axes* (levels), ``replication`` and *value*, a row for each run.

    A replication in which any composition has no value (NaN) is left out as a whole, so that all
    means are over the same drawn events.
    """
    axes = list(axes)
    wide = table.pivot(index=axes, columns=BLOCK, values=value)
    order = pd.MultiIndex.from_frame(table[axes].drop_duplicates())
    wide = wide.reindex(order).dropna(axis="columns")
    levels = order.to_frame(index=False)
    return Cells(tuple(axes), levels, wide.to_numpy(float).T)


def aliased(levels: pd.DataFrame) -> list[tuple[str, str]]:
    """Pairs of terms that a plan cannot tell apart, wholly or in part; none if it is balanced.

    Two terms are apart if no contrast of one correlates with a contrast of the other.
    """
    axes = [str(axis) for axis in levels]
    terms: list[Term] = [*((axis,) for axis in axes), *combinations(axes, 2)]
    bases = {":".join(term): _contrasts(levels, term) for term in terms}
    return [
        (one, other)
        for (one, a), (other, b) in combinations(bases.items(), 2)
        if np.abs(a.T @ b).max() > 1e-9
    ]


def _contrasts(levels: pd.DataFrame, term: Term) -> Floats:
    """Sum-to-zero columns of a term: products of those of its axes."""
    columns = np.ones((len(levels), 1))
    for axis in term:
        shares = _indicators(levels, axis)
        columns = _products(columns, shares[:, :-1] - shares[:, -1:])
    return columns


def _indicators(levels: pd.DataFrame, axis: str) -> Floats:
    """1 where a composition (row) has a level (column) of an axis, else 0."""
    numbers, found = pd.factorize(levels[axis])
    return np.eye(len(found))[numbers]


def _products(one: Floats, other: Floats) -> Floats:
    """Products of each column of *one* with each of *other*."""
    return (one[:, :, None] * other[:, None, :]).reshape(len(one), -1)


def level_effects(data: Cells, axis: str) -> pd.DataFrame:
    """Mean of each level minus the grand mean, by replication (rows) and level (columns)."""
    means = _means(data, _indicators(data.levels, axis))
    return pd.DataFrame(_clean(means - _grand(data), data), columns=data.order(axis))


def joint_effects(data: Cells, one: str, other: str) -> pd.DataFrame:
    """What each pair of levels has beyond the two effects of its levels; columns are pairs."""
    first, second = (_indicators(data.levels, axis) for axis in (one, other))
    alone = np.add(_means(data, first)[:, :, None], _means(data, second)[:, None, :])
    means = _means(data, _products(first, second))
    pairs = pd.MultiIndex.from_product([data.order(one), data.order(other)])
    beyond = means - alone.reshape(means.shape) + _grand(data)
    return pd.DataFrame(_clean(beyond, data), columns=pairs)


def _means(data: Cells, which: Floats) -> Floats:
    """Mean over the compositions of each column of *which*, by replication."""
    means: Floats = data.values @ (which / which.sum(axis=0))
    return means


def _grand(data: Cells) -> Floats:
    grand: Floats = data.values.mean(axis=1, keepdims=True)
    return grand


def _clean(effects: Floats, data: Cells) -> Floats:
    """Set to 0 what is not 0 by rounding only."""
    most = np.abs(data.values).max(initial=0.0)
    cleaned: Floats = np.where(np.abs(effects) <= ROUNDING * most, 0.0, effects)
    return cleaned


def term_test(effects: Floats, df: int) -> float:
    """P value of no effect: repeated measures, degrees of freedom as Greenhouse and Geisser.

    *effects* has a row for each replication, and they differ.  With one degree of freedom it is
    the paired t test; with more the correction allows for any correlation between levels, a little
    on the safe side.

    Source: Greenhouse and Geisser, On methods in the analysis of profile data (1959).
    """
    from scipy.special import fdtrc

    n, spread = len(effects), np.cov(effects, rowvar=False)
    total = float(np.trace(spread))
    epsilon = total**2 / (df * float((spread * spread).sum()))
    free = min(epsilon, 1.0) * df
    statistic = n * float((effects.mean(axis=0) ** 2).sum()) / total
    return float(fdtrc(free, free * (n - 1), statistic))


def shares(data: Cells) -> pd.Series:
    """Share of each term, and of the rest, in the variance within replications; NaN without any.

    Those of an analysis of variance with replications as blocks; the plan is balanced, so the sum
    of squares of a term is that of its mean effects (a test compares with statsmodels).  The rest
    are interactions of three and more axes, and what chance makes of compositions.
    """
    index = [":".join(term) for term in data.effects]
    within = float(((data.values - _grand(data)) ** 2).sum()) if data.n else 0.0
    if within <= (ROUNDING * np.abs(data.values).max(initial=0.0)) ** 2:
        return pd.Series(math.nan, [*index, REST])
    means = [effects.mean() for effects in data.effects.values()]
    sums = [data.values.size / len(mean) * float((mean**2).sum()) for mean in means]
    found = pd.Series(sums, index) / within
    return pd.concat([found, pd.Series({REST: max(1 - found.sum(), 0.0)})])


Row = dict[str, Any]


def level_rows(data: Cells) -> Iterator[Row]:
    """Effect of every level, and of every pair of levels, with its t interval."""
    for term, effects in data.effects.items():
        named = {"term": ":".join(term), "replications": data.n}
        levels = [name if len(term) == 1 else ":".join(name) for name in effects.columns.tolist()]
        for level, mean, half in zip(levels, effects.mean(), _half_widths(effects), strict=True):
            yield {**named, "level": level, "effect": mean, "low": mean - half, "high": mean + half}


def _half_widths(effects: pd.DataFrame) -> pd.Series:
    """Half of each column's t interval; NaN with fewer than two replications."""
    from scipy.special import stdtrit

    n = len(effects)
    if n < 2:
        return pd.Series(math.nan, effects.columns)
    return effects.std() * float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) / math.sqrt(n)


def term_rows(data: Cells, metric: Primary) -> Iterator[Row]:
    """Size, interval, share of variance and p of every main effect and two-way interaction."""
    share = shares(data)
    for term, effects in data.effects.items():
        name = ":".join(term)
        df = math.prod(len(data.order(axis)) - 1 for axis in term)
        size = _range(effects, metric) if len(term) == 1 else _turn(effects)
        equal = _still(effects, data)
        p = math.nan if equal else term_test(effects.to_numpy(float), df)
        found = {"share": float(share[name]), "p": p, "equal": equal}
        yield {"term": name, "df": df, "replications": data.n, **size, **found}


def _still(effects: pd.DataFrame, data: Cells) -> bool:
    """Whether all replications have the same effects: then there is no spread to test against."""
    if data.n < 2:
        return True
    moved = effects.max() - effects.min()
    return bool(moved.max() <= 4 * ROUNDING * np.abs(data.values).max())


def _range(effects: pd.DataFrame, metric: Primary) -> Row:
    """From the best to the worst level: the mean difference, its interval, and which they are.

    Which are best and worst is seen in the same data, so the interval is that of Bonferroni over
    all pairs of levels.
    """
    means = effects.mean().fillna(0.0) * -metric.better
    best, worst = str(means.idxmin()), str(means.idxmax())
    pairs = math.comb(len(means), 2)
    one = compare(effects[worst], effects[best], 1 - (1 - CONFIDENCE) / pairs, resamples=0)
    named = {"best": _like(effects, best), "worst": _like(effects, worst)}
    return {"size": one.mean, "low": one.low, "high": one.high, **named}


def _like(effects: pd.DataFrame, level: str) -> str:
    """Name the levels that equal *level* in every replication: ``any/own``."""
    apart = effects.sub(effects[level], axis=0).abs().max()
    most = float(effects.abs().to_numpy().max(initial=0.0))
    return "/".join(effects.columns[apart.fillna(0.0) <= ROUNDING * most])


def _turn(effects: pd.DataFrame) -> Row:
    """The most that a difference on one axis changes with the level of the other.

    A difference of differences: of levels a and b, at level d of the other axis instead of c; its
    interval is that of Bonferroni over all such.
    """
    ones, others = (effects.columns.unique(level) for level in (0, 1))
    changes = {
        (a, b, c, d): effects[b, d] - effects[a, d] - effects[b, c] + effects[a, c]
        for a, b in combinations(ones, 2)
        for c, d in combinations(others, 2)
    }
    means = {key: float(change.mean()) for key, change in changes.items()}
    a, b, c, d = most = max(means, key=lambda key: abs(means[key]))
    confidence = 1 - (1 - CONFIDENCE) / len(changes)
    one = compare(changes[most], np.zeros(len(effects)), confidence, resamples=0)
    shown = {"size": one.mean, "low": one.low, "high": one.high}
    return {**shown, "best": f"{a} to {b} at {c}", "worst": f"at {d}"}


def judged(table: pd.DataFrame, metrics: dict[str, Primary]) -> pd.DataFrame:
    """Adjust p by Holm over all terms of *table* and give each a verdict.

    A difference counts if it is shown and not smaller than the metric's ``absolute``.  What is the
    same in every replication cannot be tested against a spread: it counts as shown from six
    replications on, where the sign test alone falls below 5 %.
    """
    table = table.assign(p_holm=holm(table.p.astype(float)))
    verdicts = [_verdict(row, metrics[str(row.metric)]) for row in table.itertuples()]
    return table.assign(verdict=verdicts)


def _verdict(row: Any, metric: Primary) -> str:
    if row.replications < 2:
        return UNKNOWN
    if row.equal and row.size == 0:
        return EQUAL
    shown = 2 * 0.5**row.replications < 1 - CONFIDENCE if row.equal else row.p_holm < 1 - CONFIDENCE
    if not shown:
        return NOT_SHOWN
    return MATTERS if abs(row.size) >= metric.absolute else SMALL
