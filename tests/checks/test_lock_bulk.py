"""The calibration of the free lock: planted values come back, the stored ones are found again."""

import numpy as np
import pandas as pd
import pytest

from vmmodel.checks.lock_bulk import (
    Calibration,
    Phase,
    by_definition,
    calibrate,
    load_published,
)
from vmmodel.checks.lock_tables import is_stored, predictions, price_table
from vmmodel.sim.lock_prices import BATCH, LOCK
from vmmodel.sim.prices import load_prices

PLANTED = Phase(one_core_ns=6000.0, work_ns=1000.0, uncontended_ns=700.0, handoff_ns=500.0)


@pytest.fixture(scope="module")
def found() -> dict[str, Calibration]:
    """The calibration on what is published."""
    return calibrate(load_prices(), load_published())


def observed(phase: Phase, cores: range = range(1, 9)) -> pd.Series:
    """What would be published of *phase*."""
    return pd.Series(phase.page_ns(cores), list(cores))


def test_planted_values_are_recovered() -> None:
    """Uncontended cost and hand-off that made the data are found in them."""
    given = Phase(PLANTED.one_core_ns, PLANTED.work_ns)

    phase = Calibration(given, observed(PLANTED)).phase

    assert pytest.approx(PLANTED.uncontended_ns, rel=0.01) == phase.uncontended_ns
    assert pytest.approx(PLANTED.handoff_ns, rel=0.01) == phase.handoff_ns


def test_planted_curve_is_predicted() -> None:
    """With noise of 1 % on 8 cores, the interval at 26 and at 64 holds the truth."""
    noise = np.random.default_rng(2).normal(1, 0.01, 8)
    noisy = observed(PLANTED) * noise
    given = Phase(float(noisy[1]) * BATCH, PLANTED.work_ns)

    far = range(26, 65, 38)
    table = Calibration(given, noisy).predict(far).set_index("cores")

    for cores, truth in observed(PLANTED, far).items():
        assert table.low[cores] < truth < table.high[cores]


def test_every_fitted_core_is_near(found: dict[str, Calibration]) -> None:
    """The model is within 3 % of every published mean, one core's exactly."""
    for one in found.values():
        errors = one.phase.page_ns(one.observed.index) / one.observed - 1

        assert pytest.approx(0, abs=1e-9) == errors[1]
        assert errors.abs().max() < 0.03


def test_saturated_cores_share_one_lock(found: dict[str, Calibration]) -> None:
    """From 4 cores on a page costs cores times hold and hand-off; the rest is hidden behind it."""
    for one in found.values():
        phase = one.phase
        expected = [n * (phase.hold_ns + phase.handoff_ns) / BATCH for n in (4, 8, 64)]

        assert pytest.approx(expected, rel=0.005) == phase.page_ns([4, 8, 64]).tolist()


def test_recursion_predicts_what_the_clock_does(found: dict[str, Calibration]) -> None:
    """On SimPy's clock, with every split and merge done, a page takes the same within 0.3 %."""
    for ncpu in (1, 2, 3, 8):
        for phase, ns in by_definition(found, ncpu, load_prices()).items():
            assert pytest.approx(found[phase].phase.page_ns([ncpu])[0], rel=0.003) == ns


def test_private_work_is_that_of_the_page_caches(found: dict[str, Calibration]) -> None:
    """A pair of private work is about the 112 ns of LLFree's `repeat`, which takes no lock.

    That benchmark was not fitted.  Source: data/prices/latency_costs.csv.
    """
    pair = sum(one.phase.private_ns for one in found.values()) / BATCH

    assert 112 == pytest.approx(pair, rel=0.1)


def test_predictions_are_whole(found: dict[str, Calibration]) -> None:
    """Both phases, every number of cores, published where fitted, ascending, in the interval."""
    table = predictions(found, 20)

    assert 40 == len(table)
    assert (table.published_ns.notna() == table.fitted).all()
    assert (table.cores <= 8).equals(table.fitted)
    assert (table.low_ns < table.predicted_ns).all()
    assert (table.predicted_ns < table.high_ns).all()
    assert (table.groupby("phase").predicted_ns.diff().dropna() > 0).all()
    wide = (table.high_ns - table.low_ns) / table.predicted_ns
    assert (wide[table.cores == 20].to_numpy() > wide[table.cores == 8].to_numpy()).all()


def test_stored_lock_can_be_had_again(found: dict[str, Calibration]) -> None:
    """data/lock.toml is what the calibration writes, but for the last digits; another is told."""
    written = price_table(found)

    assert is_stored(written)
    assert [line for line in written.splitlines() if "=" not in line] == [
        line for line in LOCK.read_text(encoding="utf-8").splitlines() if "=" not in line
    ]
    value = f"value = {found['alloc'].phase.handoff_ns:.1f}"
    assert not is_stored(written.replace(value, "value = 700.0"))
