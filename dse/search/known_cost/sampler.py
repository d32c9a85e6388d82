"""The sampler for Optuna: costs are known before training, only accuracy is learned."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from dse.search.known_cost.history import history_of
from dse.search.known_cost.problem import CostFunction, LimitFunction, Problem
from dse.search.known_cost.proposal import Search

#: Where a trial keeps what was proposed to it: levels, until it has suggested its parameters.
_PROPOSED = "known_cost:levels"
#: One proposal after the other, so that threads see each other's; not part of a sampler, which may be pickled.
_PROPOSING = threading.Lock()


class KnownCostSampler(BaseSampler):
    """Proposes where the hypervolume is expected to grow most, for objectives of which all but accuracy are known.

    ``known`` maps the index of an objective to a function that gives it exactly for many configurations at once:
    columns by parameter name, arrays (n,), to an array (n,). What is left is learned, one value at a time. Proposals
    keep ``constraints`` (a function to (n, c), at most zero where a limit is kept) by construction and never repeat a
    trial, running ones included, as long as the space holds others. Parameters named ``LAYER/ROLE`` (also with ``.``,
    ``:`` or ``_``, or numbered) are understood as the same kind of choice in several layers.

    ``seed`` makes the proposals of trial after trial repeatable: each depends on the seed, the trial's number and the
    told trials alone. ``chance`` is the accuracy of a network that has learned nothing,
    of one whose error is minimised too.
    ``reference`` gives known objectives the value behind which nothing is gained (default: the dearest that keeps the
    constraints). ``cost_error`` gives the relative standard deviation of known objectives that are only nearly known;
    for these the measured values of finished trials count. ``measured`` gives log sensitivities by parameter name.
    ``fitting`` is a configuration that keeps the constraints, where one is known; it spares looking for one.

    All parameters of the space belong to every trial: one that suggests only part of them teaches nothing. A range of
    more than 65 values is searched on 65 evenly spread ones. Values that are fixed from outside (``enqueue_trial`` with
    some of the parameters, ``PartialFixedSampler``) are not known when the others are proposed, so that limits are then
    not kept by construction.
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
        fitting: Mapping[str, Any] | None = None,
    ) -> None:
        self._space = dict(search_space)
        self._known = dict(known)
        self._constraints = constraints
        self._seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
        self._chance = chance
        self._reference = dict(reference or {})
        self._cost_error = dict(cost_error or {})
        self._measured = measured
        self._fitting = fitting
        self._problems: dict[tuple[StudyDirection, ...], Problem] = {}

    def reseed_rng(self) -> None:
        """Nothing to do: what is proposed depends on the trial's number, so parallel trials differ anyway."""

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The whole search space that the sampler was made for."""
        return dict(self._space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A random value for a parameter that the search space does not hold."""
        seed = np.random.SeedSequence([self._seed, trial.number, *param_name.encode()]).generate_state(1)[0]
        return RandomSampler(seed=int(seed)).sample_independent(study, trial, param_name, param_distribution)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The next configuration; of it what ``search_space`` asks for."""
        if not self._space:
            return {}
        problem = self._problem_of(study)
        with _PROPOSING:
            others = [other for other in study.get_trials(deepcopy=False) if other.number != trial.number]
            trials = [found for other in others if (found := self._whole(other, problem)) is not None]
            history = history_of(problem, trials, self._learned(study), self._cost_error)
            generator = np.random.default_rng([self._seed, trial.number])
            search = Search(problem, history, generator, self._chance, self._cost_error, self._measured)
            row = search.proposal()
            study._storage.set_trial_system_attr(trial._trial_id, _PROPOSED, row.tolist())
        return {name: value for name, value in problem.axes.choices(row).items() if name in search_space}

    def _whole(self, trial: FrozenTrial, problem: Problem) -> FrozenTrial | None:
        """The trial with all its parameters, for a running one that has not suggested them yet; None if they lack."""
        if self._space.keys() <= trial.params.keys():
            return trial
        levels = trial.system_attrs.get(_PROPOSED)
        if trial.state is not TrialState.RUNNING or levels is None or len(levels) != len(problem.axes):
            return None
        whole = copy.copy(trial)
        whole.params = problem.axes.choices(np.array(levels, dtype=np.intp)) | trial.params
        return whole

    def _learned(self, study: Study) -> dict[int, float]:
        """The sign of each objective that is not known."""
        return {
            index: 1.0 if direction is StudyDirection.MAXIMIZE else -1.0
            for index, direction in enumerate(study.directions)
            if index not in self._known
        }

    def _problem_of(self, study: Study) -> Problem:
        directions = tuple(study.directions)
        if directions not in self._problems:
            for index in self._known:
                if not 0 <= index < len(directions):
                    raise ValueError(f"known names objective {index}, but the study has {len(directions)} objectives")
            known = dict(sorted(self._known.items()))
            signs = {index: 1.0 if directions[index] is StudyDirection.MINIMIZE else -1.0 for index in known}
            self._problems[directions] = Problem.of(
                self._space, known, signs, self._constraints, self._reference, self._fitting
            )
        return self._problems[directions]
