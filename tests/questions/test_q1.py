"""Q1: what is said of pages gone for ever, and that failures are what makes them go."""

from dataclasses import replace

import pandas as pd
import pytest

from tests.questions.made_up import check_answer, table
from vmmodel.experiment.scenario import SCENARIOS
from vmmodel.questions.q1 import DESIGNS, JUDGED, Q1, ROUTES, SMALL
from vmmodel.sim.machine import run_script
from vmmodel.sim.prices import load_prices


def made(gone: dict[str, list[float]], rate: float = JUDGED) -> pd.DataFrame:
    """Invent runs in which designs lose so many pages on R2, run by run, and none elsewhere."""
    return table(
        Q1,
        (
            {
                "scenario": story,
                "setting": f"rate={rate:g}",
                "design": design,
                "replication": replication,
                "route": route,
                "rate": rate,
                "requested_pages": 1000,
                "gone": gone.get(design, [0.0] * 4)[replication] if route == "R2" else 0.0,
            }
            for story, route in ROUTES.items()
            for design in DESIGNS
            for replication in range(4)
        ),
    )


@pytest.mark.parametrize(
    ("batch", "freeable", "begins"),
    [
        ([3, 4, 3, 4], [0, 0, 0, 0], "A free is needed with batches too: `batch` leaves +3.5 "),
        ([0, 0, 0, 0], [3, 4, 3, 4], "No free is needed with batches"),
        ([0, 0, 0, 0], [0, 0, 0, 0], "No difference is shown: `batch` and `freeable` leave the sa"),
        ([0, 5, 0, 1], [0, 0, 3, 0], "No difference is shown: `batch` minus `freeable` is"),
        (
            [2, 2, 2, 2],
            [0, 0, 0, 0],
            "A free is needed with batches too: `batch` leaves +2.0 pages",
        ),
    ],
)
def test_sentence(batch: list[float], freeable: list[float], begins: str) -> None:
    """The sentence says what the table holds, whichever design it speaks for."""
    check_answer(Q1, made({"batch": batch, "freeable": freeable}), begins)


def test_nothing_measured() -> None:
    """Where all runs panicked the answer says that there is none."""
    panicked = [float("nan")] * 4
    found = Q1.answer(made({"batch": panicked, "freeable": panicked}))

    assert found.sentence.startswith("Nothing is measured at 0.001")


def test_turning_rate() -> None:
    """Two pages at 1e-3 in the three stories are one at 5e-4."""
    found = Q1.answer(made({"batch": [2.0] * 4}))

    assert "below a rate of 5.0e-04" in found.turns


@pytest.mark.parametrize("rate", ["0", "0.01"])
def test_failures_are_what_is_lost(rate: str) -> None:
    """A batch leaves a page for each failed insertion, and none where nothing fails."""
    story = SCENARIOS["second-resource"]
    story = story.with_values(SMALL["second-resource"] | {"requests": "500"})
    story = replace(story.with_values({"second_failure": rate}), setting=rate)

    run = run_script(story.script(1, "", 0), "batch", load_prices(), 2, 0).run

    assert run["second_failures"] == run["leaked"]
    assert (run["leaked"] > 0) == (rate != "0")
