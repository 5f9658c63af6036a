"""Closed forms against enumeration, simple draws, and the designs themselves."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from nofree.driver import SYSTEM

from vmmodel.analysis.expected import stranded_tail, tainted_regions, whole_chunks
from vmmodel.kernel import Mark, RequestClass, Vm
from vmmodel.nofree import design


@pytest.mark.parametrize("mean", [0.0, 1.0, 3.5, 700.0])
def test_stranded_tail_is_the_sum_over_all_demands(mean: float) -> None:
    """The transform gives what summing the probabilities of every demand gives."""
    demands = np.arange(2000)
    log_p = demands * np.log(mean or 1) - mean - np.cumsum(np.log(np.maximum(demands, 1)))
    p = np.exp(log_p) if mean else (demands == 0)

    assert pytest.approx(float((p * (-demands % 512)).sum()), abs=1e-6) == stranded_tail(mean)


@pytest.mark.parametrize("order", [4, 9])
def test_stranded_tail_of_the_bump_pointer(order: int) -> None:
    """What the design has idle after Poisson demands is on average what the formula says.

    Tails are nearly even over a chunk, so the mean of 100 lies within four standard errors.
    """
    rng, chunk, means = np.random.default_rng(1), 1 << order, 1.3 * (1 << order)
    tails = []
    for demand in rng.poisson(means, 100).tolist():
        vm = Vm.of_size(8 * chunk)
        pages = design(f"bump:leak,import={order}" if order != 9 else "bump:leak").make(vm)
        for _ in range(demand):
            pages.alloc(SYSTEM)
        tails.append(pages.books.idle)
        vm.close()

    error = np.std(tails) / np.sqrt(len(tails))
    assert abs(np.mean(tails) - stranded_tail(means, chunk)) < 4 * error


@pytest.mark.parametrize("freed", range(9))
def test_whole_chunks_by_enumeration(freed: int) -> None:
    """Two chunks of four pages: every set of freed pages counted."""
    sets = [set(chosen) for chosen in combinations(range(8), freed)]
    whole = sum(({0, 1, 2, 3} <= s) + ({4, 5, 6, 7} <= s) for s in sets)

    assert pytest.approx(whole / comb(8, freed)) == whole_chunks(2, freed, chunk=4)


@pytest.mark.parametrize(
    ("name", "order", "chunks", "freed", "times"),
    [
        ("reclaim,import=4", 4, 20, 290, 30),
        ("reclaim,reuse=address,import=4", 4, 20, 290, 30),
        ("reclaim,structure=bitmap,reuse=address,import=4", 4, 20, 290, 30),
        ("reclaim", 9, 3, 1532, 20),
    ],
)
def test_chunks_that_reclaim_gives_back(
    name: str, order: int, chunks: int, freed: int, times: int
) -> None:
    """Pages freed at random give back as many chunks as the formula says, whatever the structure.

    That is 4.0 of 20 chunks of 16 pages with 290 of 320 freed, and 0.6 of 3 chunks of 512 with all
    but four freed; the mean lies within four standard errors.
    """
    rng, chunk = np.random.default_rng(2), 1 << order
    returned = []
    for _ in range(times):
        vm = Vm.of_size((chunks + 1) * chunk)
        pages = design(name).make(vm)
        held = np.array([pages.alloc(SYSTEM) for _ in range(chunks * chunk)])
        for m in rng.permutation(held)[:freed].tolist():
            pages.free(m)
        returned.append(pages.books.returned // chunk)
        vm.close()

    error = np.std(returned) / np.sqrt(times)
    assert error > 0
    assert abs(np.mean(returned) - whole_chunks(chunks, freed, chunk)) < 4 * error


@pytest.mark.parametrize("pages", [0, 1, 60, 300])
def test_tainted_regions_of_scattered_pages(pages: int) -> None:
    """NOFREE pages from memory whose free pages are random taint as many regions as birthdays.

    All 64 regions are taken, *pages* random ones are freed, and the design without chunks gets
    exactly these; the mean of 25 draws lies within four standard errors.
    """
    rng, counts = np.random.default_rng(3), []
    for _ in range(25):
        vm = Vm.of_size(64 * 512)
        everything = [m for _ in range(8) for m in vm.pages_alloc(RequestClass.INTERRUPT, 4096)]
        free = rng.permutation(everything)[:pages].tolist()
        vm.pages_free(free)
        vm.set_threshold("interrupt_free_min", 0)
        nofree = design("ordinary").make(vm)
        assert sorted(free) == sorted(nofree.alloc(SYSTEM) for _ in range(pages))
        _, marks = vm.regions()
        counts.append(int((marks[:, Mark.IN_USE] > 0).sum()))
        vm.close()

    error = np.std(counts) / np.sqrt(len(counts))
    assert abs(np.mean(counts) - tainted_regions(64, pages)) <= 4 * error + 1e-6


def test_published_desktop_is_far_from_random_placement() -> None:
    """25 600 pages placed at random would taint 96 % of 16 GB; 25 % were counted (D23979).

    So the pages of the VM OBJECT zone lie together already without chunks.
    """
    assert pytest.approx(0.957, abs=1e-3) == tainted_regions(8192, 25_600) / 8192
    assert tainted_regions(8192, 2360) / 8192 == pytest.approx(0.25, abs=1e-3)
