"""Recall distortion: what compression did to single classes, from the recalls before and after.

Source: Good et al., "Recall Distortion in Neural Network Pruning and the Undecayed Pruning Algorithm", NeurIPS 2022.
The paper measures on the test split after fine-tuning; here it is any split, and the search uses validation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from studies.evaluation import Evaluation, Measurement
from studies.objectives import INTENSIFICATION, LARGEST_RECALL_LOSS, class_recalls

#: Normalised balances that are smaller than this in all classes are no imbalance that could be intensified.
_BALANCED = 1e-12


@dataclass(frozen=True, slots=True)
class ClassRecall:
    """One class: its recall before and after, and its own intensification (None where it was balanced before)."""

    name: str
    before: float
    after: float
    intensification: float | None

    @property
    def loss(self) -> float:
        """Recall before minus recall after, a share; negative where the class gained."""
        return self.before - self.after


@dataclass(frozen=True, slots=True)
class RecallDistortion:
    """All classes of one trained network against the network before compression.

    ``intensification`` is the paper's alpha: the slope, without intercept, of the normalised recall balances after on
    those before. Above 1 the gaps between classes widened in the direction they had, below 1 they closed; alone that
    is not good yet (a ruined network has a slope near 0), so ``fit`` (r squared of that line) and both accuracies
    stand beside it. It is None where all classes had equal recall before. The intercept is 0 on a class-balanced split
    only; on another one the same slope is taken without it.
    """

    classes: tuple[ClassRecall, ...]
    accuracy_before: float
    accuracy_after: float
    intensification: float | None
    fit: float | None

    @property
    def worst(self) -> ClassRecall:
        """The class that lost most recall; of equal ones the first."""
        return max(self.classes, key=lambda one: one.loss)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "accuracy_before": self.accuracy_before,
            "accuracy_after": self.accuracy_after,
            "intensification": self.intensification,
            "fit": self.fit,
            "worst_class": self.worst.name,
            "largest_loss": self.worst.loss,
            "classes": {
                one.name: {"before": one.before, "after": one.after, "intensification": one.intensification}
                for one in self.classes
            },
        }


def normalised_balances(recalls: Mapping[str, float], accuracy: float) -> dict[str, float]:
    """(recall - accuracy) / accuracy of each class: above 0 where a class does better than the network at large.

    >>> normalised_balances({"cat": 0.9, "dog": 0.7}, 0.8)["cat"]
    0.12499999999999997
    """
    return {name: (recall - accuracy) / accuracy for name, recall in recalls.items()}


def distortion(
    before: Mapping[str, float], accuracy_before: float, after: Mapping[str, float], accuracy_after: float
) -> RecallDistortion | None:
    """The distortion between two sets of recalls by class; None without classes in common or without any accuracy.

    >>> found = distortion({"a": 0.9, "b": 0.7}, 0.8, {"a": 0.7, "b": 0.5}, 0.6)
    >>> round(found.intensification, 9), found.worst.name
    (1.333333333, 'a')
    """
    names = [name for name in before if name in after]
    numbers = [accuracy_before, accuracy_after, *(before[n] for n in names), *(after[n] for n in names)]
    if not names or not all(map(math.isfinite, numbers)) or accuracy_before <= 0.0 or accuracy_after <= 0.0:
        return None
    old = normalised_balances({name: before[name] for name in names}, accuracy_before)
    new = normalised_balances({name: after[name] for name in names}, accuracy_after)
    defined = {name: abs(old[name]) > _BALANCED for name in names}
    slope = fit = None
    if any(defined.values()):
        slope = sum(old[n] * new[n] for n in names) / sum(old[n] ** 2 for n in names)
        fit = _r_squared([old[n] for n in names], [new[n] for n in names])
    classes = tuple(
        ClassRecall(name, before[name], after[name], new[name] / old[name] if defined[name] else None) for name in names
    )
    return RecallDistortion(classes, accuracy_before, accuracy_after, slope, fit)


def recall_distortion(
    evaluation: Evaluation, baseline: Evaluation, split: str = "validation"
) -> RecallDistortion | None:
    """The distortion of a stored trial against its study's baseline, each under its own seed; None if not measured."""
    accuracies = baseline.value(split), evaluation.value(split)
    if accuracies[0] is None or accuracies[1] is None:
        return None
    return distortion(class_recalls(baseline, split), accuracies[0], class_recalls(evaluation, split), accuracies[1])


def distortions_by_seed(evaluation: Evaluation, baseline: Evaluation, split: str) -> dict[int, RecallDistortion]:
    """The distortion of a trial under each training seed that was measured on ``split``, against the one baseline."""
    found = {
        seed: recall_distortion(replace(evaluation, seed=seed), baseline, split) for seed in evaluation.values(split)
    }
    return {seed: one for seed, one in found.items() if one is not None}


def distortion_measurements(evaluation: Evaluation, baseline: Evaluation) -> tuple[Measurement, ...]:
    """What the search can aim at or limit, for each split on which both networks were measured: see OBJECTIVES.

    The intensification is left out where it is not defined.
    """
    found: list[Measurement] = []
    for split in ("validation", "test"):
        measured = recall_distortion(evaluation, baseline, split)
        if measured is not None:
            found.append(Measurement(split, LARGEST_RECALL_LOSS, evaluation.seed, measured.worst.loss))
            if measured.intensification is not None:
                found.append(Measurement(split, INTENSIFICATION, evaluation.seed, measured.intensification))
    return tuple(found)


def _r_squared(x: list[float], y: list[float]) -> float | None:
    """The squared correlation of two lists; None where one of them does not vary."""
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    across = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    along = sum((a - mean_x) ** 2 for a in x) * sum((b - mean_y) ** 2 for b in y)
    return across**2 / along if along > 0.0 else None
