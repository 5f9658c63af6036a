"""What is drawn for LLFree's fragmentation benchmark, and in which sizes."""

from collections import Counter

import numpy as np
import pytest

from vmmodel.workloads.llfree_frag import FragDraws, FragSizes, fill_turns, halving_turns

SIZES = FragSizes(8192, 4, 90, 10, rounds=3)


def by_thread(turns: np.ndarray, sizes: FragSizes = SIZES) -> list[list[int]]:
    """The places of each thread, in its own order and its own numbers."""
    return [
        [int(place) - thread * sizes.each for place in turns[thread :: sizes.nthreads]]
        for thread in range(sizes.nthreads)
    ]


def test_sizes_are_those_of_the_artifact() -> None:
    """Ten pages a thread are spared, then 90 % filled, half of it kept, 10 % of that moved."""
    share = (8192 - 4 * 10) // 4

    assert (share * 90 // 100, share * 90 // 100 // 2) == (SIZES.each, SIZES.kept)
    assert SIZES.kept * 10 // 100 == SIZES.moved


def test_threads_fill_all_their_places_and_free_the_second_half() -> None:
    """Every thread takes its places in order; those it frees are the ones beyond its half."""
    assert [list(range(SIZES.each))] * 4 == by_thread(fill_turns(SIZES))
    assert [list(range(SIZES.kept, SIZES.each))] * 4 == by_thread(halving_turns(SIZES))


def test_shuffle_is_over_all_threads() -> None:
    """The shuffle is a permutation; a thread's pages come from all threads alike."""
    shuffled = FragDraws(SIZES, 1).shuffle()
    owners = Counter((shuffled[: SIZES.each] // SIZES.each).tolist())

    assert list(range(4 * SIZES.each)) == sorted(shuffled.tolist())
    assert owners.keys() == {0, 1, 2, 3}
    assert max(owners.values()) - min(owners.values()) < 150  # 5.5 standard deviations


def test_a_round_is_a_sample_of_each_half() -> None:
    """Places of a thread are distinct, in its half, as many as it moves, and in random order."""
    for own in by_thread(FragDraws(SIZES, 1).round_turns()):
        assert SIZES.moved == len(own) == len(set(own))
        assert set(own) <= set(range(SIZES.kept))
        assert sorted(own) != own


def test_seed_decides_everything() -> None:
    """One seed draws the same twice; another draws something else, and so does the next round."""

    def drawn(seed: int) -> list[list[int]]:
        draws = FragDraws(SIZES, seed)
        return [draws.shuffle().tolist(), *(draws.round_turns().tolist() for _ in range(2))]

    assert drawn(1) == drawn(1)
    assert all(one != other for one, other in zip(drawn(1), drawn(2), strict=True))
    assert drawn(1)[1] != drawn(1)[2]


@pytest.mark.parametrize("threads", [1, 8])
def test_places_fit_in_32_bits(threads: int) -> None:
    """The largest memory, 128 GB, has places that an entry of a turn can name."""
    sizes = FragSizes(128 << 18, threads, 90, 10, rounds=1)

    assert sizes.each * threads < 1 << 31
