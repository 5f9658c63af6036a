"""Plans: how many runs, how long, from what was measured."""

from dataclasses import replace
from pathlib import Path

import pytest
from experiment.small import DESIGNS, small_sweep

from vmmodel.experiment import plan as plan_module
from vmmodel.experiment.plan import Costs, Plan, make_plan
from vmmodel.experiment.shards import Shards
from vmmodel.experiment.sweep import run_sweep, shards_of
from vmmodel.experiment.unit import Unit


def priced(seconds: float, units: list[Unit]) -> Plan:
    """A plan of *units* whose every run takes as long."""
    costs = Costs()
    for unit in units:
        for design in unit.designs:
            costs.add(unit, design, seconds)
    return Plan(sum(len(unit.designs) for unit in units), 0, tuple(units), costs)


def test_pilot_measures_what_is_unknown(tmp_path: Path) -> None:
    """Without earlier runs one is made for each setting, and nothing is written."""
    said: list[str] = []
    (scenario,) = small_sweep().scenarios
    settings = (scenario, replace(scenario, setting="again"))

    plan = make_plan(
        replace(small_sweep(), scenarios=settings), Shards(tmp_path / "shards"), said.append
    )

    assert (12, 0, 0, 2) == (plan.runs, plan.finished, plan.costs.earlier, plan.costs.pilots)
    assert ["Measuring 2 pilot runs ..."] == said
    assert plan.computing > 0
    assert plan.costs.serial > 0
    assert [] == list(tmp_path.iterdir())


def test_pilots_are_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a hundred settings some are measured, evenly chosen."""
    monkeypatch.setattr(plan_module, "PILOTS", 3)
    (scenario,) = small_sweep().scenarios
    settings = tuple(replace(scenario, setting=f"n={i}") for i in range(100))

    plan = make_plan(replace(small_sweep(1), scenarios=settings), Shards(tmp_path))

    assert 3 == plan.costs.pilots
    assert 200 == plan.runs


def test_earlier_runs_are_the_measure(tmp_path: Path) -> None:
    """Where runs are finished their times are used, and only the rest is to be done."""
    run_sweep(small_sweep(2), tmp_path / "out", {}, workers=1, keep=True)

    plan = make_plan(small_sweep(3), shards_of(tmp_path / "out"))

    assert (6, 4, 4, 0) == (plan.runs, plan.finished, plan.costs.earlier, plan.costs.pilots)
    assert [2] == [unit.replication for unit in plan.left]
    assert plan.computing == pytest.approx(
        sum(plan.costs.of(plan.left[0], design) for design in DESIGNS)
    )


def test_all_finished_takes_no_time(tmp_path: Path) -> None:
    """A sweep that is done is planned to be done."""
    run_sweep(small_sweep(1), tmp_path / "out", {}, workers=1, keep=True)

    assert 0 == make_plan(small_sweep(1), shards_of(tmp_path / "out")).wall(2)


def test_time_falls_with_processors_until_the_longest_run() -> None:
    """Eight runs of a second: eight seconds on one, four on two, one on as many as there are."""
    plan = priced(1.0, small_sweep(4).units())

    assert [8, 4, 2, 1, 1] == [round(plan.wall(n), 9) for n in (1, 2, 4, 8, 1000)]


def test_what_one_process_does_is_added() -> None:
    """Keeping and writing runs is done by one process, however many others there are."""
    plan = priced(1.0, small_sweep(4).units())
    plan.costs.serial = 0.5

    assert 1 + 8 * 0.5 == pytest.approx(plan.wall(1000))


def test_most_alike_run_counts() -> None:
    """A run is estimated by its own design where that was measured, else by its setting."""
    unit, other = small_sweep(1).units()[0], small_sweep(1, cpus="2").units()[0]
    other = replace(other, scenario=replace(other.scenario, setting="cpus=2"))
    costs = Costs()
    costs.add(unit, "freeable", 1.0)
    costs.add(unit, "batch", 3.0)
    costs.add(other, "batch", 8.0)

    assert 3.0 == costs.of(unit, "batch")
    assert 2.0 == costs.of(unit, "ordinary")
    assert 8.0 == costs.of(other, "ordinary")
    assert 4.0 == costs.of(replace(unit, variant="x"), "batch")
    assert 0.0 == Costs().of(unit, "batch")
