"""MOASHA of Syne Tune as a rule that ends trainings early: ``pip install --no-deps syne-tune``.

Schmucker et al. 2021, "Multi-objective asynchronous successive halving" (arXiv:2106.12639). In Syne Tune 0.16.0 the
priority hands the scheduler the indices of the recorded trials, best first, where it expects the rank of each; so what
is compared with the reduction factor is the index of the trial that is sorted last. Both are replayed: as it is
shipped, and with ranks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from stopping_replay import Start, Stops, Table
from syne_tune.backend.trial_status import Trial
from syne_tune.optimizer.schedulers.multiobjective.moasha import MOASHA
from syne_tune.optimizer.schedulers.multiobjective.multiobjective_priority import MOPriority, NonDominatedPriority
from syne_tune.optimizer.schedulers.multiobjective.non_dominated_priority import pareto_efficient

from studies import Evaluation

Array = np.ndarray[Any, np.dtype[Any]]


class AsShipped(NonDominatedPriority):  # type: ignore[misc]
    """Syne Tune's own result in less time: distances are kept instead of taken again. The first ones are compared."""

    checks = 0

    def priority_unsafe(self, objectives: Array) -> Array:
        found = np.concatenate([front[np.argsort(spread)] for front, spread in _fronts(objectives)])
        if AsShipped.checks < 40 and len(objectives) >= 10:
            AsShipped.checks += 1
            assert found.tolist() == super().priority_unsafe(objectives).tolist()
        return found


class Ranks(MOPriority):  # type: ignore[misc]
    """The rank of each recorded trial: what a priority is said to be."""

    def priority_unsafe(self, objectives: Array) -> Array:
        return np.argsort(np.concatenate([front[spread] for front, spread in _fronts(objectives)]))


def _fronts(objectives: Array) -> Iterator[tuple[Array, Array]]:
    """One front after the other: indices, and the order that spreads them best."""
    remaining = np.arange(len(objectives))
    while len(remaining):
        front = pareto_efficient(objectives[remaining])
        yield remaining[front], _spread(objectives[remaining[front]])
        remaining = remaining[~front]


def _spread(points: Array) -> Array:
    """The smallest in the first metric first, then always the one farthest from those before it."""
    chosen = [int(np.argmin(points[:, 0]))]
    distance = np.full(len(points), np.inf)
    for _ in range(len(points) - 1):
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
        distance[chosen] = -1.0
        chosen.append(int(np.argmax(distance)))
    return np.array(chosen)


def moasha(table: Table, grace_period: int, priority: MOPriority) -> Start:
    """Syne Tune's scheduler with accuracy (as error), memory and energy as its three metrics; halving."""
    scheduler = MOASHA(
        {"trial": 0},
        metrics=["error", "memory", "energy"],
        time_attr="epoch",
        max_t=table.epochs,
        grace_period=grace_period,
        reduction_factor=2,
        multiobjective_priority=priority,
        random_seed=0,
    )

    def start(trial: Evaluation, known: Sequence[Evaluation]) -> Stops:
        theirs = Trial(trial.trial or 0, {}, datetime(2026, 1, 1))
        scheduler.on_trial_add(theirs)
        assert trial.cost is not None
        costs = {"memory": trial.cost.total.memory_bytes, "energy": trial.cost.total.energy_joules}

        def stops(curve: Sequence[float]) -> bool:
            result = {"epoch": len(curve), "error": 1.0 - curve[-1], **costs}
            return bool(scheduler.on_trial_result(theirs, result) == "STOP")

        return stops

    return start
