"""The sampler for Optuna: costs are known before training, only accuracy is learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial

from dse.search.known_cost.history import history_of
from dse.search.known_cost.problem import CostFunction, LimitFunction, Problem
from dse.search.known_cost.proposal import Search


class KnownCostSampler(BaseSampler):
    """Proposes where the hypervolume is expected to grow most, for objectives of which all but accuracy are known.

    ``known`` maps the index of an objective to a function that gives it exactly for many configurations at once:
    columns by parameter name, arrays (n,), to an array (n,). What is left is learned, one value at a time. Proposals
    keep ``constraints`` (a function to (n, c), at most zero where a limit is kept) by construction and never repeat a
    trial, running ones included, as long as the space holds others. Parameters named ``LAYER/ROLE`` (also with ``.``,
    ``:`` or ``_``, or numbered) are understood as the same kind of choice in several layers.

    ``seed`` makes the proposals of trial after trial repeatable: each depends on the seed, the trial's number and the
    told trials alone. ``chance`` is the learned objective's value for a network that has learned nothing.
    ``reference`` gives known objectives the value behind which nothing is gained (default: the dearest that keeps the
    constraints). ``cost_error`` gives the relative standard deviation of known objectives that are only nearly known;
    for these the measured values of finished trials count. ``measured`` gives log sensitivities by parameter name.
    """

    def __init__(
        self,
        search_space: Mapping[str, BaseDistribution],
        known: Mapping[int, CostFunction],
        constraints: LimitFunction | None = None,
        seed: int | None = None,
        *,
        chance: float | None = None,
        reference: Mapping[int, float] | None = None,
        cost_error: Mapping[int, float] | None = None,
        measured: Mapping[str, float] | None = None,
    ) -> None:
        self._space = dict(search_space)
        self._known = dict(known)
        self._constraints = constraints
        self._seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
        self._chance = chance
        self._reference = dict(reference or {})
        self._cost_error = dict(cost_error or {})
        self._measured = measured
        self._independent = RandomSampler(seed=seed)
        self._problem: Problem | None = None

    def reseed_rng(self) -> None:
        """Proposals depend on the trial's number, so parallel ones differ without new random numbers."""
        self._independent.reseed_rng()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The whole search space that the sampler was made for."""
        return self._space

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A random value for a parameter that the search space does not hold."""
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The next configuration."""
        if not self._space:
            return {}
        problem = self._problem_of(study)
        trials = [
            other
            for other in study.get_trials(deepcopy=False)
            if other.number != trial.number and self._space.keys() <= other.params.keys()
        ]
        history = history_of(problem, trials, self._learned(study), self._cost_error)
        generator = np.random.default_rng([self._seed, trial.number])
        search = Search(problem, history, generator, self._chance, self._cost_error, self._measured)
        return problem.axes.choices(search.proposal())

    def _learned(self, study: Study) -> dict[int, float]:
        """The sign of each objective that is not known."""
        return {
            index: 1.0 if direction is StudyDirection.MAXIMIZE else -1.0
            for index, direction in enumerate(study.directions)
            if index not in self._known
        }

    def _problem_of(self, study: Study) -> Problem:
        if self._problem is None:
            directions = study.directions
            for index in self._known:
                if not 0 <= index < len(directions):
                    raise ValueError(f"known names objective {index}, but the study has {len(directions)} objectives")
            known = dict(sorted(self._known.items()))
            signs = {index: 1.0 if directions[index] is StudyDirection.MINIMIZE else -1.0 for index in known}
            self._problem = Problem.of(self._space, known, signs, self._constraints, self._reference)
        return self._problem
