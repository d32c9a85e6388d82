"""Kinds of tasks, and the losses that can be named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from cost_models import Registry
from dse.tasks.classification import CrossEntropy, TemporalEfficientTraining, TrainingLoss, classification_metrics

__all__ = ["TASKS", "TRAINING_LOSSES", "TaskEntry", "TrainingLoss"]


@dataclass(frozen=True, slots=True)
class TaskEntry:
    """One kind of task: from the outputs and targets of a whole split to metrics by name; the first is the main one."""

    metrics: Callable[[Tensor, Tensor], dict[str, float]]
    description: str


TASKS: Registry[TaskEntry] = Registry(
    "kind of task", {"classification": TaskEntry(classification_metrics, "one label for each sample")}
)

TRAINING_LOSSES: Registry[type[TrainingLoss]] = Registry(
    "training loss", {"cross_entropy": CrossEntropy, "tet": TemporalEfficientTraining}
)
