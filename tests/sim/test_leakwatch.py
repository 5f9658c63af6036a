"""FreeBSD's leak scripts, fed by hand and by a run."""

import pytest
from sim.tiny import run_tiny, tiny_script

from vmmodel.sim.leakwatch import SECOND_NS, LeakWatch, NewMaxima, RisingMinima
from vmmodel.sim.script import Action, ObjectPage


def test_the_fifty_first_maximum_is_one_too_many() -> None:
    """leaks.sh bears 50 new maxima, speaks at the next, and counts anew."""
    script = NewMaxima()
    for size in range(1, 51):
        script.sample(size)
    before = script.warnings
    for size in range(51, 103):
        script.sample(size)

    assert (0, 2, 102) == (before, script.warnings, script.maxima)


def test_a_sawtooth_has_few_maxima() -> None:
    """What falls back to where it was is no new maximum, however often it rises."""
    script = NewMaxima()
    for i in range(1000):
        script.sample(i % 20)

    assert (0, 19, 1000) == (script.warnings, script.maxima, script.samples)


def test_a_raised_minimum_is_noticed_after_two_minutes() -> None:
    """leaks2.sh speaks when 121 samples in a row lie ten or more above the minimum."""
    script = RisingMinima()
    script.sample(100)
    for _ in range(119):
        script.sample(110)
    before = script.warnings
    script.sample(110)

    assert (0, 1) == (before, script.warnings)


def test_near_the_minimum_counting_begins_again() -> None:
    """A sawtooth that comes down to within ten of its minimum is no leak to leaks2.sh."""
    script = RisingMinima()
    script.sample(100)
    for i in range(2000):
        script.sample(200 if i % 100 else 104 + i // 100 % 2)

    assert 0 == script.warnings


def test_the_very_minimum_is_passed_over() -> None:
    """A value equal to the minimum ends no count: leaks2.sh goes on to the next line."""
    script = RisingMinima()
    for i in range(123):
        script.sample(200 if i % 100 else 105)

    assert 1 == script.warnings


def test_after_it_spoke_the_minimum_stays() -> None:
    """Falling does not lower the minimum any more: only speaking again moves it."""
    script = RisingMinima()
    for size in [100, *[150] * 121, 20, *[200] * 120, 200]:
        script.sample(size)

    assert 2 == script.warnings


def test_a_watch_without_designs_samples_at_its_periods() -> None:
    """From 0 to 25 s there are 26 samples of a second and 3 of ten, whoever asks how often."""
    watch = LeakWatch()
    for now in (0, 1, 7 * SECOND_NS, 25 * SECOND_NS):
        watch.advance(now)

    assert (26, 3) == (watch.row()["leak2_samples"], watch.row()["leak_samples"])


@pytest.mark.parametrize(("every_s", "warnings"), [(10, 1), (20, 0)])
def test_a_run_feeds_the_scripts(every_s: int, warnings: int) -> None:
    """One page each ten seconds for 10 minutes is a leak to leaks.sh; half as many are not yet."""
    horizon_s = 600
    timeline: list[tuple[int, Action]] = [
        (t * SECOND_NS + 1, ObjectPage()) for t in range(0, horizon_s, every_s)
    ]
    row = run_tiny(tiny_script(timeline, horizon_ns=horizon_s * SECOND_NS)).run

    assert horizon_s // 10 + 1 == row["leak_samples"]
    assert horizon_s // every_s == row["leak_maxima"]
    assert (warnings, horizon_s + 1) == (row["leak_warnings"], row["leak2_samples"])
