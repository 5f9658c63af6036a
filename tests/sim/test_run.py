"""What holds in every run: samples, maps and books agree, and designs differ only by their kind."""

from itertools import pairwise

import numpy as np
import pytest
from sim.tiny import SMALL, small_script, tiny_prices, tiny_script

from vmmodel.consumers.layout import keg_layout
from vmmodel.consumers.memory import Injection
from vmmodel.experiment.schema import KEY, TABLES
from vmmodel.experiment.tables import RUN_TABLES, run_tables
from vmmodel.kernel import Mark
from vmmodel.nofree import DESIGNS
from vmmodel.sim.run import Machine, RunResult
from vmmodel.sim.script import ObjectPage, Refill, Script

CHUNKS = ["bump:panic", "bump:escape", "bump:leak", "freeable", "separate", "reclaim"]
"""Designs with chunks that serve one page at a time."""

each_scenario = pytest.mark.parametrize("scenario", SMALL)
each_design = pytest.mark.parametrize("design", DESIGNS)


def maps_equal(one: RunResult, other: RunResult) -> bool:
    """Whether two runs leave the same map of memory at every sample."""
    return len(one.maps) == len(other.maps) and all(
        a[0] == b[0] and np.array_equal(a[1], b[1]) and np.array_equal(a[2], b[2])
        for a, b in zip(one.maps, other.maps, strict=True)
    )


@each_scenario
@each_design
def test_maps_and_books_agree(scenario: str, design: str) -> None:
    """At every sample the marks of all pages count to what the books say."""
    result = Machine(small_script(scenario), design).run(9, nmaps=9)

    completed = result.run["outcome"] == "completed"
    sampled = result.samples if completed else result.samples[:-1]  # a panic maps nothing
    assert len(sampled) == len(result.maps)
    for sample, (time_ns, free, marks) in zip(sampled, result.maps, strict=True):
        assert sample["time_ns"] == time_ns
        kinds = {mark.name.lower(): int(marks[:, mark].sum()) for mark in Mark if mark}
        assert {name: sample[name] for name in kinds} == kinds
        assert sample["free_count"] == free.sum()
        assert sample["free_count"] == sum(sample[f"n{order}"] << order for order in range(13))
        assert sample["free_regions"] == (free == 512).sum()
        assert sample["pinned_regions"] == marks[:, 1:].any(axis=1).sum()
        assert (free + marks.sum(axis=1) == 512).all()


@pytest.mark.parametrize(
    ("design", "column"), [("bump:leak", "leaked"), ("batch", "leaked"), ("freeable", "idle")]
)
def test_fallback_pages_that_came_back(design: str, column: str) -> None:
    """A fallback page that is leaked or captured is so in the samples, the map and the run."""
    script = tiny_script([(0, ObjectPage(Injection(second=0)))], npages=300)

    result = Machine(script, design, tiny_prices()).run(2, nmaps=2)

    assert 1 == result.run["fallbacks"]
    assert (1, 0) == (result.run[column], result.run["fallback"])
    assert (1, 0) == (result.samples[-1][column], result.samples[-1]["fallback"])
    assert 1 == result.maps[-1][2][:, Mark[column.upper()]].sum()


@each_scenario
def test_samples_are_evenly_spaced(scenario: str) -> None:
    """A completed run has exactly the samples asked for, from the start to the horizon."""
    script = small_script(scenario)

    result = Machine(script, "freeable").run(11, nmaps=3)

    assert [i * script.horizon_ns // 10 for i in range(11)] == [
        sample["time_ns"] for sample in result.samples
    ]
    assert 3 == len(result.maps)
    assert script.horizon_ns == result.run["end_ns"]


@each_scenario
@each_design
def test_rows_fit_the_schema(scenario: str, design: str) -> None:
    """Every table of a run has the columns of the schema, none missing and none over."""
    result = Machine(small_script(scenario), design).run(4, nmaps=2)

    tables = run_tables(result, seed=1)

    for name, rows in (
        ("runs", [{"seed": 1, **result.run}]),
        ("samples", result.samples),
        ("latencies", result.latencies),
        ("events", result.events),
    ):
        for row in rows:
            assert set(TABLES[name].names) == {*KEY, *row}
        assert tables[name].num_rows == len(rows)
    assert tables["regions"].num_rows == len(result.maps) * result.run["regions"]
    assert all(tables[name].schema.equals(schema) for name, schema in RUN_TABLES.items())


@each_scenario
@each_design
def test_parts_of_a_latency(scenario: str, design: str) -> None:
    """Every operation is counted once as wait, work and total; only the lock is waited for."""
    result = Machine(small_script(scenario), design).run(2)

    counts: dict[tuple[str, str], int] = {}
    low = {"wait": 0, "work": 0, "total": 0}
    for row in result.latencies:
        assert row["count"] > 0
        key = row["operation"], row["part"]
        counts[key] = counts.get(key, 0) + row["count"]
        low[row["part"]] += row["low_ns"] * row["count"]
    operations = {operation for operation, _ in counts}
    for operation in operations:
        assert 1 == len({counts[operation, part] for part in ("wait", "work", "total")})
    assert low["total"] == pytest.approx(low["wait"] + low["work"], rel=0.01)
    assert low["work"] > 0


@each_scenario
@each_design
def test_latency_adds_up_over_time(scenario: str, design: str) -> None:
    """Running counts and sums never fall and end at what the histograms hold."""
    result = Machine(small_script(scenario), design).run(8)
    columns = ("answered", "answered_wait_ns", "answered_total_ns")

    for column in columns:
        values = [sample[column] for sample in result.samples]
        assert sorted(values) == values
    rows = [row for row in result.latencies if row["operation"] in ("slab", "object-page")]
    counts = [row["count"] for row in rows if row["part"] == "total"]
    answered, wait, total = (result.samples[-1][column] for column in columns)
    assert sum(counts) == answered
    assert 0 < answered <= result.run["requests"]
    for part, ns in (("wait", wait), ("total", total)):
        mine = [row for row in rows if row["part"] == part]
        least = sum(row["low_ns"] * row["count"] for row in mine)
        most = sum((row["high_ns"] - 1) * row["count"] for row in mine)
        assert least <= ns <= most


@each_scenario
@each_design
def test_same_script_same_run(scenario: str, design: str) -> None:
    """A run depends on script and design alone."""
    script = small_script(scenario)

    one, other = (Machine(script, design).run(4, nmaps=4) for _ in range(2))

    assert one.run == other.run
    assert one.samples == other.samples
    assert one.latencies == other.latencies
    assert one.events == other.events
    assert maps_equal(one, other)


def test_one_cpu_never_waits() -> None:
    """Who is alone waits for nobody."""
    result = Machine(small_script("second-resource", cpus="1"), "freeable").run(2)

    assert 0 == result.run["lock_wait_ns"]
    waits = [row for row in result.latencies if row["part"] == "wait"]
    assert {(0, 1)} == {(row["low_ns"], row["high_ns"]) for row in waits}


def without_failures() -> Script:
    """A small host on which nothing fails."""
    return small_script("hosts")


@each_design
def test_nothing_fails_without_failures(design: str) -> None:
    """With memory to spare and no failure drawn, no design rolls back, frees, leaks or panics."""
    run = Machine(without_failures(), design).run(2).run

    nothing = ("failed", "rollbacks", "rolled_back_pages", "second_failures", "init_failures")
    never = ("leaked", "escaped", "fallback", "fallbacks", "captured", "leaked_fallback")
    assert dict.fromkeys((*nothing, *never), 0) == {name: run[name] for name in (*nothing, *never)}
    assert ("completed", run["requested_pages"]) == (run["outcome"], run["in_use"])
    assert run["requested_pages"] > 100


def test_chunk_designs_place_alike() -> None:
    """Where nothing comes back, bump pointer and queues put every page in the same place.

    Nothing costs time here, so that all designs do everything in the same order.
    """
    script, free = without_failures(), tiny_prices()

    results = [Machine(script, design, free).run(8, nmaps=8) for design in CHUNKS]

    assert results[0].run["imports"] > 0
    for one, other in pairwise(results):
        assert maps_equal(one, other)
    assert not maps_equal(results[0], Machine(script, "ordinary", free).run(8, nmaps=8))


def test_batch_places_alike_without_multi_page_zones() -> None:
    """With slabs of one page only, a batch is the bump pointer."""
    recorded = without_failures()
    single = tuple((name, keg_layout(264, 8)) for name, _ in recorded.zones)
    script = Script(
        npages=recorded.npages,
        cpus=recorded.cpus,
        horizon_ns=recorded.horizon_ns,
        bucket=recorded.bucket,
        zones=single,
        boot=recorded.boot,
    )
    free = tiny_prices()
    assert any(isinstance(action, Refill) for cpu in script.cpus for _, action in cpu)

    bump = Machine(script, "bump:leak", free).run(8, nmaps=8)
    batch = Machine(script, "batch", free).run(8, nmaps=8)

    assert maps_equal(bump, batch)
    assert bump.run == batch.run


def test_panic_is_the_escape_until_it_comes() -> None:
    """Up to the panic, a kernel with INVARIANTS did what a release kernel does."""
    script, prices = small_script("second-resource"), tiny_prices()
    panic = Machine(script, "bump:panic", prices).run(50)
    escape = Machine(script, "bump:escape", prices).run(50)

    assert ("panic", "completed") == (panic.run["outcome"], escape.run["outcome"])
    before = panic.samples[:-1]
    assert escape.samples[: len(before)] == before
    assert 0 == panic.run["escaped"] < escape.run["escaped"]
