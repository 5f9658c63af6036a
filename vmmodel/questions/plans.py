"""Which compositions of choices are run, so that the effect of each choice can be told apart.

6,809 of the 24,192 combinations of choices can be built, too many to run, and some levels never
meet: without a free path no page is used again.  So there are several plans.  A plan crosses
levels that are all compatible, in full or as a regular fraction, and keeps the other axes at one
level; within it no main effect and no two-way interaction is mistaken for another.  What two axes
do together is known where a plan crosses both (`pairs`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product

import pandas as pd

from vmmodel.nofree.axes import AXES, Composition, ImpossibleDesign
from vmmodel.nofree.named import spelled

FREE = "free"
"""Axis of plans that has the outcome of an illegal free in it: ``none:leak``."""

BASE: dict[str, str] = {
    "structure": "queue",
    FREE: "any",
    "multi": "loop",
    "reuse": "lifo",
    "return": "none",
    "fallback": "scatter",
    "import": "9",
    "pool": "default",
}
"""Every axis and the level that FreeBSD has: what a plan does not cross stays there."""

NOWHERE = {
    "structure=none": "without chunks the other choices have nothing to be about: Q1 compares it",
    "free=none:panic": "a run that ends in a panic has no end state",
}
"""Levels that no plan has, and why."""


def composition(levels: Mapping[str, str]) -> Composition:
    """Put a composition together; `ImpossibleDesign` says why it cannot be built."""
    free, _, illegal = levels[FREE].partition(":")
    words = {**levels, FREE: free, "illegal": illegal or "panic"}
    chosen = {AXES[word].field: AXES[word].values[level] for word, level in words.items()}
    return Composition(**chosen)


@dataclass(frozen=True)
class Plan:
    """Levels that are crossed."""

    name: str
    crossed: Mapping[str, tuple[str, ...]]
    """Axis to its levels, best known first."""
    why: str
    fixed: Mapping[str, str] | None = None
    """Axis to its level where it is not that of `BASE`."""
    generators: Mapping[str, str] | None = None
    """Of a fraction: axis to the axes (by place, A is the first) whose product it is."""

    @cached_property
    def cells(self) -> pd.DataFrame:
        """A row for each composition, a column for each axis that is crossed."""
        return pd.DataFrame(self._rows)

    @cached_property
    def _rows(self) -> list[dict[str, str]]:
        every = product(*self.crossed.values())
        rows = [dict(zip(self.crossed, levels, strict=True)) for levels in every]
        return [row for row in rows if self._in_fraction(row)]

    def _in_fraction(self, row: Mapping[str, str]) -> bool:
        """Whether the second level of a generated axis goes with an odd number of second levels."""
        odd = [self.crossed[axis].index(level) % 2 for axis, level in row.items()]
        number = dict(zip(self.crossed, odd, strict=True))
        return all(
            number[axis] == sum(odd["ABCDEFGH".index(letter)] for letter in word) % 2
            for axis, word in (self.generators or {}).items()
        )

    @cached_property
    def designs(self) -> tuple[str, ...]:
        """Name the designs, in the order of `cells`."""
        kept = {**BASE, **(self.fixed or {})}
        return tuple(spelled(composition({**kept, **row})) for row in self._rows)

    @property
    def kind(self) -> str:
        """Say how large a part of all combinations it has: ``64 of 256``."""
        full = len(list(product(*self.crossed.values())))
        return f"all {full}" if len(self.cells) == full else f"{len(self.cells)} of {full}"


CROSSED = Plan(
    "crossed",
    {
        "structure": ("queue", "bump"),
        FREE: ("any", "own"),
        "multi": ("loop", "batch"),
        "reuse": ("lifo", "address"),
        "return": ("none", "chunk"),
        "fallback": ("scatter", "smaller"),
        "import": ("9", "6"),
        "pool": ("default", "direct"),
    },
    "every axis at two compatible levels: a fraction of resolution V (pool = ABCD, import = ABEF),"
    " so a main effect or two-way interaction is confounded with those of three or more axes only",
    generators={"pool": "ABCD", "import": "ABEF"},
)
"""2^(8-2): constant are the products ABCD pool, ABEF import and CDEF pool import, of five axes or
more."""

FREEING = Plan(
    "freeing",
    {
        FREE: ("any", "own", "none:escape", "none:leak"),
        "multi": ("loop", "batch", "partial"),
    },
    "who may free, against how several pages are served: without a free path there is neither an"
    " order of reuse nor a return of chunks to cross",
)

STRUCTURES = Plan(
    "structures",
    {
        "structure": ("queue", "bump", "bitmap"),
        "multi": ("loop", "batch", "partial"),
        "return": ("none", "chunk"),
    },
    "all structures: a bitmap can reuse by address only, and only what may be freed",
    fixed={"reuse": "address"},
)

CHUNKS = Plan(
    "chunks",
    {
        "fallback": ("scatter", "wait", "break", "smaller"),
        "import": ("9", "8", "6"),
        "pool": ("default", "direct"),
    },
    "every fallback against orders that have a smaller one",
)

ORDERS = Plan(
    "orders",
    {"import": ("9", "0", "4", "6", "8", "10", "12"), "pool": ("default", "direct")},
    "every order of a chunk, order 0 too, which has no smaller one",
)

PLANS = {plan.name: plan for plan in (CROSSED, FREEING, STRUCTURES, CHUNKS, ORDERS)}


def levels() -> dict[str, tuple[str, ...]]:
    """Every axis with all levels that a plan may have; those of `NOWHERE` are not among them."""
    found = {word: tuple(axis.values) for word, axis in AXES.items() if word != "illegal"}
    found[FREE] = ("none:escape", "none:leak", "any", "own")
    return {**found, "structure": ("bump", "queue", "bitmap")}


def pairs() -> pd.DataFrame:
    """For each two levels of two axes: which plans cross them, or why none does."""
    rows = []
    for (one, ones), (other, others) in combinations(levels().items(), 2):
        for a, b in product(ones, others):
            crossing = [plan.name for plan in PLANS.values() if _meet(plan, {one: a, other: b})]
            crossed = ", ".join(crossing) or _refused({one: a, other: b}) or "not crossed"
            names = {"axis": one, "level": a, "other": other, "its_level": b}
            rows.append({**names, "crossed": crossed})
    return pd.DataFrame(rows)


def _meet(plan: Plan, pair: Mapping[str, str]) -> bool:
    return all(level in plan.crossed.get(axis, ()) for axis, level in pair.items())


def _refused(pair: Mapping[str, str]) -> str:
    """Why no design has both levels, or empty if one has."""
    reason = ""
    for others in _others(pair):
        try:
            composition({**others, **pair})
        except ImpossibleDesign as refusal:
            reason = f"impossible: {refusal.reason}"
        else:
            return ""
    return reason


def _others(pair: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Give levels for the other axes that are compatible with as much as can be."""
    for free, reuse in product(("none:leak", "any"), ("lifo", "address")):
        chosen = {**BASE, FREE: free, "reuse": reuse}
        yield {axis: level for axis, level in chosen.items() if axis not in pair}
