"""Phases of a run mark their start and look at the machine at their end."""

import simpy

from vmmodel.sim.phases import Phase, run_phase
from vmmodel.sim.recorder import Recorder


def test_phases_by_hand() -> None:
    """Each start is an event; each end is looked at, unless somebody else does."""
    env, recorder, looked = simpy.Environment(), Recorder(), []
    look = lambda: looked.append(int(env.now))  # noqa: E731

    env.process(run_phase(env, Phase("ramp", 0, 10), recorder, look))
    env.process(run_phase(env, Phase("steady", 10, 40), recorder, None))
    env.process(run_phase(env, Phase("night", 15, 20), recorder, look))
    env.run()

    expected = [(0, -1, "phase ramp", 0), (10, -1, "phase steady", 0), (15, -1, "phase night", 0)]
    assert expected == recorder.events
    assert [10, 20] == looked
