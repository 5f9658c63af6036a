"""Replications are added in blocks until precise, or to the limit, and none is run twice."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from commands.calls import call, refusal
from experiment.small import VALUES, leftovers, small_sweep, table_bytes

from vmmodel.analysis import tables
from vmmodel.analysis.precision import precision_table
from vmmodel.experiment import unit as unit_module
from vmmodel.experiment.sequential import run_until, stages
from vmmodel.experiment.sweep import Sweep
from vmmodel.sim.machine import AnyScript, run_script
from vmmodel.sim.run import RunResult


@pytest.mark.parametrize(
    ("first", "limit", "expected"),
    [(10, 10, [10]), (10, 25, [10, 15, 20, 25]), (3, 9, [3, 8, 9]), (10, 5, [5]), (1, 1, [1])],
)
def test_stages(first: int, limit: int, expected: list[int]) -> None:
    """Blocks of five, and the limit whatever the block."""
    assert expected == list(stages(first, limit))


@pytest.mark.parametrize(("enough", "last"), [(1, 3), (8, 8), (9, 13), (99, 20)])
def test_it_stops_when_content(enough: int, last: int) -> None:
    """The first stage that contents ends it; without one, the limit does."""
    ran: list[int] = []

    found = run_until(
        small_sweep(3), 20, lambda s: ran.append(s.replications), lambda: ran[-1] >= enough
    )

    assert last == found.replications == ran[-1]
    assert sorted(set(ran)) == ran


def words(out: Path, *more: str) -> list[str]:
    """A small run of two designs on the command line."""
    values = [word for name, value in VALUES.items() for word in ("--set", f"{name}={value}")]
    designs = ["--design", "freeable", "--design", "bump:leak"]
    return ["run", "second-resource", *values, *designs, "--workers", "1", "--out", str(out), *more]


def test_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No run is made twice; what was reached is a table; the tables are those of a plain run."""
    made: list[str] = []

    def run(script: AnyScript, design: str, *words: Any, **more: Any) -> RunResult:
        made.append(design)
        return run_script(script, design, *words, **more)

    monkeypatch.setattr(unit_module, "run_script", run)
    out, plain = tmp_path / "out", tmp_path / "plain"

    assert 0 == call(*words(out, "--precision", "0.25", "--max-replications", "40"))

    table = pd.read_parquet(out / "precision.parquet")
    study = tables.load(out)
    n = int(study.meta["replications"])
    assert 10 <= n <= 40
    assert 2 * n == len(made)
    assert precision_table(study, 0.25).equals(table)
    assert ["reached"] * 3 == table.state.to_list()
    assert (table.half_width <= table.target).all()
    assert f"After {n} replications" in capsys.readouterr().out
    assert [] == leftovers(out)
    assert 0 == call(*words(plain, "--replications", str(n)))
    assert table_bytes(plain) == table_bytes(out)


def test_the_limit_is_said(tmp_path: Path) -> None:
    """What could not be reached is open in the table, and the command still succeeds."""
    out = tmp_path / "out"

    assert 0 == call(*words(out, "--precision", "0.0001", "--max-replications", "3"))

    table = pd.read_parquet(out / "precision.parquet")
    assert {"open"} == set(table.state)
    assert {3} == set(table.n)


def test_a_precision_needs_a_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the baseline, or with a share that is none, one sentence and nothing written."""
    out = str(tmp_path / "out")
    alone = ["run", "second-resource", "--design", "batch", "--out", out, "--precision", "0.1"]

    assert "--design freeable and one more" in refusal(capsys, *alone)
    for value in ("0", "1", "nan", "x", "-0.1"):
        line = refusal(capsys, "run", "hosts", "--out", out, f"--precision={value}")
        assert line.startswith("study: argument --precision: ")
    assert [] == list(tmp_path.iterdir())


def test_the_sweep_is_not_changed() -> None:
    """The copy that is run differs in its replications only."""
    sweep = small_sweep(2)
    ran: list[Sweep] = []
    run_until(sweep, 4, ran.append, lambda: False)

    assert [2, 4] == [one.replications for one in ran]
    assert {sweep.scenarios} == {one.scenarios for one in ran}
