"""Figures of the checks: whole, the same twice, readable on dark pages, with their numbers."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from vmmodel.analysis.llfree_frag import FragRun, load_published, report
from vmmodel.experiment.schema import ORDERS
from vmmodel.report import style
from vmmodel.report.figure import Figure
from vmmodel.report.llfree_frag import fragmentation
from vmmodel.report.lock_bulk import bulk_curve

REGIONS, ROUNDS = 64, 5


def made_up_run() -> FragRun:
    """64 regions, of which a tenth is free and the others become more unlike in each round."""
    rng = np.random.default_rng(1)
    rows, blocks = [], []
    for number in range(ROUNDS):
        free = np.clip(rng.normal(256, 10 + 20 * number, REGIONS), 0, 511).astype(int)
        free[:6] = 512
        rows.append(pd.DataFrame({"round": number, "region": range(REGIONS), "free": free}))
        small = int(free.sum()) - 6 * 512
        blocks.append({"round": number, **dict.fromkeys(ORDERS, 0), "n0": small, "n9": 6})
    rounds, regions = pd.DataFrame(blocks).assign(cached=0, lock_holds=9), pd.concat(rows)
    return FragRun(report(rounds, regions), regions, "128 MB, made up")


def made_up_curve() -> pd.DataFrame:
    """Two straight lines, published up to 8 cores."""
    cores = np.arange(1, 33)
    parts = []
    for phase, slope in (("alloc", 37.0), ("free", 44.0)):
        ns = np.maximum(95.0, slope * cores)
        parts.append(
            pd.DataFrame(
                {
                    "phase": phase,
                    "cores": cores,
                    "published_ns": np.where(cores <= 8, ns + 2, np.nan),
                    "fitted": cores <= 8,
                    "within_machine": cores <= 26,
                    "predicted_ns": ns,
                    "low_ns": 0.9 * ns,
                    "high_ns": 1.1 * ns,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


DRAWN: list[Callable[[], Figure]] = [
    lambda: fragmentation(made_up_run(), load_published()),
    lambda: bulk_curve(made_up_curve()),
]


@pytest.mark.parametrize("draw", DRAWN)
def test_a_figure_is_whole(draw: Callable[[], Figure]) -> None:
    """It has a valid small SVG, words for who cannot see it, a caption and its numbers."""
    figure = draw()
    ET.fromstring(figure.svg)

    assert len(figure.svg.encode()) < 60_000
    assert len(figure.alt) > 100
    assert figure.caption.endswith(".")
    assert not figure.data.empty


@pytest.mark.parametrize("draw", DRAWN)
def test_a_figure_is_drawn_the_same_twice(draw: Callable[[], Figure]) -> None:
    """The same tables give the same bytes."""
    assert draw().svg == draw().svg


@pytest.mark.parametrize("draw", DRAWN)
def test_a_figure_is_readable_on_dark_pages(draw: Callable[[], Figure]) -> None:
    """Nothing is black, and the colours of lines can be replaced by the page."""
    svg = draw().svg

    assert "#000" not in svg
    for seen in style.every_look():
        assert not re.search(rf"(?<!, ){seen.light}", svg)


def test_units_and_lines_are_named() -> None:
    """Axes carry units, and each line its name."""
    frag, bulk = (draw().svg for draw in DRAWN)

    assert all(word in frag for word in ("round", "moves per GB", "FreeBSD", "LLFree", "%"))
    assert all(word in bulk for word in ("cores", "ns per page", "allocating", "freeing"))


def test_published_series_is_set_beside_ours() -> None:
    """The numbers of both stand in one row of the same round; LLFree's are not ours."""
    data = fragmentation(made_up_run(), load_published()).data.set_index("round")

    assert [0, 1] == data.index.tolist()
    assert data.loc[0].isna().tolist() == [False, False, True, True]
    assert 14.8 == data.loc[1, "huge (LLFree)"]
    assert 48638.8 == data.loc[1, "moves (LLFree)"]
