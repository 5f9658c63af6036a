"""Counters watched while a machine runs."""

import pytest

from vmmodel.experiment.scenario import SCENARIOS
from vmmodel.questions.watch import Look, watch
from vmmodel.sim.script import Script

FAILING = {"memory_gb": "1", "seconds": "10", "requests": "100", "second_failure": "1"}
SHORT = {"memory_mb": "256", "seconds": "20", "refills": "200", "page_failure": "0.01"}


def looks_at(name: str, values: dict[str, str], design: str) -> list[Look]:
    """Watch a small scenario."""
    script = SCENARIOS[name].with_values(values).script(1, "", 0)
    assert isinstance(script, Script)
    return watch(script, design)


@pytest.mark.parametrize(("design", "gone"), [("freeable", 0), ("bump:leak", 100)])
def test_failures_alone(design: str, gone: int) -> None:
    """Nobody uses a page; what the kernel counts as handed out is what leaked."""
    last = looks_at("second-resource", FAILING, design)[-1]

    assert (gone, gone, gone) == (last.v_nofree_count, last.unaccounted, last.stranded)
    assert (0, 100, 512 - gone) == (last.live, last.freed, last.nofreeq_size)


def test_looks_are_a_second_apart_and_freed_only_grows() -> None:
    """From the start to the horizon there is a look a second."""
    looks = looks_at("second-resource", FAILING, "freeable")
    freed = [look.freed for look in looks]

    assert 11 == len(looks)
    assert sorted(freed) == freed
    assert 0 == freed[0]


def test_fallback_pages_are_not_counted() -> None:
    """Out of memory the counter misses fallback pages in use, and those freed once more."""
    looks = looks_at("syzkaller", SHORT, "freeable")

    assert all(-look.unaccounted == look.fallback + look.captured for look in looks)
    assert looks[-1].fallback > 0
