"""Compositions for the contract: the named designs, and others so that every pair occurs."""

from itertools import combinations, product

from vmmodel.nofree import AXES, DESIGNS, Composition, ImpossibleDesign

Pair = tuple[tuple[str, str], tuple[str, str]]

OTHERS = [
    "bump:escape,structure=bitmap,free=own,multi=partial,reuse=address,return=chunk,fallback=break,import=0,pool=direct",
    "freeable,structure=bitmap,multi=batch,reuse=address,fallback=wait,import=4,pool=direct",
    "bump:leak,free=own,reuse=address,return=chunk,fallback=smaller,import=6,pool=direct",
    "freeable,free=none,multi=partial,fallback=smaller,import=8,pool=direct",
    "batch+separate,illegal=escape,reuse=address,return=chunk,fallback=wait,import=10",
    "freeable,structure=bump,fallback=break,import=12",
    "bump:leak,fallback=wait,import=0",
    "bump:leak,structure=bitmap,free=own,reuse=address,return=chunk,import=8",
    "batch,structure=queue,fallback=break,import=6",
    "batch+separate,structure=bitmap,illegal=escape,reuse=address,return=chunk,fallback=smaller,import=12",
    "freeable,structure=bump,multi=partial,import=10,pool=direct",
    "bump:escape,free=own,return=chunk,import=4",
    "batch-partial,structure=queue,import=12,pool=direct",
    "batch-partial,structure=queue,fallback=break,import=4",
    "freeable,multi=batch,import=0",
    "freeable,structure=bitmap,reuse=address,fallback=smaller,pool=direct",
    "freeable,structure=bitmap,multi=partial,reuse=address,import=6",
    "bump:escape,multi=batch,fallback=wait,import=8",
    "bump:leak,fallback=break,import=10",
    "bump:escape,fallback=wait,import=6",
    "freeable,structure=bump,fallback=break,import=8",
    "freeable,structure=bitmap,reuse=address,fallback=smaller,import=10",
    "bump:panic,fallback=wait",
    "bump:panic,fallback=wait,import=12",
    "bump:panic,fallback=break",
    "bump:panic,fallback=smaller,import=4",
]
"""Chosen greedily: each has as many pairs of choices as possible that did not occur before."""

COVERING = [*DESIGNS, *OTHERS]


def every_composition() -> list[Composition]:
    """All combinations that can be built."""
    found = []
    for choices in product(*(axis.values.values() for axis in AXES.values())):
        try:
            found.append(Composition(*choices))
        except ImpossibleDesign:
            continue
    return found


def pairs_of(choice: Composition) -> set[Pair]:
    """The choices of a composition, two by two."""
    words = [(word, axis.spelled(choice)) for word, axis in AXES.items()]
    return set(combinations(words, 2))
