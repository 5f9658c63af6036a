"""Trials of lazy dequeue: how they end for each place of the run length."""

import pytest

from vmmodel.consumers.lazyqueue import End, Play
from vmmodel.nofree.pagefields import PLACES
from vmmodel.workloads.lazy_dequeue import CHUNK, OTHERS, Hazard, draw_trials
from vmmodel.workloads.streams import Streams

SAFE: dict[Hazard, tuple[str, ...]] = {
    "import": ("plinks, dequeued", "pindex", "pindex, not reset", "ref_count, dequeued"),
    "free": ("plinks, dequeued", "pindex", "ref_count, dequeued"),
}


def ends(hazard: Hazard, place: str, checked: bool) -> set[End]:
    """Play some trials."""
    trials = draw_trials(hazard, 4, Streams(1, "test", "", 0))
    plays = [Play(PLACES[place], CHUNK, OTHERS, checked) for _ in trials]
    return {
        play.end(one.queued, one.pending, one.steps)
        for play, one in zip(plays, trials, strict=True)
    }


@pytest.mark.parametrize("checked", [False, True])
@pytest.mark.parametrize(
    ("hazard", "place"), [(h, p) for h, places in SAFE.items() for p in places]
)
def test_safe_places(hazard: Hazard, place: str, checked: bool) -> None:
    """What the page queue does not link through, or what is dequeued first, comes to no harm."""
    assert {End.SOUND} == ends(hazard, place, checked)


@pytest.mark.parametrize(
    ("hazard", "place"), [("import", "plinks"), ("free", "plinks"), ("free", "ref_count")]
)
def test_harm_is_silent_without_assertions(hazard: Hazard, place: str) -> None:
    """The same trials panic with INVARIANTS, and break the page queue or hand out pages without."""
    assert {End.PANIC} == ends(hazard, place, True)
    assert ends(hazard, place, False) <= {End.CORRUPT, End.SECOND_USER}


@pytest.mark.parametrize("place", PLACES)
def test_nothing_queued_is_sound(place: str) -> None:
    """Where no page is pending, as with unmanaged pages, the place does not matter."""
    others = range(CHUNK, CHUNK + OTHERS)
    steps = [("take", 0), ("requeue", 3), ("process", 0), ("take", 0)]

    assert End.SOUND is Play(PLACES[place], CHUNK, OTHERS, True).end(others, (), steps)
