"""The named designs, and how a reader names another one by its choices."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from vmmodel.errors import InputError, meant
from vmmodel.kernel import Vm
from vmmodel.nofree.axes import (
    AXES,
    NO_CHUNK,
    NO_ILLEGAL_FREE,
    ChunkReturn,
    Composition,
    FreePath,
    ImpossibleDesign,
    MultiPage,
    Structure,
    applying,
)
from vmmodel.nofree.base import IllegalFree, Nofree
from vmmodel.nofree.composed import compose


@dataclass(frozen=True)
class Design:
    """A design: how to make it, and what to tell a reader about it."""

    make: Callable[[Vm], Nofree]
    title: str
    summary: str
    source: str
    choice: Composition | None = None
    """Its choices, if it is put together from the parts here."""


def _composed(choice: Composition, title: str, summary: str, source: str) -> Design:
    return Design(partial(compose, choice=choice), title, summary, source, choice)


def _without_free(illegal: IllegalFree, multi_page: MultiPage = MultiPage.LOOP) -> Composition:
    """A bump pointer without a free path."""
    return Composition(Structure.BUMP, FreePath.NONE, illegal, multi_page)


BUMP = "a8693e89e3e4 (D45863), the state the review started from"

DESIGNS: dict[str, Design] = {
    "ordinary": _composed(
        Composition(Structure.NONE),
        "no NOFREE allocator",
        "every page comes from the general pools",
        "before a8693e89e3e4: what chunks are compared with",
    ),
    "bump:panic": _composed(
        _without_free(IllegalFree.PANIC),
        "bump pointer, a free panics",
        "chunks are used up in order; a kernel with INVARIANTS stops at a free",
        BUMP,
    ),
    "bump:escape": _composed(
        _without_free(IllegalFree.ESCAPE),
        "bump pointer, a free escapes",
        "chunks are used up in order; a release kernel lets a freed page join the general pool",
        BUMP,
    ),
    "bump:leak": _composed(
        _without_free(IllegalFree.LEAK),
        "bump pointer, a free leaks",
        "chunks are used up in order; the caller keeps for ever what it may not free",
        BUMP,
    ),
    "freeable": _composed(
        Composition(),
        "queue of runs, anyone frees",
        "vm_page_free() takes NOFREE pages back into a queue; the assertion is gone",
        "ae10431c9833 (D49480), as landed",
    ),
    "separate": _composed(
        Composition(free=FreePath.OWN),
        "queue of runs, own free function",
        "only vm_page_free_nofree() takes NOFREE pages back; the assertion stays",
        "a reviewer's wish in D49480; not built",
    ),
    "batch": _composed(
        _without_free(IllegalFree.LEAK, MultiPage.BATCH),
        "all-or-nothing batch, no free",
        "a request is served whole under one lock hold; whatever else fails keeps the page",
        "the alternative in D49480, D47050 without partial results; not built",
    ),
    "batch-partial": _composed(
        _without_free(IllegalFree.LEAK, MultiPage.PARTIAL),
        "batch with partial results, no free",
        "a request gets what there is under one lock hold; the caller keeps a part it cannot use",
        "D47050 (vm_page_alloc_pages, Needs Review when read); not built for NOFREE",
    ),
    "reclaim": _composed(
        Composition(chunk_return=ChunkReturn.CHUNK),
        "queue of runs, whole chunks go back",
        "as freeable; a chunk whose pages are all idle returns to the buddy lists",
        "asked in the D49480 thread; not built",
    ),
    "batch+separate": _composed(
        Composition(free=FreePath.OWN, multi_page=MultiPage.BATCH),
        "all-or-nothing batch, own free function",
        "several pages are served whole; what still fails is freed by vm_page_free_nofree()",
        "this study's synthesis of both sides of D49480; not built",
    ),
}
"""By name, in the order of every table and figure."""

BASELINE = "freeable"
"""What FreeBSD has; paired differences are against it."""

EXAMPLE = "freeable,reuse=address,return=chunk"


def design(name: str) -> Design:
    """Find a design by its name, or put one together: ``freeable,reuse=address,return=chunk``.

    The text is a named design and what differs from it.  `InputError` says what is unknown, and
    why a combination cannot be built.

    >>> design("freeable,free=own").title
    'queue of runs, own free function'
    """
    return DESIGNS.get(name) or _from_choice(_choice(name))


def canonical(name: str) -> str:
    """Give the one name of a design that a text describes: equal choices, equal name.

    >>> canonical("freeable,return=chunk"), canonical("freeable,return=chunk,import=6")
    ('reclaim', 'reclaim,import=6')
    """
    return name if name in DESIGNS else spelled(_choice(name))


def spelled(choice: Composition) -> str:
    """Word *choice* as the named design with the fewest differences, and these."""
    bare = choice.structure is Structure.NONE
    texts = [
        [name, *_differences(choice, named.choice)]
        for name, named in DESIGNS.items()
        if named.choice is not None and bare == (named.choice.structure is Structure.NONE)
    ]
    nearest = min(texts, key=_distance)
    return ",".join(nearest)


def _distance(text: list[str]) -> tuple[int, bool]:
    """Order wordings: the shortest first, of equals the one that starts from the baseline."""
    return len(text), text[0] != BASELINE


def _differences(choice: Composition, near: Composition) -> list[str]:
    return [
        f"{word}={axis.spelled(choice)}"
        for word, axis in AXES.items()
        if axis.spelled(choice) != axis.spelled(near)
    ]


def _from_choice(choice: Composition) -> Design:
    name = spelled(choice)
    if name in DESIGNS:
        return DESIGNS[name]
    base, _, changed = name.partition(",")
    near = DESIGNS[base]
    words = changed.replace(",", ", ")
    return _composed(choice, f"{near.title}; {words}", f"as {base}, but {words}", "a reader's own")


def _choice(name: str) -> Composition:
    """Read a text of choices."""
    base, *words = name.split(",")
    if base.partition("=")[0] in AXES:
        what = f"{base!r} is a choice, and no design comes before it"
        raise InputError("--design", what, f"a design first, as in {EXAMPLE}")
    if base not in DESIGNS:
        what = f"{base!r} is unknown{meant(base, DESIGNS)}"
        raise InputError("--design", what, ", ".join(DESIGNS))
    choice = DESIGNS[base].choice
    if choice is None:
        raise InputError("--design", f"{base!r} is not made of parts", "its name alone")
    changed: dict[str, Any] = {}
    for word in words:
        key, value = _changed(word)
        if key in changed:
            raise InputError("--design", f"{name!r} has {key} twice", "each axis once")
        changed[key] = value
    try:
        made = replace(choice, **{AXES[key].field: value for key, value in changed.items()})
        _hold_meaning(made, choice, changed)
    except ImpossibleDesign as refusal:
        what = f"{name!r} cannot be built: {refusal.reason}"
        raise InputError("--design", what, refusal.instead) from None
    return made


def _hold_meaning(made: Composition, base: Composition, keys: Iterable[str]) -> None:
    """Refuse a choice on an axis that means nothing in *made* and that changes nothing of *base*.

    What changes the base may have to be named: ``batch,free=any,illegal=panic``.
    """
    for key in keys:
        axis = AXES[key]
        if key not in applying(made) and axis.spelled(made) == axis.spelled(base):
            refusal = NO_CHUNK if made.structure is Structure.NONE else NO_ILLEGAL_FREE
            raise ImpossibleDesign(refusal.reason, refusal.instead)


def _changed(word: str) -> tuple[str, Any]:
    """Read one AXIS=CHOICE: the word of the axis, and what is chosen."""
    key, equals, value = word.partition("=")
    if key not in AXES or not equals:
        raise InputError("--design", f"{word!r} is no choice{meant(key, AXES)}", EXAMPLE)
    axis = AXES[key]
    if value not in axis.values:
        what = f"{key} is {value!r}{meant(value, axis.values)}"
        raise InputError("--design", what, ", ".join(axis.values))
    return key, axis.values[value]


def known_designs(names: Iterable[str]) -> tuple[str, ...]:
    """Check designs, all the named ones by default; `InputError` says what is wrong with one.

    The named ones come first, in their order, then those that a text describes, as given.

    >>> known_designs(["batch,import=6", "batch", "ordinary"])
    ('ordinary', 'batch', 'batch,import=6')
    """
    known = list(dict.fromkeys(map(canonical, names)))
    named = [name for name in DESIGNS if not known or name in known]
    return (*named, *(name for name in known if name not in DESIGNS))
