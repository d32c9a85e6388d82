"""All that is stored about one study, and what follows from it: its front, its hypervolume, its tables."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cost_models import Configuration, InputError
from studies.evaluation import Evaluation, State
from studies.membership import deviation_at, front_probabilities, seed_deviation
from studies.method_choices import OptionValue
from studies.objectives import OBJECTIVES
from studies.pareto import FrontSnapshot, ParetoFront, reference_point
from studies.study import Study

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class StudyResults:
    """One study with its baseline, its trials by number, and its fronts over the number of finished trials.

    ``created`` is when the study was first stored (UTC); ``versions`` the packages that it was started with.
    """

    study: Study
    baseline: Evaluation | None
    evaluations: tuple[Evaluation, ...]
    fronts: tuple[FrontSnapshot, ...]
    created: datetime
    versions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "evaluations", tuple(self.evaluations))
        object.__setattr__(self, "fronts", tuple(self.fronts))

    @property
    def front(self) -> ParetoFront:
        """The Pareto front of the trials within the study's constraints."""
        return ParetoFront.of(self.evaluations, self.study.objectives, self.study.constraints)

    @property
    def reference_point(self) -> tuple[float, ...] | None:
        """The corner from which the hypervolume is measured; None without a baseline."""
        if self.baseline is None or self.baseline.cost is None:
            return None
        return reference_point(self.baseline, self.study.objectives)

    @property
    def hypervolume(self) -> float | None:
        """The front's hypervolume, in the product of the objectives' units; None without a baseline."""
        corner = self.reference_point
        return None if corner is None else self.front.hypervolume(corner)

    @property
    def counts(self) -> dict[str, int]:
        """The number of trials in each state: running, complete, stopped, failed, skipped."""
        counts = {state.value: 0 for state in State}
        for evaluation in self.evaluations:
            counts[evaluation.state.value] += 1
        return counts

    @property
    def finished(self) -> int:
        """The number of trials that count towards the study's number of trials."""
        return sum(evaluation.state.finished for evaluation in self.evaluations)

    @property
    def seconds(self) -> float:
        """The wall time of all evaluations together, the baseline's included."""
        spent = sum(evaluation.seconds for evaluation in self.evaluations)
        return spent + (self.baseline.seconds if self.baseline else 0.0)

    @property
    def epochs_trained(self) -> tuple[int, int]:
        """The epochs that the finished trials were trained, and what they would have been without early stopping."""
        full = self.study.training.epochs
        finished = [evaluation for evaluation in self.evaluations if evaluation.state.finished]
        trained = sum(len(one.curve) if one.state is State.STOPPED else full for one in finished)
        return trained, full * len(finished)

    def evaluation(self, trial: int) -> Evaluation:
        """One trial by its number; :class:`InputError` if there is none."""
        for evaluation in self.evaluations:
            if evaluation.trial == trial:
                return evaluation
        numbers = [evaluation.trial for evaluation in self.evaluations]
        known = f"it has trials {numbers[0]} to {numbers[-1]}" if numbers else "it has no trials yet"
        raise InputError(f"study {self.study.name!r} has no trial {trial}; {known}")

    @property
    def seed_deviation(self) -> float | None:
        """The standard deviation of the validation log error between training seeds, pooled over the front's members.

        :func:`studies.membership.deviation_at` gives that of an accuracy.
        """
        found = seed_deviation(self.front)
        return found[0] if found else None

    @property
    def best_seed_deviation(self) -> float | None:
        """The standard deviation of the validation accuracy between seeds, at the front's highest mean accuracy."""
        deviation = self.seed_deviation
        means = [point["accuracy_validation"] for point in map(self.point, self.front)]
        known = [mean for mean in means if mean is not None]
        return deviation_at(max(known), deviation) if known and deviation is not None else None

    def front_points(self) -> list[dict[str, Any]]:
        """The front's members in the public JSON shape, best first objective first; see :func:`trial_point`.

        ``front_probability`` is how sure a member's place is; see :func:`studies.membership.front_probabilities`.
        """
        members = self.front.members
        sure = front_probabilities(members, self.study.objectives.names)
        return [
            self.point(member) | {"front_probability": probability}
            for member, probability in zip(members, sure, strict=True)
        ]

    def point(self, evaluation: Evaluation) -> dict[str, Any]:
        """One trial of this study in the public JSON shape; see :func:`trial_point`."""
        names = self.study.objectives.names
        method = self.study.method_in_force(evaluation.choices)
        return trial_point(evaluation, names, method, self.seed_deviation)

    def to_dict(self) -> dict[str, Any]:
        """The public JSON shape of ``dse front --json``."""
        corner = self.reference_point
        return {
            "study": self.study.name,
            "objectives": list(self.study.objectives.names),
            "directions": list(self.study.objectives.directions),
            "hypervolume": self.hypervolume,
            "reference_point": None if corner is None else list(corner),
            "points": self.front_points(),
        }

    def to_pandas(self) -> pd.DataFrame:
        """One row for each trial: state, objectives, accuracies, total costs and ``<layer>/<key>`` of every layer."""
        import pandas as pd

        members = set(self.front.trials)
        searched = self.study.space.method.keys
        rows = []
        for evaluation in self.evaluations:
            point = self.point(evaluation)
            row: dict[str, Any] = {"trial": evaluation.trial, "state": evaluation.state.value}
            row |= {"on_front": evaluation.trial in members, "reason": evaluation.reason, **point["values"]}
            row |= {key: point[key] for key in _ACCURACIES} | {"seconds": evaluation.seconds}
            row |= {f"method/{key}": value for key, value in point["method"].items() if key in searched}
            row |= {"time_steps": point["time_steps"]} | (point["cost"] or {})
            for layer in point["layers"]:
                row |= {f"{layer['name']}/{key}": value for key, value in layer.items() if key != "name"}
            rows.append(row)
        return pd.DataFrame(rows)


_ACCURACIES = ("accuracy_validation", "accuracy_test", "accuracy_std", "seeds")


def one_standard_error_point(points: Sequence[Mapping[str, Any]], minimize: Sequence[str]) -> Mapping[str, Any] | None:
    """The cheapest point that is at most one standard error less accurate than the most accurate one.

    Cheapest in the first of ``minimize`` that is a cost; ties go to the higher accuracy. Breiman et al. 1984, section
    3.4.3: what lies within a standard error of the best cannot be told from it. None where the error is not known.
    """
    known = [point for point in points if point["accuracy_validation"] is not None and point["cost"]]
    if not known:
        return None
    best = max(known, key=lambda point: float(point["accuracy_validation"]))
    costs = [name for name in minimize if name in best["cost"]]
    if best["accuracy_standard_error"] is None or not costs:
        return None
    least = best["accuracy_validation"] - best["accuracy_standard_error"]
    near = [point for point in known if point["accuracy_validation"] >= least]
    return min(near, key=lambda point: (point["cost"][costs[0]], -point["accuracy_validation"]))


def trial_point(
    evaluation: Evaluation,
    objectives: tuple[str, ...],
    method: Mapping[str, OptionValue] | None = None,
    seed_deviation: float | None = None,
) -> dict[str, Any]:
    """One trial in the public JSON shape of a front point.

    ``method`` names the methods it was trained with, and those of their options that the search chose.

    ``values`` are the objectives under the trial's own seed, on the validation split, as the search saw them.
    ``accuracy_validation`` and ``accuracy_test`` are means over ``seeds`` training seeds, ``accuracy_std`` the sample
    standard deviation of the latter (of the former where the test split was not used). ``accuracy_standard_error`` is
    that of ``accuracy_validation``, from the deviation of the log error between seeds that is given. What was not
    measured is None. Layers are as realised where the trial was trained, as asked otherwise.
    """
    configuration: Configuration = evaluation.realised or evaluation.asked
    validation = _finite(evaluation.values("validation").values())
    test = _finite(evaluation.values("test").values())
    spread = test or validation
    return {
        "trial": evaluation.trial,
        "values": {name: _or_none(OBJECTIVES[name].read(evaluation)) for name in objectives},
        "accuracy_validation": statistics.fmean(validation) if validation else None,
        "accuracy_test": statistics.fmean(test) if test else None,
        "accuracy_std": statistics.stdev(spread) if len(spread) > 1 else None,
        "accuracy_standard_error": (
            deviation_at(statistics.fmean(validation), seed_deviation) / math.sqrt(len(validation))
            if seed_deviation is not None and validation
            else None
        ),
        "seeds": len(spread),
        "method": dict(method or {}),
        "time_steps": configuration.time_steps,
        "cost": evaluation.cost.total.to_dict() if evaluation.cost else None,
        "layers": [
            {
                "name": budget.layer,
                "pruning_ratio": budget.pruning_ratio,
                "weight_bits": budget.weight_bits,
                "membrane_bits": budget.membrane_bits,
            }
            for budget in configuration.budgets
        ],
    }


def _finite(values: Iterable[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
