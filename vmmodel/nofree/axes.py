"""The choices a design of NOFREE pages is made of, and the combinations that cannot be built."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from vmmodel.kernel import Pool
from vmmodel.nofree.base import IMPORT_ORDER, IllegalFree

IMPORT_ORDERS = (0, 4, 6, 8, 9, 10, 12)
"""Orders of a chunk that the study compares; FreeBSD on amd64 has 9."""


class Structure(Enum):
    """Where idle pages of chunks are kept."""

    NONE = "none"
    BUMP = "bump"
    QUEUE = "queue"
    BITMAP = "bitmap"


class FreePath(Enum):
    """Who may free a NOFREE page."""

    NONE = "none"
    ANY = "any"
    OWN = "own"


class MultiPage(Enum):
    """How a request for several pages is served."""

    LOOP = "loop"
    BATCH = "batch"
    PARTIAL = "partial"


class Reuse(Enum):
    """Which idle page is handed out next."""

    LIFO = "lifo"
    ADDRESS = "address"


class ChunkReturn(Enum):
    """Whether a chunk goes back to the buddy lists when all its pages are idle."""

    NONE = "none"
    CHUNK = "chunk"


class Fallback(Enum):
    """What follows when no chunk of the import order can be had."""

    SCATTER = "scatter"
    WAIT = "wait"
    BREAK = "break"
    SMALLER = "smaller"


class ImpossibleDesign(ValueError):
    """A combination of choices that cannot be built: the reason, and what would do."""

    def __init__(self, reason: str, instead: str) -> None:
        super().__init__(reason, instead)
        self.reason, self.instead = reason, instead

    def __str__(self) -> str:
        return f"{self.reason}; {self.instead} would do"


@dataclass(frozen=True)
class Composition:
    """One choice on every axis; the defaults are what FreeBSD has (D49480 as landed).

    Raises `ImpossibleDesign` for a combination that cannot be built.

    >>> Composition(reuse=Reuse.ADDRESS, chunk_return=ChunkReturn.CHUNK).import_order
    9
    >>> Composition(free=FreePath.NONE, chunk_return=ChunkReturn.CHUNK)
    Traceback (most recent call last):
    vmmodel.nofree.axes.ImpossibleDesign: with free=none no page comes back, so no chunk is ever \
whole again; return=none, free=any or free=own would do
    """

    structure: Structure = Structure.QUEUE
    free: FreePath = FreePath.ANY
    illegal: IllegalFree = IllegalFree.PANIC
    """What `vm_page_free()` does with a NOFREE page that the free path does not allow it."""
    multi_page: MultiPage = MultiPage.LOOP
    reuse: Reuse = Reuse.LIFO
    chunk_return: ChunkReturn = ChunkReturn.NONE
    fallback: Fallback = Fallback.SCATTER
    import_order: int = IMPORT_ORDER
    import_pool: Pool = Pool.DEFAULT
    """Pool that chunks come from, and that their pages go to."""

    def __post_init__(self) -> None:
        for refusal in REFUSALS:
            if refusal.applies(self):
                raise ImpossibleDesign(refusal.reason, refusal.instead)


@dataclass(frozen=True)
class Axis:
    """One independent choice: how it is called and spelled."""

    field: str
    """Name of the field of `Composition`."""
    values: Mapping[str, Any]
    """Choices by their spelling."""
    meaning: str

    def spelled(self, choice: Composition) -> str:
        """Spell what *choice* has on this axis."""
        return next(word for word, v in self.values.items() if v == getattr(choice, self.field))


def _spelled(kind: type[Enum]) -> dict[str, Enum]:
    return {member.value: member for member in kind}


AXES: dict[str, Axis] = {
    "structure": Axis("structure", _spelled(Structure), Structure.__doc__ or ""),
    "free": Axis("free", _spelled(FreePath), FreePath.__doc__ or ""),
    "illegal": Axis("illegal", _spelled(IllegalFree), IllegalFree.__doc__ or ""),
    "multi": Axis("multi_page", _spelled(MultiPage), MultiPage.__doc__ or ""),
    "reuse": Axis("reuse", _spelled(Reuse), Reuse.__doc__ or ""),
    "return": Axis("chunk_return", _spelled(ChunkReturn), ChunkReturn.__doc__ or ""),
    "fallback": Axis("fallback", _spelled(Fallback), Fallback.__doc__ or ""),
    "import": Axis(
        "import_order", {str(order): order for order in IMPORT_ORDERS}, "Order of a chunk."
    ),
    "pool": Axis(
        "import_pool", {pool.name.lower(): pool for pool in Pool}, "Pool that chunks come from."
    ),
}
"""By the word that names the axis in a design's text."""


def applying(choice: Composition) -> list[str]:
    """List the axes on which what *choice* has means anything.

    >>> applying(Composition(Structure.NONE)), "illegal" in applying(Composition())
    (['structure'], False)
    """
    if choice.structure is Structure.NONE:
        return ["structure"]
    return [word for word in AXES if word != "illegal" or choice.free is not FreePath.ANY]


@dataclass(frozen=True)
class Refusal:
    """A combination that cannot be built."""

    applies: Callable[[Composition], bool]
    reason: str
    instead: str


def _is_more_than_pools(choice: Composition) -> bool:
    """Tell whether a design without chunks has a choice that is about chunks."""
    others = [f for f in fields(choice) if f.name != "structure"]
    chosen = any(getattr(choice, f.name) != f.default for f in others)
    return choice.structure is Structure.NONE and chosen


NO_CHUNK = Refusal(
    _is_more_than_pools,
    "with structure=none there is no chunk that the other choices could be about",
    "structure=none alone (the design ordinary)",
)
NO_ILLEGAL_FREE = Refusal(
    lambda c: c.free is FreePath.ANY and c.illegal is not IllegalFree.PANIC,
    "with free=any no free is illegal, so no outcome of one can be chosen",
    "free=none or free=own",
)
REFUSALS = (
    NO_CHUNK,
    NO_ILLEGAL_FREE,
    Refusal(
        lambda c: c.free is FreePath.NONE and c.reuse is Reuse.ADDRESS,
        "with free=none no page is used again, so there is no order of reuse",
        "reuse=lifo, free=any or free=own",
    ),
    Refusal(
        lambda c: c.free is FreePath.NONE and c.chunk_return is ChunkReturn.CHUNK,
        "with free=none no page comes back, so no chunk is ever whole again",
        "return=none, free=any or free=own",
    ),
    Refusal(
        lambda c: c.structure is Structure.BITMAP and c.reuse is Reuse.LIFO,
        "a bitmap does not remember in which order pages were freed",
        "reuse=address, or structure=bump or structure=queue",
    ),
    Refusal(
        lambda c: c.structure is Structure.BITMAP and c.free is FreePath.NONE,
        "with free=none a bitmap's bits would only ever be cleared in ascending order: a pointer",
        "structure=bump",
    ),
    Refusal(
        lambda c: c.multi_page is MultiPage.PARTIAL and c.fallback is Fallback.WAIT,
        "who holds a part of a request while it waits for the rest can deadlock with others",
        "fallback=scatter, or multi=batch or multi=loop",
    ),
    Refusal(
        lambda c: c.fallback is Fallback.SMALLER and c.import_order == 0,
        "nothing is smaller than import=0",
        "fallback=scatter",
    ),
)
