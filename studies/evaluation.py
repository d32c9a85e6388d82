"""One trial and what became of it: the value that travels back from a worker and into the store."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cost_models import Configuration, CostReport, Workload


class State(enum.StrEnum):
    """What became of a trial. Only complete and stopped trials count towards a study's number of trials."""

    RUNNING = "running"
    COMPLETE = "complete"
    STOPPED = "stopped"  # training ended early: it could no longer reach the front
    FAILED = "failed"  # NaN, out of memory, a killed worker: see the reason
    SKIPPED = "skipped"  # never trained: breaks a limit or repeats a scored configuration

    @property
    def finished(self) -> bool:
        """Whether the trial counts towards the number of trials that were asked for."""
        return self in (State.COMPLETE, State.STOPPED)


#: The metric that holds the accuracy right after hard pruning, before any training with fixed masks.
HARD_PRUNED = "accuracy_hard_pruned"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One metric of one trained network; ``seed`` is the training seed.

    ``split`` is "validation" or "test", or "training" for what a pruning method tells of its training.
    """

    split: str
    metric: str
    seed: int
    value: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One trial, finished, skipped or failed; a failed one is a normal value with a reason.

    ``trial`` is None for the baseline, the uncompressed float network. ``asked`` is what the search proposed and
    ``realised`` what the trained network was measured to be; ``workload`` holds the measured densities and ``cost`` is
    computed from ``realised`` and ``workload``. ``choices`` are the values of the search's own parameters by name (they
    rebuild the Optuna trial); ``optuna_attributes`` is what a sampler keeps with a trial, as plain JSON values.
    ``seed`` is the training seed. ``seconds`` is the wall time of the evaluation. ``measurements`` are kept in the
    order of split, metric and seed.

    ``curve`` is the validation accuracy at the end of each epoch, where it was watched: as many as were trained. A
    stopped trial has no measurements; its last accuracy is the end of its curve, and ``expected_accuracy`` is what the
    whole training would have led to, judged by the curves of the finished trials.
    """

    trial: int | None
    seed: int
    state: State
    asked: Configuration
    choices: Mapping[str, Any] = field(default_factory=dict)
    realised: Configuration | None = None
    workload: Workload | None = None
    cost: CostReport | None = None
    measurements: tuple[Measurement, ...] = ()
    reason: str = ""
    seconds: float = 0.0
    optuna_attributes: Mapping[str, Any] = field(default_factory=dict)
    curve: tuple[float, ...] = ()
    expected_accuracy: float | None = None

    def __post_init__(self) -> None:
        # In a fixed order, so that two evaluations with the same measurements are equal.
        ordered = sorted(self.measurements, key=lambda item: (item.split, item.metric, item.seed))
        object.__setattr__(self, "measurements", tuple(ordered))
        object.__setattr__(self, "curve", tuple(self.curve))

    def values(self, split: str, metric: str = "accuracy") -> dict[int, float]:
        """The metric's value for each training seed that was measured on this split."""
        return {m.seed: m.value for m in self.measurements if m.split == split and m.metric == metric}

    def value(self, split: str, metric: str = "accuracy") -> float | None:
        """The metric on this split under the trial's own seed; None if it was not measured."""
        return self.values(split, metric).get(self.seed)
