"""Points of the space of assumptions: the same tables however they come about, none run twice."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commands.calls import call, refusal
from experiment.small import VALUES
from experiment.test_locks import other_process

from vmmodel.analysis import sensitivity as analysis
from vmmodel.commands import sensitivity as command
from vmmodel.experiment import sensitivity
from vmmodel.experiment.factors import Values, factors
from vmmodel.experiment.scenario import scenario
from vmmodel.experiment.sensitivity import POINTS, Study, forget_points, run_points
from vmmodel.report.figures import sensitivity as drawn
from vmmodel.sim.machine import AnyScript, run_script
from vmmodel.sim.prices import Prices, load_prices
from vmmodel.sim.run import RunResult

FIXED = VALUES | {"requests": "600", "cpus": "2"}


def small_study(**changed: object) -> Study:
    """Batch against freeable under a small second-resource, of which one parameter is varied."""
    values = {name: value for name, value in FIXED.items() if name != "second_failure"}
    chosen, prices = scenario("second-resource", values=values), load_prices()
    varied = factors(chosen, prices, values)
    study = Study(chosen, "", ("batch", "freeable"), 1, 1, prices, varied)
    return replace(study, **changed)  # type: ignore[arg-type]


@pytest.fixture
def points() -> list[Values]:
    """Four points spread over the space."""
    return sensitivity.space_points(small_study().factors, 4, 1)


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, float]]:
    """The prices of all machines that are made from now on, in this process."""
    made: list[dict[str, float]] = []

    def run(script: AnyScript, design: str, prices: Prices, *words: Any) -> RunResult:
        made.append(prices.values())
        return run_script(script, design, prices, *words)

    monkeypatch.setattr(sensitivity, "run_script", run)
    return made


def same(one: dict[str, pd.DataFrame], other: dict[str, pd.DataFrame]) -> bool:
    """Whether all tables are equal."""
    return all(one[name].equals(other[name]) for name in ("runs", "latencies"))


def test_every_point_is_run_with_its_values(
    points: list[Values], tmp_path: Path, machines: list[dict[str, float]]
) -> None:
    """Both designs at each point's prices; the variant is its number."""
    tables = run_points(small_study(), points, tmp_path / "out", workers=1)

    assert 4 * 2 == len(machines)
    assert [points[0]["price.pte"]] * 2 == [prices["pte"] for prices in machines[:2]]
    assert ["00000", "00001", "00002", "00003"] == sorted(tables["runs"].variant.unique())
    assert {2} == set(tables["runs"].groupby("variant").size())
    failures = tables["runs"].groupby("variant").second_failures.sum().to_numpy()
    most = np.argmax([point["second_failure"] for point in points])
    assert failures[most] == failures.max() > 0


def test_workers_do_not_matter_and_nothing_is_run_twice(
    points: list[Values], tmp_path: Path, machines: list[dict[str, float]]
) -> None:
    """Two processes give the tables of one; the second time all is there."""
    study, done = small_study(), []
    alone = run_points(study, points, tmp_path / "a" / "out", workers=1)
    machines.clear()

    both = run_points(study, points, tmp_path / "b" / "out", workers=2, done=lambda: done.append(1))
    again = run_points(study, points, tmp_path / "b" / "out", workers=1)

    assert same(alone, both)
    assert same(alone, again)
    assert [] == machines
    assert 4 == len(done)


def test_what_was_finished_is_kept(
    points: list[Values], tmp_path: Path, machines: list[dict[str, float]]
) -> None:
    """Stopped after two points, the study goes on with the third; a damaged one is run again."""

    def stop() -> None:
        if len(machines) == 4:
            raise KeyboardInterrupt

    study, out = small_study(), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run_points(study, points, out, workers=1, done=stop)
    shards = sorted(tmp_path.glob(f"{POINTS}/*/*/runs.parquet"))
    assert 2 == len(shards)
    shards[0].write_bytes(b"PAR1")

    tables = run_points(study, points, out, workers=1)

    assert 4 + 4 + 2 == len(machines)
    assert same(tables, run_points(study, points, tmp_path / "other" / "out", workers=1))
    forget_points(out)
    assert not (tmp_path / POINTS).exists()


def test_a_digest_names_all_it_depends_on(points: list[Values]) -> None:
    """Another value, price, seed, design or number of replications is another point."""
    study, one = small_study(), points[0]
    digests = {
        study.digest(one),
        study.digest(one | {"price.pte": 11.0}),
        study.digest(one | {"second_failure": 0.01}),
        replace(study, seed=2).digest(one),
        replace(study, replications=3).digest(one),
        replace(study, designs=("bump:leak", "freeable")).digest(one),
    }

    assert 6 == len(digests)


def test_designs_move_what_they_should() -> None:
    """A step of Morris moves one factor; Saltelli leaves the others as assumed."""
    study = small_study()
    k = len(study.factors)
    walked = sensitivity.morris_points(study.factors, 3, 7)
    varied = [factor for factor in study.factors if factor.kind == "parameter"]
    saltelli = sensitivity.sobol_points(study.factors, varied, 4, 7)

    assert 3 * (k + 1) == len(walked)
    for one, other in pairwise(walked[: k + 1]):
        assert 1 == sum(one[name] != other[name] for name in one)
    assert 4 * (len(varied) + 2) == len(saltelli)
    assert {study.prices.pte.value} == {point["price.pte"] for point in saltelli}
    assert walked == sensitivity.morris_points(study.factors, 3, 7)


def words(out: Path, *more: str) -> list[str]:
    """The small study on the command line."""
    fixed = {name: value for name, value in FIXED.items() if name != "second_failure"}
    values = [word for name, value in fixed.items() for word in ("--set", f"{name}={value}")]
    return ["sensitivity", "second-resource", *values, "--workers", "1", "--out", str(out), *more]


def test_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four tables and a figure; what leaks rests on how often the second resource fails."""
    monkeypatch.setitem(command.PROFILES, "quick", command.Profile(1, 2, 3, 2, 1))
    out = tmp_path / "out"

    assert 0 == call(*words(out))

    printed = capsys.readouterr().out
    tables = analysis.load(out)
    assert {"assumed", "morris", "space", "sobol"} == set(tables["points"].stage)
    gone = tables["morris"][tables["morris"].metric == "gone"]
    assert "second_failure" == gone.factor.iloc[int(gone.mu_star.to_numpy().argmax())]
    assert [3, 3, 3] == tables["robustness"].points.to_list()
    assert "robustness: batch minus freeable" in printed
    assert ["out"] == [path.name for path in tmp_path.iterdir()]
    figure = drawn(out, ("batch", "freeable"))
    assert figure.svg == drawn(out, ("batch", "freeable")).svg
    assert "second_failure" in figure.alt
    assert "points spread over the space" in figure.caption


def test_refusals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A design against itself, an unknown one, a foreign folder: one sentence each."""
    assert "freeable is compared with itself" in refusal(
        capsys, *words(tmp_path / "out", "--design", "freeable")
    )
    assert "did you mean batch?" in refusal(capsys, *words(tmp_path / "out", "--design", "batsh"))
    (tmp_path / "thesis.tex").write_text("")
    assert "is no sweep" in refusal(capsys, *words(tmp_path))


def test_two_writers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that another study writes is refused before anything is run."""
    out = tmp_path / "out"

    with other_process(out, POINTS):
        line = refusal(capsys, *words(out))

    assert line.startswith(f"study: {out}: another ./study writes there, expected a folder ")
    assert not out.exists()


def test_a_design_that_panics_has_no_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no replication ends under both, that is said, and nothing is written."""
    monkeypatch.setitem(command.PROFILES, "quick", command.Profile(1, 2, 1, 2, 1))
    out = tmp_path / "out"

    status = call(*words(out, "--design", "bump:panic"))

    assert 2 == status
    last = capsys.readouterr().err.splitlines()[-1]
    assert "no replication ends under both bump:panic and freeable" in last
    assert not out.exists()
