"""The compiled clock of page traffic against the plain one, which is its definition."""

import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from sim.whole_scripts import Case, Outcome, Shape, random_case, run_case

from vmmodel.consumers.memory import Injection
from vmmodel.kernel.cstruct import CHECKED

ROOT = Path(__file__).parents[2]
MORE = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
SEEDS = [4, 7] if CHECKED else [*range(300 if MORE else 28), 74, 75]
"""In the last two the queue captures fallback pages."""
TINY = Shape(ncpus=2, ndomains=2, npages=4096, touched=1500)


def case_of(seed: int) -> Case:
    """Draw a case, a tiny one where nothing is compiled."""
    return random_case(seed, TINY if CHECKED else None)


@cache
def compiled_run(seed: int) -> Outcome:
    """Run a case once for all tests."""
    return run_case(case_of(seed), "compiled")


@pytest.mark.parametrize("seed", SEEDS)
def test_both_clocks_give_the_same_run(seed: int) -> None:
    """Trace, tables and final state are equal, and every promise holds at every sample."""
    plain = run_case(case_of(seed), "plain")

    assert [] == plain.differences(compiled_run(seed))


@pytest.mark.skipif(CHECKED, reason="two cases are too few")
def test_random_runs_do_what_they_are_to_try() -> None:
    """Among the cases are contention, refusal, broken reservations, swapping, rollback, panic."""
    outcomes = [compiled_run(seed) for seed in SEEDS]
    states, rows = [each.state for each in outcomes], [each.result.run for each in outcomes]

    assert all(any(state[name] for state in states) for name in ("refused", "swapped_in", "breaks"))
    assert any(state["lock 0"][1] for state in states)
    assert any(state["paging 0"][1] for state in states)
    assert any(state["reservations"].filled for state in states)
    assert all(any(row[name] for row in rows) for name in ("rollbacks", "fallbacks", "captured"))
    assert any(row["init_failures"] for row in rows)
    assert {"completed", "panic"} == {row["outcome"] for row in rows}


def test_same_script_gives_the_same_bytes() -> None:
    """A run leaves nothing behind that the next run of the same script could meet."""
    again = run_case(case_of(4), "compiled")

    assert [] == compiled_run(4).differences(again)


def test_script_digest_sees_everything_drawn() -> None:
    """Equal draws have equal digests, and other draws others."""
    script = random_case(5).script
    event = script.load.timelines[0].copy()
    event["gap"][-1] += 1
    timelines = (event, *script.load.timelines[1:])

    others = [
        random_case(6).script,
        replace(script, kasan=not script.kasan),
        replace(script, injections=(*script.injections, Injection(page=0))),
        replace(script, load=replace(script.load, timelines=timelines)),
        replace(script, load=replace(script.load, swap_zone=1)),
    ]

    assert random_case(5).script.digest == script.digest
    assert script.digest not in {other.digest for other in others}


@pytest.mark.skipif(CHECKED, reason="there is nothing compiled to compare with")
def test_checked_python_gives_the_same_run() -> None:
    """The uncompiled source, with every index and every store checked, does the same."""
    seed = 4
    here = run_case(random_case(seed, TINY), "compiled").state
    code = (
        "from sim.whole_scripts import Case, Outcome, Shape, random_case, run_case\n"
        "import sys\n"
        f"state = run_case(random_case({seed}, {TINY}), 'compiled').state\n"
        "print(state['digest'], state['operations'], 'numba' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "VMMODEL_CHECKED": "1",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert 1000 < here["operations"] < 5000
    assert ("", f"{here['digest']} {here['operations']} False") == (
        done.stderr,
        done.stdout.strip(),
    )
