"""Callers that get it wrong: what each design makes of each bug, worked out by hand."""

import pytest
from consumers.watched import Watch, check_conservation, new_memory

from vmmodel.consumers.kmem import kmem_malloc
from vmmodel.consumers.memory import Injection, Memory
from vmmodel.consumers.misuse import wrong_free
from vmmodel.consumers.page import alloc_object_page
from vmmodel.consumers.steps import run_now
from vmmodel.kernel import Mark
from vmmodel.nofree.base import Panic

FIRST = 4096
"""The first page of memory, where the first chunk begins."""
BITMAP = "freeable,structure=bitmap,reuse=address"
RELEASE = "separate,illegal=escape"

Counts = dict[str, int]


def outcomes(memory: Memory) -> Counts:
    """What became of the bugs, without the outcomes that did not occur."""
    kinds = ("panic", "detected", "silent", "leaked")
    found = {kind: getattr(memory.tally, f"bugs_{kind}") for kind in kinds}
    return {kind: n for kind, n in found.items() if n}


def two_pages(design: str) -> Memory:
    """Memory of whose first chunk two pages are in use."""
    memory = new_memory(design)
    for _ in range(2):
        run_now(alloc_object_page(memory))
    return memory


WRONG_FREE: dict[str, tuple[Counts, Counts]] = {
    "ordinary": ({"silent": 1}, {"silent": 1}),
    "bump:escape": ({"silent": 1}, {"silent": 1}),
    "bump:leak": ({"detected": 1}, {"detected": 1}),
    "freeable": ({}, {"silent": 1}),
    "freeable,reuse=address": ({}, {"silent": 1}),
    BITMAP: ({}, {"silent": 1}),
    "reclaim": ({}, {"silent": 1}),
    RELEASE: ({"silent": 1}, {"silent": 1}),
    "batch": ({"detected": 1}, {"detected": 1}),
    "batch-partial": ({"detected": 1}, {"detected": 1}),
}


@pytest.mark.parametrize("design", WRONG_FREE)
def test_wrong_free(design: str) -> None:
    """A page in use that is freed is refused, escapes at once, or waits for a second user."""
    memory, watch = two_pages(design), Watch()
    at_once, later = WRONG_FREE[design]

    watch.run(wrong_free(memory, 0.0))
    assert at_once == outcomes(memory)
    assert len(memory.exposed) == len(later) - len(at_once)
    run_now(alloc_object_page(memory))

    assert later == outcomes(memory)
    assert (1, set()) == (memory.tally.bugs, memory.exposed)
    check_conservation(memory)


@pytest.mark.parametrize("design", ["bump:panic", "separate", "batch+separate"])
def test_wrong_free_meets_the_assertion(design: str) -> None:
    """A design that keeps the assertion stops at a wrong free, before anything is freed."""
    memory = two_pages(design)

    with pytest.raises(Panic, match=f"attempting to free a PG_NOFREE page .{FIRST}."):
        run_now(wrong_free(memory, 0.0))

    assert {"panic": 1} == outcomes(memory)
    assert (2, set()) == (memory.design.books.in_use, memory.exposed)


def test_victim_is_picked_by_its_rank() -> None:
    """The page is named by when it was obtained, so that every design meets the same bug."""
    for victim, m in ((0.0, FIRST), (0.5, FIRST + 1), (0.99, FIRST + 1)):
        memory = two_pages("freeable")
        run_now(wrong_free(memory, victim))
        assert {m} == memory.exposed


def test_nobody_to_free_from() -> None:
    """Without a page in use there is no wrong free."""
    memory = new_memory("freeable")

    run_now(wrong_free(memory, 0.5))

    assert 0 == memory.tally.bugs


def test_page_with_two_users_is_counted_once() -> None:
    """The second user gets the page; a third request gets another one."""
    memory = two_pages("freeable")
    run_now(wrong_free(memory, 0.0))
    for _ in range(3):
        run_now(alloc_object_page(memory))

    assert {"silent": 1} == outcomes(memory)
    assert 1 == memory.held.count(FIRST)


def test_wrong_free_can_give_a_chunk_away() -> None:
    """When the last page in use is freed wrongly, its chunk joins the general pool under it."""
    memory = new_memory("reclaim")
    run_now(alloc_object_page(memory))

    run_now(wrong_free(memory, 0.0))

    assert {"silent": 1} == outcomes(memory)
    assert (512, Mark.ORDINARY) == (memory.design.books.returned, memory.vm.marked(FIRST))


# design, outcome in a release kernel, outcome with INVARIANTS
BUGS: dict[str, list[tuple[str, Counts, Counts]]] = {
    "unconverted": [
        ("ordinary", {}, {}),
        ("bump:leak", {}, {}),
        ("freeable", {}, {}),
        (RELEASE, {}, {}),
        ("separate,illegal=leak", {"leaked": 1}, {"leaked": 1}),
        ("separate", {"panic": 1}, {"panic": 1}),
        ("batch+separate", {"panic": 1}, {"panic": 1}),
    ],
    "twice": [
        ("ordinary", {"silent": 1}, {"panic": 1}),
        ("bump:escape", {"silent": 1}, {"panic": 1}),
        ("bump:leak", {"detected": 1}, {"detected": 1}),
        ("freeable", {"silent": 1}, {"panic": 1}),
        ("separate", {"silent": 1}, {"panic": 1}),
        ("freeable,structure=bump", {"silent": 1}, {"panic": 1}),
        (BITMAP, {"detected": 1}, {"detected": 1}),
    ],
    "queued": [
        ("ordinary", {}, {}),
        ("bump:leak", {}, {}),
        ("freeable", {"silent": 1}, {"panic": 1}),
        ("separate", {"silent": 1}, {"panic": 1}),
        ("freeable,structure=bump", {"silent": 1}, {"panic": 1}),
        (BITMAP, {}, {}),
    ],
}
CASES = [
    pytest.param(bug, design, asserted, with_ if asserted else without, id=f"{bug}-{design}")
    for bug, rows in BUGS.items()
    for design, without, with_ in rows
    for asserted in (False, True)
]


@pytest.mark.parametrize(("bug", "design", "asserted", "expected"), CASES)
def test_bug_in_a_clean_up(bug: str, design: str, asserted: bool, expected: Counts) -> None:
    """A page whose radix node cannot be had goes back, and the caller makes one mistake."""
    memory = new_memory(design)
    run_now(alloc_object_page(memory))
    injection = Injection(second=0, asserted=asserted, **{bug: True})

    try:
        run_now(alloc_object_page(memory, injection))
    except Panic:
        assert "panic" in expected

    assert expected == outcomes(memory)
    own_function = memory.design.traits.own_function
    assert int(bug != "unconverted" or own_function) == memory.tally.bugs


def test_bug_in_a_rollback_happens_once() -> None:
    """Of the pages of a rollback the last is freed twice; the event tells of it."""
    memory, watch = new_memory("freeable"), Watch()

    watch.run(kmem_malloc(memory, 4, waitok=False, injection=Injection(page=3, twice=True)))

    assert [("rollback", 3), ("double-free-silent", 1)] == watch.events
    assert (1, 1) == (memory.tally.bugs, memory.tally.bugs_silent)
    check_conservation(memory)


def test_unconverted_rollback_panics_at_its_first_page() -> None:
    """A consumer that was not converted to the own function stops a machine with INVARIANTS."""
    memory = new_memory("separate")
    steps = kmem_malloc(memory, 4, waitok=False, injection=Injection(page=3, unconverted=True))

    with pytest.raises(Panic):
        run_now(steps)

    assert (3, 1) == (memory.design.books.in_use, memory.tally.bugs)
