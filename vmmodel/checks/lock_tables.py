"""The tables of the lock calibration: predictions by cores, and the prices as fitted."""

import tomllib

import pandas as pd

from vmmodel.checks.lock_bulk import Calibration
from vmmodel.sim.lock_prices import BATCH, LockPrices, load_lock


def predictions(found: dict[str, Calibration], most: int) -> pd.DataFrame:
    """Published and predicted ns a page for 1 to *most* cores, a row for each phase and number."""
    parts = []
    for phase, one in found.items():
        table, sizes = one.predict(range(1, most + 1)), one.given.sizes
        parts.append(
            pd.DataFrame(
                {
                    "phase": phase,
                    "cores": table.cores,
                    "published_ns": table.cores.map(one.observed),
                    "fitted": table.cores <= sizes.fitted.whole,
                    "within_machine": table.cores <= sizes.measured.whole,
                    "predicted_ns": table.ns.round(2),
                    "low_ns": table.low.round(2),
                    "high_ns": table.high.round(2),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def price_table(found: dict[str, Calibration]) -> str:
    """Write what was fitted as data/lock.toml."""
    lines = [HEAD]
    for name, one in found.items():
        low, high = one.fit.intervals()
        phase, rest = one.phase, one.given.one_core_ns - one.given.work_ns
        lines += [
            _price(f"{name}_private", phase.private_ns, rest - high[0], rest - low[0], REST),
            _price(f"{name}_uncontended", phase.uncontended_ns, low[0], high[0], FIT),
            _price(f"{name}_handoff", phase.handoff_ns, low[1], high[1], FIT),
        ]
    return "\n".join(lines)


HEAD = f"""\
# The free lock under contention, in ns a hold of {BATCH} pages.  ./study check lock-bulk fits it.
# A core's time for {BATCH} pages is private work, priced work of the buddy lists (costs.toml), the
# lock's uncontended cost beyond that, and its hand-off when another core held it before.
# low, high: 95 % interval of the fit.
"""
SOURCE = "data/llfree/linux_bulk_ns.csv: Linux 6.0 on a Xeon Gold 5320, LLFree's bulk benchmark"
REST = "What one core's time leaves beside the hold; 1 core, not fitted."
FIT = "Least squares of relative errors on the published means of 2 to 8 cores."


def _price(name: str, value: float, low: float, high: float, note: str) -> str:
    numbers = (("value", value), ("low", max(low, 0.0)), ("high", high))
    return (
        f"[{name}]\n"
        + "".join(f"{key} = {number:.1f}\n" for key, number in numbers)
        + f'mark = "published"\nsource = "{SOURCE}"\nnote = "{note}"\n'
    )


def is_stored(toml: str) -> bool:
    """Tell whether data/lock.toml says the same, to the ns: other libraries round otherwise."""
    stored, fitted = load_lock(), LockPrices.model_validate(tomllib.loads(toml))
    return all(
        abs(getattr(price, end) - getattr(getattr(stored, name), end)) < 1.0
        for name, price in fitted
        for end in ("value", "low", "high")
    )


def worded(name: str, one: Calibration) -> str:
    """Say in one line what was fitted, and how well it does."""
    low, high = one.fit.intervals()
    phase = one.phase
    return (
        f"{name}: private {phase.private_ns:.0f} ns, priced work {phase.work_ns:.0f} ns, "
        f"uncontended {phase.uncontended_ns:.0f} ns [{low[0]:.0f}, {high[0]:.0f}], "
        f"hand-off {phase.handoff_ns:.0f} ns [{low[1]:.0f}, {high[1]:.0f}] "
        f"a hold of {BATCH} pages; {100 * one.fit.spread:.1f} % is left, "
        f"fitted on 4 cores it misses 8 by {100 * one.drift:.1f} %"
    )
