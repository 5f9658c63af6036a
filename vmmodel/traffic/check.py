"""Where pages are while an actor waits for a lock or holds it: on no list and in no object."""

from typing import Any

from vmmodel.kernel.cstruct import outlined, stay_outlined
from vmmodel.kernel.pages import NO_PAGE, NPOOL
from vmmodel.traffic.pages import (
    ALLOCATE,
    BREAK,
    BUCKET,
    BUDDY,
    FREE_BUCKET,
    READY,
    START,
    pool_of,
)


@outlined
def pages_admitted(tr: Any, d: int) -> int:
    """Count pages of a domain that were taken from the free count, but not yet from the lists."""
    stay_outlined()
    pages = 0
    for a in range(tr.nactors):
        actor = tr.actor[a]
        if actor.acted == 0 and actor.domain == d and START <= actor.phase <= BUDDY:
            pool = pool_of(tr.object[actor.object])
            size = tr.machine[0].zone[d * NPOOL + pool].bucket_size
            pages += size if actor.phase == BUCKET else 1
    return pages


@outlined
def pages_in_hand(tr: Any) -> int:
    """Count pages that actors have just got, or are about to free."""
    stay_outlined()
    pages = 0
    for a in range(tr.nactors):
        actor = tr.actor[a]
        if actor.phase == READY or actor.phase == ALLOCATE or actor.phase == BREAK:
            continue
        if actor.phase < BREAK:
            pages += actor.acted != 0 and actor.page != NO_PAGE
        elif actor.phase == FREE_BUCKET:
            pages += 1
            if actor.acted == 0:
                pages += tr.machine[0].bucket[actor.bucket].count
        elif actor.acted == 0:
            pages += 1
    return pages
