"""The page daemon's controller against its formula, stated once more."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples
from traffic.small import files, timeline, traffic_of

from vmmodel.kernel.cstruct import CHECKED
from vmmodel.traffic.machine import Traffic

TARGET = 5647
"""free_target of 1 GB."""
PERIOD = 100
"""Ticks of a millisecond."""


@pytest.fixture(scope="module")
def traffic() -> Iterator[Traffic]:
    """A machine of 1 GB."""
    with traffic_of(files(1), timeline(), domains=(262144,)) as traffic:
        assert TARGET == traffic.vm.thresholds().free_target
        yield traffic


def outputs(traffic: Traffic, calls: list[tuple[int, int]]) -> list[int]:
    """Ask the controller, new, at each (tick, error) in turn."""
    pid = traffic._arrays["pid"].records[0]
    for field in ("ticks", "error", "olderror", "integral", "derivative", "output", "input"):
        pid[field] = 0
    asked = []
    for tick, error in calls:
        traffic.set_now(tick * 1_000_000)
        traffic.vm.set_free_count(TARGET - error)
        asked.append(traffic.daemon_tick(0))
    return asked


@dataclass
class Controller:
    """out = e/3 + I/4 + de/8, what was asked for before in the interval counting as done.

    Fractions are cut off towards zero; the integral stays within [0, 16 targets].
    """

    began: int = 0
    error: int = 0
    error_before: int = 0
    integral: int = 0
    asked: int = 0

    def output(self, tick: int, error: int) -> int:
        """Ask at *tick*, *error* pages below the target."""
        if tick - self.began >= PERIOD:
            self.began, self.error_before = tick, self.error
            self.error, self.asked, change = error, 0, error
        else:
            change = error - (self.error - self.asked)
            self.error += change
        self.integral = min(max(self.integral + change, 0), 16 * TARGET)
        difference = self.error - self.error_before
        wanted = int(self.error / 3) + self.integral // 4 + int(difference / 8)
        now = max(wanted - self.asked, 0)
        self.asked += now
        return now


def test_first_interval_by_hand(traffic: Traffic) -> None:
    """600 pages short: 600/3 + 600/4 + 600/8 = 425."""
    assert [425] == outputs(traffic, [(100, 600)])


def test_second_call_in_an_interval_asks_for_what_is_missing(traffic: Traffic) -> None:
    """What was freed as asked gives nothing; nothing freed gives 341 + 256 + 128 - 425 = 300."""
    assert [425, 0] == outputs(traffic, [(100, 600), (150, 175)])
    assert [425, 300] == outputs(traffic, [(100, 600), (150, 600)])


def test_steady_error_winds_up_to_the_bound_only(traffic: Traffic) -> None:
    """The integral is held at 16 targets, so its term never exceeds four targets."""
    asked = outputs(traffic, [(100 * i, TARGET) for i in range(1, 40)])

    assert TARGET // 3 + 4 * TARGET == asked[-1] == asked[16]
    assert asked[14] < asked[15]


def test_plenty_asks_for_nothing_and_forgets_the_integral(traffic: Traffic) -> None:
    """An error below zero takes the integral down to zero and not below."""
    plenty = [(200, -100_000), (300, -100_000)]

    assert [425, 0, 0, 425 - 600 // 8 + (600 + 100_000) // 8] == outputs(
        traffic, [(100, 600), *plenty, (400, 600)]
    )


@given(
    calls=st.lists(
        st.tuples(st.integers(1, 130), st.integers(TARGET - 262144, TARGET)),
        min_size=1,
        max_size=40,
    )
)
@examples(20 if CHECKED else 100)
def test_controller_is_its_formula(traffic: Traffic, calls: list[tuple[int, int]]) -> None:
    """At any ticks and any errors the kernel's arithmetic and the formula agree."""
    tick, controller, expected, asked = 0, Controller(), [], []
    for wait, error in calls:
        tick += wait
        asked.append((tick, error))
        expected.append(controller.output(tick, error))

    assert expected == outputs(traffic, asked)
