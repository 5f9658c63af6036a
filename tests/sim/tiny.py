"""Prices of a few whole nanoseconds, and tiny scripts, so that a run can be worked out by hand."""

from typing import Any

from vmmodel.consumers.layout import keg_layout
from vmmodel.experiment.scenario import scenario
from vmmodel.sim.prices import Price, Prices
from vmmodel.sim.run import Machine, RunResult
from vmmodel.sim.script import Action, Script, Timeline

VM_OBJECT = ("VM OBJECT", keg_layout(264, 8))
"""A zone with 15 items on a slab of one page."""


def tiny_prices(**ns: float) -> Prices:
    """Everything is free of charge but what *ns* names."""
    values = dict.fromkeys(Prices.events(), 0.0) | {event: float(v) for event, v in ns.items()}
    return Prices(
        **{
            event: Price(value=value, low=value, high=value, mark="assumed", source="by hand")
            for event, value in values.items()
        }
    )


HOLD_10 = tiny_prices(free_lock=10)
"""Every hold of the free lock lasts 10 ns; nothing else takes time."""


def tiny_script(*cpus: list[tuple[int, Action]], **changed: Any) -> Script:
    """A machine of 2048 pages in which the CPUs do what is given, for 1000 ns."""
    timelines: tuple[Timeline, ...] = tuple(tuple(cpu) for cpu in cpus)
    return Script(**{"npages": 2048, "cpus": timelines, "horizon_ns": 1000, "bucket": 16} | changed)


def run_tiny(
    script: Script, design: str = "freeable", prices: Prices = HOLD_10, nsamples: int = 2
) -> RunResult:
    """Run *script* to its end."""
    return Machine(script, design, prices).run(nsamples)


def latencies(result: RunResult, operation: str) -> dict[str, list[int]]:
    """Give part -> every latency of *operation*, ascending; they must be below 256 ns."""
    found: dict[str, list[int]] = {"wait": [], "work": [], "total": []}
    for row in result.latencies:
        if row["operation"] == operation:
            assert row["high_ns"] == row["low_ns"] + 1
            found[row["part"]] += [row["low_ns"]] * row["count"]
    return found


SMALL = {
    "syzkaller": {
        "memory_mb": "256",
        "seconds": "1",
        "refills": "200",
        "episodes": "2",
        "episode_ms": "20",
        "cache_share": "0.5",
    },
    "second-resource": {
        "memory_gb": "1",
        "seconds": "1",
        "requests": "300",
        "cache_share": "0.05",
        "second_failure": "0.02",
    },
    "init-failure": {
        "memory_gb": "1",
        "seconds": "1",
        "refills": "100",
        "cache_share": "0.05",
        "init_failure": "0.05",
    },
    "misuse": {
        "memory_gb": "1",
        "seconds": "1",
        "requests": "300",
        "second_failure": "0.05",
    },
    "hosts": {
        "memory_gb": "1",
        "seconds": "1",
        "anonymous_bursts": "20",
        "kernel_bursts": "20",
        "storms": "10",
        "cache_share": "0.1",
    },
}
"""Parameters with which a run takes some hundredths of a second."""

VARIANT = dict.fromkeys(SMALL, "") | {"hosts": "M5"}


def small_script(name: str, seed: int = 1, replication: int = 0, **changed: str) -> Script:
    """Draw a small replication of a scenario."""
    values = SMALL[name] | changed
    return scenario(name, values=values).script(seed, VARIANT[name], replication)
