"""The whole machine at its extremes: what must be equal, nothing, or may only grow."""

from dataclasses import replace
from functools import cache

import pytest

from tests.workloads.small import small
from vmmodel.experiment.scenario import Scenario, scenario
from vmmodel.sim.machine import run_script
from vmmodel.sim.prices import Prices, load_prices
from vmmodel.sim.run import Row
from vmmodel.sim.whole import WholeMachine, WholeScript
from vmmodel.workloads.described import Described
from vmmodel.workloads.parse import validate

CHUNKS = (
    "bump:panic",
    "bump:escape",
    "bump:leak",
    "freeable",
    "separate",
    "batch",
    "batch-partial",
    "reclaim",
    "batch+separate",
    "freeable,structure=bitmap,reuse=address",
)

ROOMY = {"memory_gb": "2"}
"""Twice the memory of the small machine: there is no pressure."""


def free_of_charge() -> Prices:
    """Prices under which designs that serve the same pages take the same time for it: none."""
    return load_prices().with_values(dict.fromkeys(load_prices().events(), 0.0))


def run(script: WholeScript, design: str, prices: Prices) -> tuple[Row, int]:
    """Give the row of a run, every promise checked, and the digest of all page operations."""
    machine = WholeMachine(script, design, prices, check=True)
    result, digest = machine.run(5), int(machine.traffic.state["digest"])
    machine.close()
    return result.run, digest


def script_of(chosen: Scenario, replication: int = 0) -> WholeScript:
    """Draw a script of the whole machine."""
    script = chosen.script(1, "", replication)
    assert isinstance(script, WholeScript)
    return script


@cache
def roomy_runs() -> dict[str, tuple[Row, int]]:
    """A machine with plenty of memory, on which nothing fails, under every design."""
    script, prices = script_of(small("boot").with_values(ROOMY)), free_of_charge()
    return {design: run(script, design, prices) for design in CHUNKS}


@pytest.mark.parametrize("design", CHUNKS)
def test_where_nothing_fails_nothing_is_undone_or_lost(design: str) -> None:
    """No failure injected and none provoked: no rollback, no leak, no fallback, no page back."""
    row, _ = roomy_runs()[design]

    nothing = ["failed", "rollbacks", "rolled_back_pages", "second_failures", "init_failures"]
    nothing += ["leaked", "escaped", "fallback", "fallbacks", "failed_imports", "returned", "bugs"]
    assert dict.fromkeys(nothing, 0) == {name: row[name] for name in nothing}
    assert row["requests"] > 50
    assert "completed" == row["outcome"]


@pytest.mark.parametrize("design", CHUNKS[1:])
def test_where_nothing_fails_all_designs_are_equal_to_the_page(design: str) -> None:
    """Structure, free path, batch and return are nothing then: the same operations and pages."""
    first, its_digest = roomy_runs()[CHUNKS[0]]
    row, digest = roomy_runs()[design]

    places = ["in_use", "idle", "pinned_regions", "free_count", "imports", "v_nofree_count"]
    assert {name: first[name] for name in places} == {name: row[name] for name in places}
    assert its_digest == digest


def test_one_processor_waits_for_the_page_daemon_alone() -> None:
    """With plenty of memory the only processor has the free lock for itself; short of it, not."""
    plenty, short = (
        script_of(small("swap-storm").with_values(SOLID | {"cpus": "1", "memory_gb": gigabytes}))
        for gigabytes in ("2", "0.25")
    )

    assert 0 == run(plenty, "freeable", load_prices())[0]["lock_wait_ns"]
    assert 0 < run(short, "freeable", load_prices())[0]["lock_wait_ns"]


@pytest.mark.parametrize("replication", range(2))
def test_import_order_0_is_ordinary_in_scatter(replication: int) -> None:
    """Chunks of one page that go back at once end where the ordinary allocator's pages end.

    So it is where every page comes from the buddy lists.  On the whole machine `ordinary` is
    served by the per-CPU page cache, a bucket of neighbours at a time, and pins fewer regions.
    """
    script = scenario("hosts").script(1, "M5", replication)
    prices = free_of_charge()

    ordinary = run_script(script, "ordinary", prices, 5, 0).run
    single = run_script(script, "reclaim,import=0,pool=direct", prices, 5, 0).run

    places = ["pinned_regions", "free_count", "outcome", "requests"]
    assert {name: ordinary[name] for name in places} == {name: single[name] for name in places}
    assert ordinary["pinned_regions"] > 1


@pytest.mark.parametrize("replication", range(3))
def test_more_memory_never_more_fallback(replication: int) -> None:
    """The same demand in more memory: fewer pages from outside of chunks, at last none.

    Ordinary objects are large here, so that they use most of the reservations that they hold and
    free memory is free in blocks.  It need not be: see the next test.
    """
    outside = [fallbacks(gigabytes, SOLID, replication) for gigabytes in ("0.25", "0.5", "1", "2")]

    assert outside == sorted(outside, reverse=True)
    assert outside[0] > 0 == outside[-1]


SOLID = {"heaps.step": "64", "heaps.used_again": "1", "heaps.life.mean": "20"}
PIECES = {"heaps.step": "16", "heaps.used_again": "1", "heaps.life.mean": "20"}


def fallbacks(gigabytes: str, objects: dict[str, str], replication: int) -> int:
    """NOFREE pages from outside of chunks, of the small storm in so much memory."""
    demand = objects | {"heaps.total_gb": "1.2", "memory_gb": gigabytes}
    script = script_of(small("swap-storm").with_values(demand), replication)
    return int(run(script, "freeable", load_prices())[0]["fallbacks"])


def test_memory_that_is_free_in_reservations_does_not_help() -> None:
    """Small objects hold a reservation each: with twice the memory there is no block either.

    Most of the memory is free then, and none of it on the lists above order 9, as an import does
    not break reservations.  FreeBSD: vm_reserv_alloc_page() for OBJ_ANON reserves past the end.
    """
    one, two = fallbacks("1", PIECES, 0), fallbacks("2", PIECES, 0)

    assert one == two > 0


def with_failures(chosen: Scenario, **rates: float) -> Scenario:
    """Let pages, second resources or items fail, in a KASAN kernel, where every slab is mapped."""
    parameters = chosen.parameters
    assert isinstance(parameters, Described)
    tables = parameters.description.model_dump(exclude_none=True)
    tables["machine"]["kasan"] = True
    units = {"page": "of pages", "second": "of pages", "init": "of slabs"}
    tables["injections"] = {
        name: {"value": rates.get(name, 0.0), "unit": unit, "mark": "assumed", "source": "",
               "low": 0, "high": 1}
        for name, unit in units.items()
    }  # fmt: skip
    return replace(chosen, parameters=Described(validate(tables, "test")))


@pytest.mark.parametrize(("cause", "count"), [("page", "rollbacks"), ("init", "init_failures")])
def test_more_failures_never_fewer_rollbacks(cause: str, count: str) -> None:
    """Failures are drawn nested: those of a lower rate happen at a higher one, too."""
    counted = []
    for rate in (0.0, 0.01, 0.05, 0.2):
        script = script_of(with_failures(small("boot").with_values(ROOMY), **{cause: rate}))
        counted.append(run(script, "freeable", free_of_charge())[0][count])

    assert counted == sorted(counted)
    assert 0 == counted[0] < counted[-1]
