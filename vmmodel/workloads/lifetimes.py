"""How long things live: mixtures, and the published histogram of a kernel build."""

import csv
from functools import cache

import numpy as np
import numpy.typing as npt

from vmmodel.errors import InputError
from vmmodel.paths import DATA
from vmmodel.workloads.description import Exponential, Forever, Histogram, Lifetime, Mixture
from vmmodel.workloads.population import Ints, mixture

Floats = npt.NDArray[np.float64]
SHORTEST_NS = 1_000_000


def draw_lives(life: Lifetime, start: Ints, horizon_ns: int, rng: np.random.Generator) -> Ints:
    """Draw in ns how long each thing lives that comes at *start*.

    What outlives the run ends after it.
    """
    n = len(start)
    match life:
        case Mixture():
            longest = life.longest.ns if life.longest else horizon_ns
            return mixture(life.short.ns, longest, life.short_share.value, n, rng)
        case Exponential():
            return _whole(rng.exponential(life.mean.ns, n))
        case Histogram():
            lives = draw_from_histogram(n, rng) * life.trace.ns
            return _whole(np.where(np.isfinite(lives), lives, horizon_ns + 1))
        case Forever():
            return np.full(n, horizon_ns + 1, np.int64)


def _whole(lives: Floats) -> Ints:
    return np.maximum(lives, SHORTEST_NS).astype(np.int64)


@cache
def kernel_build() -> tuple[Floats, Floats]:
    """Edges of the bins, as shares of the trace, and the share of allocations in each.

    The last share is of those that are never freed.  The first bin was too tall to be read off the
    chart; it is the exact remainder, as the file of the trace says.
    """
    rows = _rows("kernel_build.csv")
    trace = {row["what"]: float(row["value"]) for row in _rows("kernel_build_trace.csv")}
    counts = np.array([float(row["count_digitised"]) for row in rows])
    (counts[0],) = [n for what, n in trace.items() if what.startswith("lifetime <")]
    edges = np.array([0.0] + [float(row["lifetime_ops_high"]) for row in rows])
    counts = np.append(counts, trace["never freed within trace"])
    return edges / trace["total"], counts / counts.sum()


def _rows(name: str) -> list[dict[str, str]]:
    path = DATA / "lifetimes" / name
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, f"cannot be read ({error})", "published lifetimes") from None


def draw_from_histogram(n: int, rng: np.random.Generator) -> Floats:
    """Draw lives by inverse transform, even within a bin: shares of the trace; inf: never freed."""
    edges, shares = kernel_build()
    cumulated = np.append(0.0, np.cumsum(shares))
    u = rng.random(n)
    which = np.minimum(np.searchsorted(cumulated, u, side="right") - 1, len(shares) - 1)
    within = (u - cumulated[which]) / np.maximum(shares[which], 1e-300)
    low, width = np.append(edges[:-1], np.inf), np.append(np.diff(edges), 0.0)
    lives: Floats = low[which] + within * width[which]
    return lives
