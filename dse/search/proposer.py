"""The Optuna study in memory: asks for proposals, is told results, and is rebuilt from our own tables at start."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from cost_models import Configuration
from dse.search.forecast import CostForecast
from dse.search.limits import CostGate, measured_excesses
from dse.search.samplers import SAMPLERS
from dse.search.seeds import derive_seed
from dse.search.suggest import SearchSpace
from studies import OBJECTIVES, Evaluation, Measurement, State, Study

# What these attributes hold is in the trial's parameters already.
_REPEATED = ("tpe:relative_params", "gp:relative_params", "constraints:", "fixed_params")
_STATES = {
    State.COMPLETE: TrialState.COMPLETE,
    # Complete, with the accuracy that the training was expected to end with: pruned trials teach Optuna's samplers
    # nothing in studies with several objectives (NSGA-II and GP leave them out, TPE ranks them last without a value).
    State.STOPPED: TrialState.COMPLETE,
    State.SKIPPED: TrialState.PRUNED,
    State.FAILED: TrialState.FAIL,
    State.RUNNING: TrialState.RUNNING,
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the sampler asks for: the trial's number, the values of the free parameters, what the sampler keeps."""

    number: int
    choices: Mapping[str, Any]
    configuration: Configuration
    attributes: Mapping[str, Any]


class Proposer:
    """Proposes configurations of one study; the same told trials and the same number give the same proposal.

    The sampler is made anew for each proposal with a seed derived from the study's seed and the trial's number, so
    nothing is remembered but the trials themselves, and a resumed study proposes what an uninterrupted one would.
    """

    def __init__(self, study: Study, gate: CostGate, sensitivities: Mapping[str, float] | None = None) -> None:
        self._study = study
        self._sensitivities = sensitivities
        self._space = gate.space
        self._gate = gate
        self._finished: list[Evaluation] = []
        self._distributions = gate.space.distributions()
        self._make_sampler = SAMPLERS[study.search.sampler]
        with quiet_optuna():
            self._optuna = optuna.create_study(
                directions=directions_of(study), sampler=self._make_sampler(study, study.seed, None)
            )

    @property
    def storage(self) -> optuna.storages.BaseStorage:
        """Where the Optuna study lives: in memory."""
        return self._optuna._storage

    def add(self, evaluation: Evaluation, *, told: bool = True) -> None:
        """Add a stored trial; as a running one if its result is not to be told yet. In the order of the numbers."""
        seen = evaluation if told else replace(evaluation, state=State.RUNNING, cost=None)
        trial = as_optuna_trial(seen, self._study, self._space)
        for key, value in evaluation.optuna_attributes.get("trial", {}).items():
            trial.system_attrs[key] = value
        for key, value in evaluation.optuna_attributes.get("study", {}).items():
            self.storage.set_study_system_attr(self._optuna._study_id, key, value)
        self._optuna.add_trial(trial)
        self._remember(seen)

    def ask(self, number: int, choices: Mapping[str, Any] | None = None) -> Proposal:
        """The sampler's next proposal, for the trial of this number; ``choices`` are taken instead where given."""
        forecast = CostForecast(self._gate, tuple(self._finished))
        seed = derive_seed(self._study.seed, "proposal", number)
        sampler = self._make_sampler(self._study, seed, forecast, self._sensitivities)
        self._optuna.sampler = sampler if choices is None else _Given(sampler, choices)
        before = self._study_attributes()
        with quiet_optuna():
            trial = self._optuna.ask(self._distributions)
        kept = self.storage.get_trial_system_attrs(trial._trial_id)
        attributes = {
            "trial": {key: value for key, value in kept.items() if not key.startswith(_REPEATED)},
            "study": {key: value for key, value in self._study_attributes().items() if before.get(key) != value},
        }
        configuration = self._space.configuration(trial.params)
        return Proposal(trial.number, trial.params, configuration, {k: v for k, v in attributes.items() if v})

    def tell(self, evaluation: Evaluation) -> None:
        """Tell the sampler the result of a trial that was asked for."""
        assert evaluation.trial is not None
        trial = optuna.trial.Trial(self._optuna, self._trial_id(evaluation.trial))
        for name, excess in excesses_of(evaluation, self._study).items():
            trial.set_constraint(name, excess)
        state = _STATES[evaluation.state]
        values = values_of(evaluation, self._study) if state is TrialState.COMPLETE else None
        with quiet_optuna():
            self._optuna.tell(evaluation.trial, values, state)
        self._remember(evaluation)

    def _remember(self, evaluation: Evaluation) -> None:
        if evaluation.state is State.COMPLETE:
            self._finished.append(evaluation)

    def _trial_id(self, number: int) -> int:
        return self.storage.get_trial_id_from_study_id_trial_number(self._optuna._study_id, number)

    def _study_attributes(self) -> dict[str, Any]:
        return dict(self.storage.get_study_system_attrs(self._optuna._study_id))


class _Given(optuna.samplers.BaseSampler):
    """Gives fixed values, while the sampler behind it still keeps its books (a generation, say) on the trial."""

    def __init__(self, sampler: optuna.samplers.BaseSampler, choices: Mapping[str, Any]) -> None:
        self._sampler = sampler
        self._choices = choices

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        self._sampler.sample_relative(study, trial, search_space)
        return {}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._choices[param_name]


def as_optuna_trial(evaluation: Evaluation, study: Study, space: SearchSpace) -> FrozenTrial:
    """One of our trials as Optuna's: parameters, state, objective values, constraints."""
    state = _STATES[evaluation.state]
    distributions = space.distributions()
    return create_trial(
        state=state,
        values=values_of(evaluation, study) if state is TrialState.COMPLETE else None,
        params={name: evaluation.choices[name] for name in distributions},
        distributions=distributions,
        constraints=excesses_of(evaluation, study),
    )


def directions_of(study: Study) -> list[StudyDirection]:
    """The direction of each objective in Optuna's words."""
    return [StudyDirection[direction.upper()] for direction in study.objectives.directions]


def values_of(evaluation: Evaluation, study: Study) -> list[float]:
    """The objectives' values on the validation split in the order of the study; NaN where one was not measured.

    Of a stopped trial, those that it was expected to end with.
    """
    if evaluation.state is State.STOPPED and evaluation.expected_accuracy is not None:
        expected = Measurement("validation", "accuracy", evaluation.seed, evaluation.expected_accuracy)
        evaluation = replace(evaluation, measurements=(expected,))
    return [float(OBJECTIVES[name].read(evaluation)) for name in study.objectives.names]


def excesses_of(evaluation: Evaluation, study: Study) -> dict[str, float]:
    """How far the trial is over each limit, as Optuna counts it: at most zero is feasible.

    Limits on what is measured count where the trial was measured, as the difference to the limit.
    """
    found = measured_excesses(evaluation.cost, study.cost_limits) if evaluation.cost else {}
    for name in study.constraints.keys() - study.cost_limits.keys():
        value = OBJECTIVES[name].read(evaluation)
        if math.isfinite(value):
            found[name] = value - study.constraints[name]
    return found


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Optuna reports each step on stderr and warns of experimental features; neither is for our users."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)
