"""The most probable parameters of the mean: Levenberg-Marquardt with readings at chance counted as censored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dse.search.known_cost.axes import Floats, Rows
from dse.search.known_cost.mean import MonotoneMean

_STEPS = 20
_LARGEST_STEP = 1.5
_ENOUGH = 1e-4


@dataclass(frozen=True, slots=True)
class Data:
    """z readings (n,) of ``rows`` with their variances; ``censored`` ones say only that the true z is not smaller."""

    rows: Rows
    z: Floats
    variance: Floats
    censored: NDArray[np.bool_]

    def residual(self, mean: Floats) -> Floats:
        """Reading minus mean; zero where a censored reading is exceeded."""
        difference = self.z - mean
        return np.where(self.censored & (difference < 0.0), 0.0, difference)


def most_probable(
    mean: MonotoneMean, data: Data, prior_mean: Floats, prior_root: Floats, start: Floats | None = None
) -> Floats:
    """The parameters (p,) of the largest posterior density under the prior N(mean, root root'), from ``start``."""
    weight = 1.0 / np.sqrt(data.variance)
    inverse_root = np.linalg.inv(prior_root)
    theta = prior_mean.copy() if start is None else start

    def loss(residual: Floats, white: Floats) -> float:
        return float(((weight * residual) ** 2).sum() + (white**2).sum())

    damping = 1.0
    value, jacobian = mean.jacobian(data.rows, theta)
    residual, white = data.residual(value), inverse_root @ (theta - prior_mean)
    best = loss(residual, white)
    for _ in range(_STEPS):
        counted = np.where(data.censored & (residual == 0.0), 0.0, weight)
        whitened = mean.whitened(counted[:, None] * jacobian, prior_root)
        step = _step(whitened, counted * residual, white, damping)
        moved = theta + np.clip(prior_root @ step, -_LARGEST_STEP, _LARGEST_STEP)
        moved = mean.clipped(moved)
        new_white = inverse_root @ (moved - prior_mean)
        new_residual = data.residual(mean(data.rows, moved))
        found = loss(new_residual, new_white)
        if found >= best:
            damping *= 4.0
            if damping > 1e6:
                break
            continue
        done = best - found < _ENOUGH * (1.0 + best)
        theta, best, damping = moved, found, max(damping / 4.0, 1e-4)
        if done:
            break
        value, jacobian = mean.jacobian(data.rows, theta)
        residual, white = data.residual(value), new_white
    return theta


def _step(jacobian: Floats, residual: Floats, white: Floats, damping: float) -> Floats:
    """(J'J + (1 + damping) I)^-1 (J'r - u), through the smaller of the two square matrices."""
    right, ridge = jacobian.T @ residual - white, 1.0 + damping
    count, size = jacobian.shape
    if count >= size:
        return np.linalg.solve(jacobian.T @ jacobian + ridge * np.eye(size), right).astype(np.float64)
    inner = np.linalg.solve(jacobian @ jacobian.T + ridge * np.eye(count), jacobian @ right)
    return (right - jacobian.T @ inner) / ridge
