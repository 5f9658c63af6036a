"""Least squares on relative errors, with the uncertainty of what it predicts."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Model = Callable[[Vector], Vector]
"""From parameters to predictions."""

STEP = 1e-3
"""Relative step of derivatives: a model of queues has kinks, which smaller steps would sit on."""


@dataclass(frozen=True)
class Fit:
    """Parameters that leave the smallest relative errors."""

    values: Vector
    """The parameters."""
    covariance: Vector
    """Their covariance, from the derivatives at the minimum and the spread that is left."""
    spread: float
    """Standard deviation of the relative errors that are left."""
    freedom: int
    """Observations less parameters."""

    def quantile(self, confidence: float = 0.95) -> float:
        """Student's t for a two-sided interval."""
        from scipy import stats  # scipy costs 0.1 s; only wanted here

        return float(stats.t.ppf(0.5 + confidence / 2, self.freedom))

    def intervals(self, confidence: float = 0.95) -> tuple[Vector, Vector]:
        """Low and high ends of each parameter; none is below 0."""
        half = self.quantile(confidence) * np.sqrt(np.diag(self.covariance))
        return np.maximum(self.values - half, 0.0), self.values + half

    def relative_error(self, model: Model) -> Vector:
        """Standard deviation of a new observation of *model* about its prediction, relative."""
        slopes = _log_slopes(model, self.values)
        of_parameters = np.einsum("ij,jk,ik->i", slopes, self.covariance, slopes)
        deviation: Vector = np.sqrt(self.spread**2 + of_parameters)
        return deviation


def fit(model: Model, observed: Vector, start: Vector) -> Fit:
    """Find parameters, none negative, for which *model* is nearest to what was *observed*.

    The covariance is the usual linear one; with *observed* few and the model not exact it is a
    guide and no more.
    """
    from scipy import optimize

    found = optimize.least_squares(
        lambda values: model(values) / observed - 1.0,
        start,
        bounds=(0.0, np.inf),
        x_scale=start,
        diff_step=STEP,
    )
    freedom = len(observed) - len(start)
    spread = float(np.sqrt(2 * found.cost / freedom))
    information = found.jac.T @ found.jac
    return Fit(found.x, spread**2 * np.linalg.pinv(information), spread, freedom)


def _log_slopes(model: Model, values: Vector) -> Vector:
    """Relative change of each prediction with each parameter."""
    middle = model(values)
    columns = []
    for index, value in enumerate(values):
        step = STEP * max(value, 1.0)
        moved = values.copy()
        moved[index] += step
        columns.append((model(moved) / middle - 1.0) / step)
    return np.array(columns).T
