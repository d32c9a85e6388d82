"""What a study may maximise, minimise or limit: a name, a unit, a direction, and how to read it from a trial."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

from cost_models import CostReport, Registry
from studies.evaluation import Evaluation

Direction = Literal["maximize", "minimize"]
Unit = Literal["share", "bytes", "joules", "seconds", "count"]

#: Metrics named ``recall/<class>`` hold the recall of single classes.
RECALL_PREFIX = "recall/"
#: Metrics that :mod:`studies.recall` derives from them and from those of the baseline.
LARGEST_RECALL_LOSS = "largest_recall_loss"
INTENSIFICATION = "recall_intensification"


class Reader(Protocol):
    """Reads one number from an evaluation; NaN where it was not measured."""

    def __call__(self, evaluation: Evaluation, split: str = "validation") -> float:
        """Return the number, for a measured quantity on ``split``, under the trial's own seed."""


@dataclass(frozen=True, slots=True)
class Objective:
    """One quantity: ``read(evaluation, split)`` is defined for every evaluation, NaN where it was not measured.

    ``is_cost`` says that the quantity comes from the cost model, so that it can be computed before training; others are
    measured on data. ``worst`` is the largest value of a measured one, to be minimised, that counts in a hypervolume.
    """

    name: str
    unit: Unit
    direction: Direction
    description: str
    read: Reader
    is_cost: bool = True
    worst: float = 1.0

    @property
    def maximized(self) -> bool:
        """Whether more is better."""
        return self.direction == "maximize"

    def reference(self, baseline: Evaluation) -> float:
        """The worst value that counts: 0 or ``worst`` for what is measured, the uncompressed network's for a cost."""
        if self.is_cost:
            return self.read(baseline)
        return 0.0 if self.maximized else self.worst


def cost_value(cost: CostReport, name: str) -> float:
    """The total called ``name`` of a cost report, also of one that was only estimated; ``time_steps`` counts as one."""
    return float(cost.time_steps if name == "time_steps" else getattr(cost.total, name))


def class_recalls(evaluation: Evaluation, split: str = "validation") -> dict[str, float]:
    """The recall of each class by its name, under the trial's own seed; empty where none was measured."""
    return {
        measurement.metric.removeprefix(RECALL_PREFIX): measurement.value
        for measurement in evaluation.measurements
        if measurement.split == split
        and measurement.seed == evaluation.seed
        and measurement.metric.startswith(RECALL_PREFIX)
    }


@dataclass(frozen=True, slots=True)
class _Cost:
    name: str

    def __call__(self, evaluation: Evaluation, split: str = "validation") -> float:
        return math.nan if evaluation.cost is None else cost_value(evaluation.cost, self.name)


@dataclass(frozen=True, slots=True)
class _Metric:
    name: str

    def __call__(self, evaluation: Evaluation, split: str = "validation") -> float:
        value = evaluation.value(split, self.name)
        return math.nan if value is None else value


def _accuracy(evaluation: Evaluation, split: str = "validation") -> float:
    value = evaluation.value(split)
    return math.nan if value is None else value


def _error(evaluation: Evaluation, split: str = "validation") -> float:
    return 1.0 - _accuracy(evaluation, split)


def _worst_class_recall(evaluation: Evaluation, split: str = "validation") -> float:
    recalls = class_recalls(evaluation, split).values()
    return min(recalls) if recalls and all(map(math.isfinite, recalls)) else math.nan


def _measured(name: str, direction: Direction, description: str, read: Reader) -> Objective:
    return Objective(name, "share", direction, description, read, is_cost=False)


def _cost(name: str, unit: Unit, description: str) -> Objective:
    return Objective(name, unit, "minimize", description, _Cost(name))


OBJECTIVES: Registry[Objective] = Registry(
    "objective",
    {
        objective.name: objective
        for objective in (
            _measured("accuracy", "maximize", "share of inputs that are classified rightly", _accuracy),
            _measured("error", "minimize", "share of inputs that are classified wrongly", _error),
            _measured("worst_class_recall", "maximize", "the lowest recall of any class", _worst_class_recall),
            _measured(
                LARGEST_RECALL_LOSS,
                "minimize",
                "recall that the class hit hardest has lost against the uncompressed network",
                _Metric(LARGEST_RECALL_LOSS),
            ),
            Objective(
                INTENSIFICATION,
                "count",
                "minimize",
                "how far gaps between classes widened: slope of recall balances on the uncompressed network's",
                _Metric(INTENSIFICATION),
                is_cost=False,
                worst=2.0,
            ),
            _cost("memory_bytes", "bytes", "weights, indices and membranes together"),
            _cost("weight_memory_bytes", "bytes", "weights at their bit width"),
            _cost("index_memory_bytes", "bytes", "positions of the kept weights"),
            _cost("membrane_memory_bytes", "bytes", "membrane potentials at their bit width"),
            _cost("energy_joules", "joules", "energy for one input over all time steps"),
            _cost("latency_seconds", "seconds", "time for one input over all time steps"),
            _cost("macs", "count", "multiply-accumulates for one input over all time steps"),
            _cost("synops", "count", "synaptic operations for one input over all time steps"),
            _cost("parameters_kept", "count", "parameters that are left, biases included"),
            _cost("time_steps", "count", "time steps for one input"),
        )
    },
)


def constraint_names() -> tuple[str, ...]:
    """The costs that a study may limit: a proposal that breaks such a limit is never trained."""
    return tuple(name for name, objective in OBJECTIVES.items() if objective.is_cost)


def limit_names() -> tuple[str, ...]:
    """All that a study may limit: the costs, and what is measured and minimised, which is judged after training."""
    return tuple(name for name, objective in OBJECTIVES.items() if not objective.maximized)
