"""Callers that get it wrong: what each design makes of a bug, counted by outcome.

The bugs are drawn before any design sees them.  What a corrupt list does next is not followed: a
silent outcome is where the model stops knowing, not the end of the damage.
"""

from collections.abc import Iterator
from enum import Enum
from functools import partial

from vmmodel.consumers.memory import Injection, Memory
from vmmodel.consumers.steps import Event, Locked, Step, Steps
from vmmodel.kernel import Mark
from vmmodel.nofree.base import IllegalFree, Panic


class Outcome(Enum):
    """How a bug ends."""

    PANIC = "panic"
    DETECTED = "detected"
    SILENT = "silent"
    LEAKED = "leaked"


def count(memory: Memory, bug: str, outcome: Outcome) -> Event:
    """Count an outcome, and give the event that tells of it."""
    name = f"bugs_{outcome.value}"
    setattr(memory.tally, name, getattr(memory.tally, name) + 1)
    return Event(f"{bug}-{outcome.value}", 1)


def wrong_free(memory: Memory, victim: float) -> Steps[None]:
    """Free a page that a NOFREE consumer uses, by `vm_page_free()`; *victim* in [0, 1) picks it.

    Where the page is taken, its user goes on to use it.  That is silent from the moment on at
    which somebody else gets the page, or it joins the general pool: users of NOFREE memory rely
    on its type being stable, as they look at it without a lock.
    """
    if not memory.held:
        return
    m = memory.held.pop(int(victim * len(memory.held)))
    illegal = memory.design.traits.illegal_free
    memory.tally.bugs += 1
    if illegal is IllegalFree.LEAK:  # the allocator knows better, and the user keeps the page
        yield count(memory, "wrong-free", Outcome.DETECTED)
        return
    if illegal is IllegalFree.PANIC:
        yield count(memory, "wrong-free", Outcome.PANIC)
    yield Locked(partial(memory.design.free, m))
    memory.exposed.add(m)
    yield from newly_reused(memory)


def newly_reused(memory: Memory) -> Iterator[Step]:
    """Count the exposed pages that are idle no more: each has two users now."""
    for m in sorted(memory.exposed):
        if memory.vm.marked(m) is not Mark.IDLE:
            memory.exposed.remove(m)
            yield count(memory, "wrong-free", Outcome.SILENT)


def free_unconverted(memory: Memory, m: int) -> Steps[None]:
    """Free *m* by `vm_page_free()` where the design has a function of its own for that.

    A page that escapes has no user any more: it is lost to its chunk, and harms nobody.
    """
    outcomes = {IllegalFree.PANIC: Outcome.PANIC, IllegalFree.LEAK: Outcome.LEAKED}
    illegal = memory.design.traits.illegal_free
    memory.tally.bugs += 1
    if illegal in outcomes:
        yield count(memory, "unconverted", outcomes[illegal])
    yield Locked(partial(memory.design.free, m))


def bugs_of_the_last_free(memory: Memory, m: int, injection: Injection) -> Steps[None]:
    """Let the bugs of *injection* happen to page *m*, which has just been given back."""
    if injection.queued:
        yield from _still_queued(memory, m, injection.asserted)
    if injection.twice:
        yield from _free_again(memory, m, injection.asserted)


def _still_queued(memory: Memory, m: int, asserted: bool) -> Steps[None]:
    """Link *m* among idle pages while a batch of its page queue still links it.

    A page is taken off its page queue lazily, after it was freed (question Q9 of the review).
    Whoever reuses its link meanwhile corrupts the page queue; a design that needs no link cannot.
    """
    memory.tally.bugs += 1
    if memory.vm.marked(m) is Mark.IDLE and memory.design.traits.links_in_pages:
        yield from _corrupt(memory, "still-queued", m, asserted)


def _free_again(memory: Memory, m: int, asserted: bool) -> Steps[None]:
    """Free *m* a second time, though nobody has it.

    A list that meets a page twice is corrupt, the buddy lists as well; kernels with INVARIANTS
    check the links of a list and the order of a page.  A bitmap has the bit set already, and a page
    that could not be freed the first time is refused again.
    """
    memory.tally.bugs += 1
    mark, traits = memory.vm.marked(m), memory.design.traits
    refused = mark is Mark.LEAKED or (mark is Mark.IDLE and traits.sees_double_free)
    if refused:
        yield count(memory, "double-free", Outcome.DETECTED)
    else:
        yield from _corrupt(memory, "double-free", m, asserted)


def _corrupt(memory: Memory, bug: str, m: int, asserted: bool) -> Steps[None]:
    """Find a list corrupt, by an assertion or not at all."""
    if asserted:
        yield count(memory, bug, Outcome.PANIC)
        raise Panic(f"{bug}: the links of page {m} are corrupt")
    yield count(memory, bug, Outcome.SILENT)
