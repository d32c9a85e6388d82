"""Classification: the losses that networks are trained with, and what is measured of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from cost_models import InputError


class TrainingLoss(ABC):
    """From the outputs of every time step ``(T, B, K)`` and the labels ``(B,)`` to one number to minimise."""

    description: ClassVar[str] = ""
    source: ClassVar[str] = ""

    @abstractmethod
    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss, a tensor without dimensions."""


class CrossEntropy(TrainingLoss):
    """Cross-entropy of the mean output over time."""

    description: ClassVar[str] = "cross-entropy of the mean output over time"
    source: ClassVar[str] = ""

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss, a tensor without dimensions."""
        return functional.cross_entropy(outputs.mean(dim=0), targets)


class TemporalEfficientTraining(TrainingLoss):
    """TET: (1 - weight) x mean over time of the cross-entropy of each step + weight x mean (output - target)^2.

    ``weight`` is lambda, 0.05 for images and up to 0.9 for event data in SpQuant-SNN's recipe; ``target`` the output
    that the second term pulls to. Source: Deng et al., ICLR 2022, Eq. 10-11.
    """

    description: ClassVar[str] = "cross-entropy of every time step, and a pull of the outputs to one value"
    source: ClassVar[str] = "Deng et al., ICLR 2022; weight from SpQuant-SNN"

    def __init__(self, weight: float = 0.05, target: float = 1.0) -> None:
        if not 0.0 <= weight <= 1.0:
            raise InputError(f"method.tet: weight is {weight!r}; it is a share from 0 to 1")
        self.weight = weight
        self.target = target

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss, a tensor without dimensions."""
        steps = outputs.shape[0]
        each_step = functional.cross_entropy(outputs.flatten(0, 1), targets.repeat(steps))
        return (1.0 - self.weight) * each_step + self.weight * (outputs - self.target).square().mean()


def classification_metrics(outputs: Tensor, targets: Tensor) -> dict[str, float]:
    """``accuracy`` and ``recall/C`` of each class C that occurs, from outputs ``(N, K)`` and labels ``(N,)``.

    >>> classification_metrics(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), torch.tensor([0, 1, 1]))
    {'accuracy': 0.6666666666666666, 'recall/0': 1.0, 'recall/1': 0.5}
    """
    right = outputs.argmax(dim=1) == targets
    samples = torch.bincount(targets, minlength=outputs.shape[1]).tolist()
    hits = torch.bincount(targets[right], minlength=outputs.shape[1]).tolist()
    recalls = {f"recall/{c}": hit / count for c, (hit, count) in enumerate(zip(hits, samples, strict=True)) if count}
    return {"accuracy": sum(hits) / len(targets), **recalls}
