"""The artifact's measures: against its own numbers, the literal count and exhaustive search."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from vmmodel.analysis import llfree_frag
from vmmodel.analysis.llfree_frag import compaction_moves, level_names, load_published, report
from vmmodel.experiment.schema import ORDERS

REGION = 512


def two_pointers(free: list[int]) -> int:
    """Fill the fullest region from the emptiest until they meet, and count the pages."""
    left = sorted(free)
    full, empty, moves = 0, len(left) - 1, 0
    while full < empty:
        if left[full] == 0:
            full += 1
        elif left[empty] == REGION:
            empty -= 1
        else:
            moved = min(left[full], REGION - left[empty])
            left[full] -= moved
            left[empty] += moved
            moves += moved
    return moves


def fewest_moves(used: tuple[int, ...], size: int) -> int:
    """Try every assignment: all regions of *size* full or empty, but one for the rest."""
    full, rest = divmod(sum(used), size)
    targets = [[size] * full + ([rest] if rest else [])]
    targets[0] += [0] * (len(used) - len(targets[0]))
    return min(
        sum(max(0, goal - have) for have, goal in zip(used, arranged, strict=True))
        for arranged in permutations_of(targets[0])
    )


def permutations_of(values: list[int]) -> set[tuple[int, ...]]:
    """Every order of *values*."""
    if not values:
        return {()}
    return {
        (values[i], *rest)
        for i in range(len(values))
        for rest in permutations_of(values[:i] + values[i + 1 :])
    }


free_counts = st.one_of(st.integers(0, REGION), st.sampled_from([0, 1, 256, 511, 512]))


@examples(100)
@given(free=st.lists(free_counts, max_size=40))
def test_moves_are_those_of_two_pointers(free: list[int]) -> None:
    """The count by sorting is the count of the greedy walk."""
    assert two_pointers(free) == compaction_moves(np.array(free, np.int64))


@examples(60)
@given(free=st.lists(free_counts, min_size=1, max_size=6))
def test_moves_are_the_fewest(free: list[int]) -> None:
    """No other choice of the regions to fill needs fewer moves."""
    used = tuple(REGION - one for one in free)

    assert fewest_moves(used, REGION) == compaction_moves(np.array(free, np.int64))


@pytest.mark.parametrize(
    ("free", "moves"),
    [
        ([], 0),
        ([512], 0),
        ([0], 0),
        ([256], 0),
        ([256, 256], 256),
        ([1, 511], 1),
        ([200, 100], 100),
    ],
)
def test_moves_worked_by_hand(free: list[int], moves: int) -> None:
    """Nothing to move, halves joined, a last page moved into the last hole."""
    assert moves == compaction_moves(np.array(free, np.int64))


def test_metric_is_the_artifacts() -> None:
    """The published metric follows from the published frames, within a thousandth of its scale."""
    published = load_published()
    first, possible = published.free_2m_frames[0], published.free_4k_frames[0] / 512

    metric = llfree_frag.metric(published.free_2m_frames, first, possible)

    assert 0.001 > (metric - published.metric_0_to_50).abs().max()
    assert (1, 100) == (published["round"].min(), published["round"].max())


def rounds_of(*blocks: dict[int, int]) -> pd.DataFrame:
    """Make rounds with so many free blocks of each order."""
    rows = [
        {"round": number, **{n: some.get(order, 0) for order, n in enumerate(ORDERS)}}
        for number, some in enumerate(blocks)
    ]
    return pd.DataFrame(rows).assign(cached=3, lock_holds=7)


def test_report_worked_by_hand() -> None:
    """Frames, share, scale and levels of three rounds of four regions."""
    rounds = rounds_of({0: 200, 9: 1}, {0: 200, 9: 1}, {0: 100, 10: 1})
    free = [[200, 512, 0, 0], [100, 512, 100, 0], [100, 512, 512, 0]]
    regions = pd.DataFrame(
        [(number, r, n) for number, some in enumerate(free) for r, n in enumerate(some)],
        columns=["round", "region", "free"],
    )

    table = report(rounds, regions)

    assert [712, 712, 1124] == table.free_4k_frames.tolist()
    assert [1, 1, 2] == table.free_2m_frames.tolist()
    assert [0, 0, round(50 / (712 / 512 - 1), 6)] == table.metric_0_to_50.tolist()
    assert [0, 100, 0] == table.compaction_moves_4k_pages.tolist()
    assert [[2, 0, 1, 0, 0, 1], [1, 2, 0, 0, 0, 1], [1, 1, 0, 0, 0, 2]] == (
        table[level_names()].to_numpy().tolist()
    )


def test_levels_cover_a_region() -> None:
    """Every number of free pages has one level."""
    spans = [name.removeprefix("regions_free_").split("_") for name in level_names()]
    covered = [n for span in spans for n in range(int(span[0]), int(span[-1]) + 1)]

    assert list(range(513)) == covered
