"""Which machine runs a script: one with page traffic, or one with bursts beside the subject."""

from vmmodel.sim.prices import Prices
from vmmodel.sim.run import Machine, RunResult
from vmmodel.sim.script import Script
from vmmodel.sim.whole import WholeMachine, WholeScript

AnyScript = Script | WholeScript


def run_script(
    script: AnyScript,
    design: str,
    prices: Prices,
    nsamples: int,
    nmaps: int,
    *,
    check: bool = False,
) -> RunResult:
    """Run *script* under *design*; with *check*, assert every promise at every sample."""
    if isinstance(script, Script):
        return Machine(script, design, prices, check).run(nsamples, nmaps)
    machine = WholeMachine(script, design, prices, check=check)
    try:
        return machine.run(nsamples, nmaps)
    finally:
        machine.close()
