"""Check the checks: how often the study's own methods are right where the answer is known.

Made-up studies are drawn whose truth is planted, and the functions that judge the real ones judge
them.  Every frequency carries its Monte-Carlo standard error, sqrt(p (1 - p) / studies).
Follows ADEMP (Morris et al., 2019): aim, data, estimand, methods and performance are said in the
notebook that shows it.
"""

import gc
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from vmmodel.analysis.family import CONFIDENCE
from vmmodel.analysis.paired import compare, holm
from vmmodel.analysis.statistics import median_interval, share_interval

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]


@dataclass(frozen=True)
class Shape:
    """A distribution of paired differences whose mean and median are known."""

    name: str
    draw: Draw = field(compare=False)
    """Values of mean 0 and standard deviation 1."""
    median: float
    """Of those values."""


def _skewed(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return rng.standard_exponential(shape) - 1


SHAPES = (
    Shape("normal", lambda rng, shape: rng.standard_normal(shape), 0.0),
    Shape("skewed (exponential)", _skewed, math.log(2) - 1),
)


@contextmanager
def _quick_collections() -> Iterator[None]:
    """Keep what exists out of the collections that statsmodels makes at every call of Holm's."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def frequency(hits: int, studies: int) -> dict[str, float]:
    """A share of studies with its Monte-Carlo standard error."""
    share = hits / studies
    return {"share": share, "error": math.sqrt(share * (1 - share) / studies), "studies": studies}


def coverage(studies: int, sizes: tuple[int, ...] = (10, 50), seed: int = 1) -> pd.DataFrame:
    """How often each interval of a paired difference holds the planted truth.

    The noise that the two designs share has five times the spread of what differs between them.
    *promised* is what the interval claims: for the median's its own achieved coverage.
    """
    rows = []
    for shape in SHAPES:
        for n in sizes:
            rng = np.random.default_rng([seed, n])
            hits = {"t": 0, "BCa bootstrap": 0, "median, order statistics": 0}
            promised = CONFIDENCE
            for _ in range(studies):
                apart = shape.draw(rng, (n,))
                shared = 5 * rng.standard_normal(n)
                one = compare(shared + apart, shared, resamples=999)
                middle = median_interval(apart)
                promised = middle.coverage
                hits["t"] += one.low <= 0 <= one.high
                hits["BCa bootstrap"] += one.bca_low <= 0 <= one.bca_high
                hits["median, order statistics"] += middle.low <= shape.median <= middle.high
            for method, found in hits.items():
                claim = promised if method.startswith("median") else CONFIDENCE
                named = {"interval": method, "differences": shape.name, "n": n}
                rows.append({**named, "promised": claim, **frequency(found, studies)})
    return pd.DataFrame(rows)


def share_coverage(
    studies: int, n: int = 10, truths: tuple[float, ...] = (0.01, 0.1, 0.5), seed: int = 2
) -> pd.DataFrame:
    """How often the exact interval of a share holds the truth, and when nothing was seen.

    It is conservative: at least what it promises, for any truth.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for truth in truths:
        events = rng.binomial(n, truth, studies)
        known = {k: share_interval(int(k), n) for k in np.unique(events)}
        hits = sum(known[k].low <= truth <= known[k].high for k in events)
        named = {"interval": f"share, true value {truth:g}", "differences": "yes or no", "n": n}
        rows.append({**named, "promised": CONFIDENCE, **frequency(hits, studies)})
    return pd.DataFrame(rows)


def studies_of(
    studies: int, comparisons: int, n: int, effects: Floats, seed: int
) -> Iterator[list[float]]:
    """Draw studies of several *comparisons* and give the p values of each.

    In a study all comparisons share the baseline's noise, as designs do; the first have the
    planted *effects* (in standard deviations of the difference), the others none.
    """
    rng = np.random.default_rng(seed)
    planted = np.zeros(comparisons)
    planted[: len(effects)] = effects
    for _ in range(studies):
        shared = 5 * rng.standard_normal(n)
        own = rng.standard_normal((comparisons, n)) + planted[:, None]
        yield [compare(shared + apart, shared, resamples=0).p for apart in own]


def type_one(studies: int, comparisons: int = 15, n: int = 10, seed: int = 3) -> pd.DataFrame:
    """How often designs that are identical in truth are called different.

    Per comparison it must be one minus the confidence.  Over the family, without adjustment it
    is far more, and after Holm it must be at most that.
    """
    level = 1 - CONFIDENCE
    single = family = adjusted = 0
    with _quick_collections():
        for p in studies_of(studies, comparisons, n, np.zeros(0), seed):
            single += p[0] < level
            family += min(p) < level
            adjusted += bool((holm(pd.Series(p)) < level).any())
    told = {
        "one comparison": (single, level),
        f"any of {comparisons}, unadjusted": (family, 1 - (1 - level) ** comparisons),
        f"any of {comparisons}, after Holm": (adjusted, level),
    }
    return pd.DataFrame(
        [{"called different": name, "expected": want, **frequency(hits, studies)}
         for name, (hits, want) in told.items()]
    )  # fmt: skip


def power(
    studies: int,
    effects: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0),
    n: int = 10,
    comparisons: int = 15,
    seed: int = 4,
) -> pd.DataFrame:
    """How often a planted difference is found, alone and after Holm over *comparisons*.

    *effect* is the difference over the standard deviation of paired differences; *theory* is the
    power of one t test by the noncentral t distribution, an independent formula.
    """
    level, rows = 1 - CONFIDENCE, []
    for effect in effects:
        alone = adjusted = 0
        with _quick_collections():
            for p in studies_of(studies, comparisons, n, np.array([effect]), seed):
                alone += p[0] < level
                adjusted += bool(holm(pd.Series(p))[0] < level)
        for test, hits in (("one comparison", alone), (f"first of {comparisons}, Holm", adjusted)):
            theory = t_power(effect, n) if test == "one comparison" else math.nan
            named = {"test": test, "effect": effect, "n": n, "theory": theory}
            rows.append({**named, **frequency(hits, studies)})
    return pd.DataFrame(rows)


def t_power(effect: float, n: int, level: float = 1 - CONFIDENCE) -> float:
    """Power of a two-sided paired t test, from the noncentral t distribution."""
    from scipy.stats import nct, t

    edge, far = t.isf(level / 2, n - 1), effect * math.sqrt(n)
    return float(nct.sf(edge, n - 1, far) + nct.cdf(-edge, n - 1, far))


def pairing(studies: int, n: int = 10, seed: int = 5) -> pd.DataFrame:
    """What common random numbers buy: half widths with pairs kept and with pairs broken up.

    *correlation* is what the shared noise was planted to give.
    """
    rows = []
    for correlation in (-0.5, 0.0, 0.5, 0.9):
        rng = np.random.default_rng(seed)
        spread = np.linalg.cholesky(np.array([[1.0, correlation], [correlation, 1.0]]))
        kept, broken, found = [], [], []
        for _ in range(studies):
            x, y = spread @ rng.standard_normal((2, n))
            one = compare(x, y, resamples=0)
            kept.append(one.half_width)
            broken.append(compare(x, np.roll(y, 1), resamples=0).half_width)
            found.append(one.correlation)
        row = {"correlation": correlation, "reported": float(np.mean(found))}
        row["paired"], row["broken up"] = float(np.mean(kept)), float(np.mean(broken))
        rows.append(row | {"studies": studies})
    return pd.DataFrame(rows)
