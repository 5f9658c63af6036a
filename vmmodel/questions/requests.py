"""What a request for NOFREE memory took on average, in a run with a clock."""

import pandas as pd

from vmmodel.analysis.metrics import KEY, final_samples
from vmmodel.analysis.tables import Study


def request_times(study: Study) -> pd.DataFrame:
    """Give, for each run, `request_ns` and of that `wait_ns`: means over the requests answered.

    A request is a slab or a single NOFREE page of an object; its time is waiting for the free lock
    and priced work.
    """
    last = final_samples(study.samples)
    answered = last.answered.where(last.answered > 0)
    return last[KEY].assign(
        request_ns=last.answered_total_ns / answered, wait_ns=last.answered_wait_ns / answered
    )


def pages_given_back(study: Study) -> pd.DataFrame:
    """Give, for each run, `came_back`: pages of rollbacks and of slabs and pages not usable."""
    events = study.events
    back = events[events.kind.isin(["rollback", "second-failure", "init-failure"])]
    sums = back.groupby(KEY).pages.sum().rename("came_back").reset_index()
    runs = study.runs[KEY].merge(sums, on=KEY, how="left")
    return runs.fillna({"came_back": 0}).astype({"came_back": "int64"})
