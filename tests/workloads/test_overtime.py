"""The picture of a workload sums up its script, and nothing else."""

import numpy as np
import pytest

from tests.workloads.small import SMALL, small
from vmmodel.consumers.layout import keg_layout
from vmmodel.sim.whole import WholeScript
from vmmodel.traffic import Kind, Op
from vmmodel.workloads.overtime import load_over_time
from vmmodel.workloads.population import Population


def test_by_hand() -> None:
    """Pages count until they are given back, a second use of them does not; opens are uses."""
    population = Population()
    (heap,) = population.objects(1, Kind.ANON)
    (file,) = population.objects(1, Kind.FILE, size=512)
    for op, time, number, count in (
        (Op.TOUCH, 0, heap, 256),
        (Op.USE, 11, file, 512),
        (Op.USE, 21, file, 512),
        (Op.DROP, 31, heap, 1),
        (Op.ITEMS, 12, 0, 3),
        (Op.UNITEMS, 32, 0, 2),
    ):
        population.events(op, 0, time, number, count)
    zones = (("PROC", keg_layout(1304, 8)),)
    script = WholeScript((4096,), population.load(1, (8,)), zones, 40)

    found = {name: values.tolist() for name, values in load_over_time(script, 4).items()}

    assert [1, 1, 1, 0] == found["anonymous MiB"]
    assert [0, 2, 2, 2] == found["file MiB"]
    assert [0, 3, 3, 1] == found["processes"]
    assert [0, 1, 1, 0] == found["opens"]
    assert [256, 512, 0, 0] == found["page requests"]


@pytest.mark.parametrize("name", SMALL)
def test_nothing_goes_below_zero(name: str) -> None:
    """No more is given back than was taken."""
    script = small(name).script(1, "", 0)
    assert isinstance(script, WholeScript)

    columns = load_over_time(script, 20)

    assert all((np.asarray(values) >= 0).all() for values in columns.values())
    assert columns["page requests"].sum() > 0
