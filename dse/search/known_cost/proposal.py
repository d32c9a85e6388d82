"""One proposal: a start point, or the configuration where the hypervolume is expected to grow most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dse.search.known_cost.accuracy_model import AccuracyModel
from dse.search.known_cost.acquisition import Front, expected_improvement
from dse.search.known_cost.axes import Floats, Rows
from dse.search.known_cost.history import History
from dse.search.known_cost.pool import Pool
from dse.search.known_cost.problem import Problem
from dse.search.known_cost.start import POINTS, start_row

#: Readings below which there is nothing to fit.
FEWEST_READINGS = 3
_START_TRIES = 20


@dataclass(frozen=True)
class Search:
    """What one proposal is made from; ``chance`` is that of the learned objective, larger is better."""

    problem: Problem
    history: History
    generator: np.random.Generator
    chance: float | None = None
    cost_error: Mapping[int, float] | None = None
    measured: Mapping[str, float] | None = None

    def proposal(self) -> Rows:
        """A row that keeps the limits and was not proposed before; at random where the space holds no such row."""
        history = self.history
        if history.started < len(POINTS) or len(history.rows) < FEWEST_READINGS:
            row = self._start()
        elif history.values.shape[1] == 0:
            row = self._pool(np.zeros(len(self.problem.axes))).best(history.rows, self._gain_of_costs)
        else:
            row = self._most_promising(history.started % history.values.shape[1])
        return self._pool(np.zeros(len(self.problem.axes))).any() if row is None else row

    def _pool(self, sensitivities: Floats) -> Pool:
        return Pool(self.problem, self.history.taken, sensitivities, self.generator)

    def _start(self) -> Rows | None:
        for _ in range(_START_TRIES):
            row = start_row(self.problem, self.history.started, self.generator)
            if (
                not np.isin(self.problem.axes.keys(row[None, :]), self.history.taken)[0]
                and self.problem.fits(row[None, :])[0]
            ):
                return row
        return None

    def _most_promising(self, focus: int) -> Rows | None:
        """The best of the pool for one learned objective; what is expected of any others counts as a known cost."""
        history, problem = self.history, self.problem
        models, readings = [], []
        for index in range(history.values.shape[1]):
            readings.append(history.readings(index, self.chance if index == focus else None))
            models.append(AccuracyModel.fitted(problem.axes, readings[-1], self.measured))
        model, others = models[focus], [m for index, m in enumerate(models) if index != focus]
        error = self.cost_error or {}

        def costs(rows: Rows, known: Floats) -> Floats:
            expected = [1.0 - other.link.backward(other.predict(rows)[0]) for other in others]
            return np.concatenate([known, *(column[:, None] for column in expected)], axis=1)

        seen = np.concatenate([history.rows[history.counts], history.running])
        known = np.concatenate([history.costs[history.counts], problem.costs(history.running)])
        accuracy = model.link.backward(model.predict(seen)[0]) if len(seen) else np.zeros(0)
        front = Front.of(accuracy, costs(seen, known), readings[focus].floor)

        def score(rows: Rows) -> Floats:
            mean, deviation = model.predict(rows)
            raw = problem.raw_costs(rows)
            spread = None
            if error:
                spread = np.zeros((len(rows), raw.shape[1] + len(others)))
                spread[:, : raw.shape[1]] = problem.scaled_error(raw, error)
            return expected_improvement(front, model.link, mean, deviation, costs(rows, problem.scaled(raw)), spread)

        parents = seen[_members(accuracy, costs(seen, known))]
        return self._pool(model.sensitivities).best(parents if len(parents) else history.rows, score)

    def _gain_of_costs(self, rows: Rows) -> Floats:
        """Without anything to learn: the hypervolume that a row adds in the known costs alone."""
        seen = np.concatenate([self.history.costs[self.history.counts], self.problem.costs(self.history.running)])
        return Front.of(np.ones(len(seen)), seen, 0.0).undominated(self.problem.costs(rows))[:, -1]


def _members(accuracy: Floats, costs: Floats) -> Rows:
    """The places of the points that no other one dominates."""
    points = np.concatenate([-accuracy[:, None], costs], axis=1)
    no_worse = (points[:, None, :] <= points[None, :, :]).all(axis=2)
    better = (points[:, None, :] < points[None, :, :]).any(axis=2)
    return np.flatnonzero(~(no_worse & better).any(axis=0))
