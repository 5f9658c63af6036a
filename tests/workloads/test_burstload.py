"""The pictures of bursts and of benchmarks sum up what is asked for, and nothing else."""

import numpy as np
import pytest
from sim.tiny import SMALL, small_script, tiny_script

from vmmodel.consumers.layout import keg_layout
from vmmodel.consumers.memory import Injection
from vmmodel.experiment.scenario import WORKLOADS
from vmmodel.kernel import Pool
from vmmodel.sim.run import Machine
from vmmodel.sim.script import Give, ObjectPage, Refill, Squeeze, Take, WrongFree
from vmmodel.workloads.benchload import bulk_over_time, fragmentation_over_time
from vmmodel.workloads.benchmarks import Fragmentation, LockBulk
from vmmodel.workloads.burstload import bursts_over_time


def test_by_hand() -> None:
    """Pages count until they are given back, slabs only when items are wanting, ends are cut."""
    script = tiny_script(
        [(10, Refill(0, 14)), (260, Refill(0, 1)), (510, Refill(0, 1, (Injection(init=True),)))],
        [
            (0, Take(1, 512, Pool.DIRECT, 2)),
            (300, ObjectPage(Injection(second=0))),
            (500, Give(1, 1)),
            (750, Give(1, 0)),
            (800, WrongFree(0.5)),
            (1000, ObjectPage()),
        ],
        zones=(("PROC", keg_layout(264, 8)),),
        boot=(Take(0, 256, Pool.DEFAULT),),
        pressure=((400, Squeeze(5)),),
    )

    found = {name: values.tolist() for name, values in bursts_over_time(script, 4).items()}

    assert {
        "seconds": [125e-9, 375e-9, 625e-9, 875e-9],
        "file+anon MiB": [1, 1, 1, 1],
        "kernel MiB": [2, 2, 1, 0],
        "NOFREE pages": [1, 2, 3, 3],
        "NOFREE requests": [1, 2, 1, 0],
        "failures drawn": [0, 1, 1, 0],
        "wrong frees": [0, 0, 0, 1],
        "squeezes": [0, 1, 0, 0],
    } == {name: pytest.approx(values) for name, values in found.items()}


@pytest.mark.parametrize("name", ["hosts", "second-resource"])
def test_what_is_needed_is_what_is_used(name: str) -> None:
    """Where nothing fails, a run on one processor uses the NOFREE pages of the picture."""
    changed = {"cpus": "1"} | ({} if name == "hosts" else {"second_failure": "0"})
    script = small_script(name, **changed)

    needed = bursts_over_time(script)["NOFREE pages"][-1]

    assert needed == Machine(script, "freeable").run(2).run["in_use"]


@pytest.mark.parametrize("name", SMALL)
def test_nothing_goes_below_zero(name: str) -> None:
    """No more is given back than was taken."""
    columns = bursts_over_time(small_script(name), 20)

    assert all((values > -1e-9).all() for values in columns.values())
    assert columns["NOFREE requests"].sum() > 0


def test_benchmarks() -> None:
    """The fragmentation benchmark fills 90 % and keeps half; the bulk one frees all it takes."""
    frag, bulk = (WORKLOADS[name].description for name in ("llfree-frag", "lock-bulk"))
    assert isinstance(frag, Fragmentation)
    assert isinstance(bulk, LockBulk)

    rounds, holds = fragmentation_over_time(frag), bulk_over_time(bulk)

    each, kept, moved = frag.sizes.each * 8, frag.sizes.kept * 8, frag.sizes.moved * 8
    assert (60, each / 256, kept / 256) == (
        len(rounds["round"]),
        rounds["at most MiB"].max(),
        rounds["at most MiB"].min(),
    )
    assert (kept - moved) / 256 == rounds["at least MiB"].min()
    assert 2 * each - kept + 100 * 2 * moved == rounds["pages moved"].sum()
    assert 200 * 63 * 64 / 256 == holds["held MiB"].max()
    assert 0 == holds["held MiB"][-1]
    assert np.isclose(holds["allocated"].sum(), holds["freed"].sum())
