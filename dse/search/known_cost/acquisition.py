"""Expected hypervolume improvement with the cost coordinates exact: neither boxes nor sampled outcomes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import qmc

from dse.search.known_cost.axes import Floats
from dse.search.known_cost.readings import Link

_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
_NODE_WEIGHTS = _NODE_WEIGHTS / _NODE_WEIGHTS.sum()
#: Costs that are only nearly known are looked at in three places: (standard deviations, weight).
_COST_NODES = ((-np.sqrt(3.0), 1 / 6), (0.0, 2 / 3), (np.sqrt(3.0), 1 / 6))
_SAMPLES = 2048


@dataclass(frozen=True)
class Front:
    """The non-dominated accuracies (k,), falling, with their costs (k, costs); below ``floor`` nothing is gained."""

    accuracy: Floats
    costs: Floats
    floor: float

    @classmethod
    def of(cls, accuracy: Floats, costs: Floats, floor: float) -> Front:
        """The front of these points, those behind the reference (a cost of 1) left out."""
        inside = (costs < 1.0).all(axis=1) & (accuracy > floor)
        accuracy, costs = accuracy[inside], costs[inside]
        # Of equal accuracies the cheaper comes first.
        order = np.lexsort((costs.sum(axis=1), -accuracy))
        accuracy, costs = accuracy[order], costs[order]
        kept: list[int] = []
        for index in range(len(accuracy)):
            if not kept or not (costs[kept] <= costs[index]).all(axis=1).any():
                kept.append(index)
        return cls(accuracy[kept], costs[kept], floor)

    def undominated(self, costs: Floats) -> Floats:
        """For k = 0, 1, ..: the volume of costs up to 1 that a point of ``costs`` (n, c) adds to the first k members.

        Shape (n, k + 1). Exact up to two costs; with more, the share of 2048 quasi-random points.
        """
        width = costs.shape[1]
        if width == 0:
            return np.concatenate([np.ones((len(costs), 1)), np.zeros((len(costs), len(self.accuracy)))], axis=1)
        if width == 1:
            reached = np.minimum.accumulate(np.concatenate([[1.0], self.costs[:, 0]]))
            return np.maximum(reached - costs, 0.0)
        return self._areas(costs) if width == 2 else self._volumes(costs)

    def _areas(self, costs: Floats) -> Floats:
        edges = np.unique(np.concatenate([self.costs[:, 0], [1.0]]))
        left = np.concatenate([[-np.inf], edges[:-1]])
        # The part of each strip between two edges that lies right of a candidate (n, strips).
        widths = np.maximum(edges - np.maximum(left, costs[:, :1]), 0.0)
        heights = np.ones((len(self.accuracy) + 1, len(edges)))
        for k, (first, second) in enumerate(self.costs, start=1):
            heights[k] = np.where(left >= first, np.minimum(heights[k - 1], second), heights[k - 1])
        result = np.empty((len(costs), len(heights)))
        for k, row in enumerate(heights):
            result[:, k] = (widths * np.maximum(row - costs[:, 1:], 0.0)).sum(axis=1)
        return result

    def _volumes(self, costs: Floats) -> Floats:
        points = qmc.Sobol(costs.shape[1], seed=0).random(_SAMPLES)
        # The first member that is at most as dear as each point: from there on the point is dominated.
        below = (self.costs[:, None, :] <= points).all(axis=2)
        first = np.where(below.any(axis=0), below.argmax(axis=0), len(self.costs)) if len(below) else np.zeros(_SAMPLES)
        lasts = np.eye(len(self.costs) + 1)[first.astype(np.intp)]
        inside = (costs[:, None, :] <= points).all(axis=2).astype(float)
        counts = inside @ lasts
        shares: Floats = counts[:, ::-1].cumsum(axis=1)[:, ::-1] / _SAMPLES
        return shares


def expected_improvement(
    front: Front, link: Link, mean: Floats, deviation: Floats, costs: Floats, cost_error: Floats | None = None
) -> Floats:
    """The expected hypervolume gain (n,) of candidates with z ~ N(mean, deviation^2) and known costs (n, c).

    ``cost_error`` (n, c) is the standard deviation of costs that are only nearly known; they err together.
    """
    accuracy = link.backward(mean[:, None] + deviation[:, None] * _NODES)
    levels = np.append(front.accuracy, front.floor)
    # E[(a - level)+] for each level, and what each level adds to the one above it (n, k + 1).
    gains = np.stack([np.maximum(accuracy - level, 0.0) @ _NODE_WEIGHTS for level in levels], axis=1)
    added = np.diff(gains, axis=1, prepend=0.0)
    nodes = _COST_NODES if cost_error is not None and cost_error.any() else ((0.0, 1.0),)
    error = np.zeros(costs.shape) if cost_error is None else cost_error
    total = np.zeros(len(costs))
    for place, weight in nodes:
        total += weight * (front.undominated(costs + place * error) * added).sum(axis=1)
    return total
