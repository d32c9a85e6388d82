"""The first proposals: a few mixed configurations that are spread over the cost range."""

from __future__ import annotations

import numpy as np

from dse.search.known_cost.axes import Floats, Rows
from dse.search.known_cost.problem import Problem

#: (share of the cost range, generosity of network-wide parameters, offset between a layer's first role and the others).
POINTS = ((1.0, 0.6, 0.0), (1.0, 0.2, 0.3), (0.7, 0.4, -0.3), (0.9, 1.0, 0.0), (0.45, 0.3, 0.15), (1.0, 0.45, -0.15))
_SPREAD = 0.25
_FARTHEST, _SHIFTS = 2.0, 401


def start_row(problem: Problem, index: int, generator: np.random.Generator) -> Rows:
    """The proposal at place ``index`` of :data:`POINTS`; the first one treats all layers alike.

    All layer parameters are shifted together until the first known cost is just below its share of the range between
    the cheapest configuration and the dearest of this kind that fits; network-wide parameters are not shifted.
    """
    share, wide, offset = POINTS[index % len(POINTS)]
    axes = problem.axes
    layered = np.array([axis.layer is not None for axis in axes.axes], dtype=bool)
    base = np.where(layered, 0.5 + _offsets(problem, offset), wide)
    if index > 0:
        base = base + np.where(layered, generator.normal(0.0, _SPREAD, len(axes)), 0.0)
    loose = np.array([axis.kind != "monotone" for axis in axes.axes], dtype=bool)
    drawn = axes.random(1, generator)[0]

    def at(shifts: Floats) -> Rows:
        rows = axes.nearest(np.clip(base + np.where(layered, shifts[:, None], 0.0), 0.0, 1.0))
        return np.where(loose, drawn, rows)

    rows = at(np.linspace(-_FARTHEST, _FARTHEST, _SHIFTS))
    fits = np.flatnonzero(problem.fits(rows))
    if not len(fits):
        weights = generator.exponential(size=(1, len(axes))) + 0.02
        return problem.repaired(at(np.zeros(1)), weights).reshape(-1)
    if not problem.known:
        return np.array(rows[fits[int(share * (len(fits) - 1))]])
    cost = problem.costs(rows[fits])[:, 0]
    below = np.flatnonzero(cost <= cost[0] + share * (cost[-1] - cost[0]))
    return np.array(rows[fits[below[-1] if len(below) else 0]])


def _offsets(problem: Problem, offset: float) -> Floats:
    roles = sorted({axis.role for axis in problem.axes.axes if axis.layer is not None})
    signs = {role: 1.0 if number % 2 == 0 else -1.0 for number, role in enumerate(roles)}
    return np.array([signs.get(axis.role, 0.0) * offset for axis in problem.axes.axes])
