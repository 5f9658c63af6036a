"""What both kinds of machine write down at each sample adds up."""

from collections.abc import Iterator

import pytest
from sim.tiny import run_tiny, tiny_script
from sim.whole_scripts import Shape, random_case, run_case

from vmmodel.consumers.memory import Injection
from vmmodel.experiment.schema import RUNS, SAMPLES
from vmmodel.experiment.tables import RUN_TABLES
from vmmodel.kernel import Pool
from vmmodel.nofree import DESIGNS
from vmmodel.sim.run import Row, RunResult
from vmmodel.sim.script import Action, Give, ObjectPage, Squeeze, Take

CAUSES = [
    *("page_failures", "second_failures", "init_failures"),
    *("refused_class", "refused_empty", "refused_lists", "refused_chunk"),
]
SHAPE = Shape(ncpus=2, ndomains=2, npages=6000, touched=9000)
TIMELINE: list[tuple[int, Action]] = [
    (0, Take(0, 300, Pool.DEFAULT)),
    (10, ObjectPage()),
    (20, Take(1, 40, Pool.DIRECT)),
    (30, ObjectPage(Injection(second=0))),
    (40, Give(0)),
    (50, Squeeze(0)),
    *((60 + i, ObjectPage()) for i in range(600)),
]
"""Bursts of both pools, a page that comes back, and memory that runs out."""


def results(design: str) -> Iterator[tuple[int, RunResult]]:
    """Give pages and rows of a machine of each kind."""
    script = tiny_script(TIMELINE)
    yield script.npages, run_tiny(script, design, nsamples=9)
    case = random_case(list(DESIGNS).index(design) + 70, SHAPE)
    assert case.design == design
    yield SHAPE.npages, run_case(case, "compiled").result


def pages_of(row: Row) -> int:
    """All pages of a sample, wherever they are."""
    free = sum(row[f"n{order}"] << order for order in range(13))
    held = row["in_use"] + row["idle"] + row["leaked"] + row["fallback"]
    return int(free + held + row["user_pages"] + row["kernel_pages"] + row["reserved_free"])


@pytest.mark.parametrize("design", DESIGNS)
def test_every_page_is_somewhere_once(design: str) -> None:
    """Free lists, reservations, page structures and books know all pages between them."""
    for npages, result in results(design):
        assert {npages} == {pages_of(row) for row in result.samples}


@pytest.mark.parametrize("design", DESIGNS)
def test_every_failure_has_a_cause(design: str) -> None:
    """A cause is counted at the refusal, a failure when it is undone: at most a few later."""
    for _, result in results(design):
        run = result.run
        under_way = sum(run[cause] for cause in CAUSES) - run["failed"]
        assert 0 <= under_way <= (1 if run["outcome"] == "panic" else result.sleeping)


def test_both_machines_write_the_same_columns() -> None:
    """Neither has a column of its own, and none is missing."""
    for _, result in results("freeable"):
        assert {*RUN_TABLES["runs"].names} == {"seed", *result.run}
        for row in result.samples:
            assert {*RUN_TABLES["samples"].names} == {*row}
    assert len(RUN_TABLES["runs"]) < len(RUNS)
    assert len(RUN_TABLES["samples"]) < len(SAMPLES)
