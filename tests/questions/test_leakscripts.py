"""FreeBSD's leak scripts, on counters whose course is known."""

import pytest

from vmmodel.questions.leakscripts import new_maxima, rising_minima

SAW = [n % 100 for n in range(1000)]
"""Up and down between 0 and 99: no leak."""


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([0] * 1000, False),
        ([7] * 1000, False),
        (SAW[:60], True),
        ([0] * 100 + SAW[:50] * 20, False),
        (list(range(1, 51)), False),
        (list(range(1, 52)), True),
        ([5 * n for n in range(60)], True),
        (list(range(60, 0, -1)), False),
    ],
)
def test_new_maxima(samples: list[int], expected: bool) -> None:
    """More than 50 values above all before them are called a leak, whatever their distance."""
    assert expected == new_maxima(samples)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([], False),
        ([0] * 1000, False),
        (SAW, False),
        ([n + n // 100 * 50 for n in SAW], False),
        ([50] * 10 + [60 + n for n in SAW] * 2, True),
        ([0] + [10] * 1000, False),
        ([5] + [15] * 119, False),
        ([5] + [15] * 120, True),
        ([100] + [109] * 1000, False),
        ([3 * n for n in range(200)], False),
        ([20 * n for n in range(1, 200)], True),
    ],
)
def test_rising_minima(samples: list[int], expected: bool) -> None:
    """Two minutes well above the last minimum are called a leak; a fall starts anew."""
    assert expected == rising_minima(samples)
