"""What an ordinary free of a page costs on a whole machine, in tenths of a nanosecond."""

from dataclasses import replace

import pandas as pd

from vmmodel.analysis.metrics import KEY
from vmmodel.analysis.tables import Study
from vmmodel.experiment.scenario import Scenario, scenario
from vmmodel.sim.prices import load_prices

TIMES = 10
"""Prices are so many times as high and what is measured is divided by it: a machine counts whole
nanoseconds, and a price of 0.3 ns would come out as 0 or 1.  Only work is read, which depends on
prices alone; waiting for the lock would not bear this."""

SMALL = {
    # A minute of a kernel build on two processors: some 20,000 frees, which is enough for their
    # mean to be known to a hundredth of a nanosecond.
    "horizon": "1",
    "memory_gb": "4",
    "cpus": "2",
    "compilers.rate": "0.5",
    "shells.rate": "0.5",
    "files.tree.rate": "10",
    "processes.cc.pages": "480",
}
FREES = ("page-free", "page-reclaim")
"""Frees of ordinary pages: by their users, and by the page daemon."""


def machine(setting: str, prices: dict[str, float]) -> Scenario:
    """Give the machine with *prices* in ns, those of the table where none is named."""
    every = load_prices().values() | prices
    scaled = tuple((event, TIMES * ns) for event, ns in every.items())
    return replace(scenario("buildworld", values=SMALL), setting=setting, prices=scaled)


def costs(study: Study) -> pd.DataFrame:
    """Give the number of ordinary frees of each run, and the mean of their work in ns."""
    rows = study.latencies
    rows = rows[(rows.part == "work") & rows.operation.isin(FREES)]
    middle = (rows.low_ns + rows.high_ns - 1) / 2 / TIMES
    sums = (
        rows.assign(work=middle * rows["count"])
        .groupby(KEY, observed=True)[["count", "work"]]
        .sum()
        .reset_index()
    )
    sums["free_ns"] = sums.work / sums["count"]
    texts = dict.fromkeys(KEY[:4], str)  # categories, as they are read
    return sums.drop(columns="work").rename(columns={"count": "frees"}).astype(texts)
