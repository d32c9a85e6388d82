"""Which stopping rule a new trial is trained under: learned from the trials whose results are known when it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cost_models import Configuration, CostReport, estimate
from dse.early_stopping import OPTIMISM, CurveModel, StoppingRule, features, learned_from
from dse.search.limits import CostGate
from studies import OBJECTIVES, Evaluation, ParetoFront, State, Study, cost_value

#: The measured objectives that an accuracy curve speaks about.
WATCHED = ("accuracy", "error")


def watches_curves(study: Study) -> bool:
    """Whether the trainings of a study can be stopped early: the switch is on, and accuracy is all that is measured."""
    measured = [name for name in study.objectives.names if not OBJECTIVES[name].is_cost]
    return study.search.early_stopping and bool(measured) and set(measured) <= set(WATCHED)


@dataclass(frozen=True)
class EarlyStopping:
    """Makes the stopping rules of one study; pure: the same trials and the same configuration give the same rule."""

    study: Study
    gate: CostGate
    optimism: float = OPTIMISM
    _activity: dict[int | None, NDArray[np.float64]] = field(default_factory=dict)
    _models: dict[tuple[int | None, ...], CurveModel] = field(default_factory=dict)

    def rule(self, configuration: Configuration, known: Sequence[Evaluation]) -> StoppingRule | None:
        """The rule for a training of ``configuration``; None where there is nothing to stop it for.

        ``known`` are the trials whose results may be used. The trial must beat the most accurate member of their front
        that costs no more than it would under the most favourable activity seen so far.
        """
        finished = [e for e in known if e.state is State.COMPLETE and len(e.curve) == self.study.training.epochs]
        if not finished or not watches_curves(self.study):
            return None
        rival = self._rival(configuration, known)
        if rival is None:
            return None
        forecasts = self._model(finished[: learned_from(len(finished))]).forecasts(
            np.array(features(configuration)), self.optimism
        )
        if not any(forecasts):
            return None
        assert rival.trial is not None
        return StoppingRule(_accuracy(rival), rival.trial, self.study.training.epochs, forecasts)

    def _model(self, finished: Sequence[Evaluation]) -> CurveModel:
        """What these trials teach; only the last model is kept."""
        key = tuple(evaluation.trial for evaluation in finished)
        if key not in self._models:
            curves = np.array([evaluation.curve for evaluation in finished])
            model = CurveModel.fit(curves, np.array([features(evaluation.asked) for evaluation in finished]))
            self._models.clear()
            self._models[key] = model
        return self._models[key]

    def _rival(self, configuration: Configuration, known: Sequence[Evaluation]) -> Evaluation | None:
        front = ParetoFront.of(known, self.study.objectives, self.study.constraints)
        names = [name for name in front.objectives if OBJECTIVES[name].is_cost]
        asked = self._costs(estimate(self.gate.workload, configuration, self.gate.hardware), names)
        least = asked * self._favourable(names, known)
        cheaper = [
            member for member in front if member.cost is not None and (self._costs(member.cost, names) <= least).all()
        ]
        return max(cheaper, key=_accuracy, default=None)

    def _favourable(self, names: list[str], known: Sequence[Evaluation]) -> NDArray[np.float64]:
        """For each cost the smallest ratio, so far, of what was measured to what the float network's activity gives."""
        for evaluation in known:
            if evaluation.state is State.COMPLETE and evaluation.cost and evaluation.trial not in self._activity:
                estimated = estimate(self.gate.workload, evaluation.asked, self.gate.hardware)
                ratio = self._costs(evaluation.cost, names) / np.maximum(self._costs(estimated, names), 1e-300)
                self._activity[evaluation.trial] = np.where(np.isfinite(ratio), ratio, 1.0)
        ratios = [self._activity[e.trial] for e in known if e.trial in self._activity]
        return np.min([np.ones(len(names)), *ratios], axis=0)  # type: ignore[no-any-return]

    @staticmethod
    def _costs(cost: CostReport, names: Sequence[str]) -> NDArray[np.float64]:
        return np.array([cost_value(cost, name) for name in names], dtype=np.float64)


def _accuracy(evaluation: Evaluation) -> float:
    value = evaluation.value("validation")
    assert value is not None
    return value
