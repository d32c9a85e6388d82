"""Which stopping rule a new trial is trained under: learned from the trials whose results are known when it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cost_models import Configuration, CostReport, estimate
from dse.curve_forecast import CurveModel, features, learned_from
from dse.early_stopping import RISK, StoppingRule, allowed_risk
from dse.search.limits import CostGate
from studies import OBJECTIVES, Evaluation, ParetoFront, State, Study, cost_value

#: The measured objectives that an accuracy curve speaks about.
WATCHED = ("accuracy", "error")


def watches_curves(study: Study) -> bool:
    """Whether the trainings of a study can be stopped early: the switch is on, and accuracy is all that is measured."""
    measured = [name for name in study.objectives.names if not OBJECTIVES[name].is_cost]
    return study.search.early_stopping and bool(measured) and set(measured) <= set(WATCHED)


_Key = tuple[int | None, ...]


@dataclass(frozen=True)
class _Seen:
    """The front of some trials, and for each cost the smallest ratio of what was measured to what was estimated."""

    front: ParetoFront
    activity: NDArray[np.float64]


@dataclass(frozen=True)
class EarlyStopping:
    """Makes the stopping rules of one study; pure: the same trials and the same configuration give the same rule.

    What is kept between calls only saves time.
    """

    study: Study
    gate: CostGate
    risk: float = RISK
    _seen: dict[_Key, _Seen] = field(default_factory=dict)
    _models: dict[_Key, CurveModel | None] = field(default_factory=dict)

    def rule(self, configuration: Configuration, known: Sequence[Evaluation]) -> StoppingRule | None:
        """The rule for a training of ``configuration``; None where there is nothing to stop it for.

        ``known`` are the trials whose results may be used. The trial must beat the most accurate member of their front
        that costs no more than it would under the most favourable activity seen so far.
        """
        finished = [e for e in known if e.state is State.COMPLETE and len(e.curve) == self.study.training.epochs]
        if not finished or not watches_curves(self.study):
            return None
        rival = self._rival(configuration, known)
        model = self._model(finished[: learned_from(len(finished))])
        if rival is None or model is None:
            return None
        on_front = len(self._state(known).front) / sum(evaluation.state.finished for evaluation in known)
        epochs = self.study.training.epochs
        risks = [allowed_risk(on_front, epoch, epochs, self.risk) for epoch in range(1, epochs)]
        forecasts = model.forecasts(np.array(features(configuration)), risks)
        if not forecasts:
            return None
        assert rival.trial is not None
        return StoppingRule(_accuracy(rival), rival.trial, epochs, forecasts, model.step)

    def _model(self, finished: Sequence[Evaluation]) -> CurveModel | None:
        """What these trials teach; only the last model is kept."""
        key = tuple(evaluation.trial for evaluation in finished)
        if key not in self._models:
            curves = np.array([evaluation.curve for evaluation in finished])
            model = CurveModel.fit(curves, np.array([features(evaluation.asked) for evaluation in finished]))
            self._models.clear()
            self._models[key] = model
        return self._models[key]

    def _rival(self, configuration: Configuration, known: Sequence[Evaluation]) -> Evaluation | None:
        seen = self._state(known)
        asked = self._costs(estimate(self.gate.workload, configuration, self.gate.hardware))
        least = asked * seen.activity
        cheaper = [
            member for member in seen.front if member.cost is not None and (self._costs(member.cost) <= least).all()
        ]
        return max(cheaper, key=_accuracy, default=None)

    def _state(self, known: Sequence[Evaluation]) -> _Seen:
        """What these trials show; only the last is kept, and added to where the trials go on from it."""
        key = tuple(evaluation.trial for evaluation in known)
        front, activity, new = ParetoFront(self.study.objectives.names), np.ones(len(self._cost_names)), known
        for before, seen in self._seen.items():
            if key[: len(before)] == before:
                front, activity, new = seen.front, seen.activity, known[len(before) :]
        finished = [evaluation for evaluation in new if evaluation.state is State.COMPLETE and evaluation.cost]
        if finished:
            front = ParetoFront.of([*front, *finished], self.study.objectives, self.study.constraints)
            activity = np.min([activity, *map(self._activity, finished)], axis=0)
        self._seen.clear()
        self._seen[key] = _Seen(front, activity)
        return self._seen[key]

    def _activity(self, evaluation: Evaluation) -> NDArray[np.float64]:
        """For each cost the ratio of what was measured to what the float network's activity gives."""
        assert evaluation.cost is not None
        estimated = self._costs(estimate(self.gate.workload, evaluation.asked, self.gate.hardware))
        ratio = self._costs(evaluation.cost) / np.maximum(estimated, 1e-300)
        found: NDArray[np.float64] = np.where(np.isfinite(ratio), ratio, 1.0)
        return found

    @property
    def _cost_names(self) -> list[str]:
        return [name for name in self.study.objectives.names if OBJECTIVES[name].is_cost]

    def _costs(self, cost: CostReport) -> NDArray[np.float64]:
        return np.array([cost_value(cost, name) for name in self._cost_names], dtype=np.float64)


def _accuracy(evaluation: Evaluation) -> float:
    value = evaluation.value("validation")
    assert value is not None
    return value
