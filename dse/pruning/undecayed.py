"""Undecayed pruning: the weights go whose removal changes the task loss least, without what weight decay adds to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from cost_models import Configuration, InputError, unknown_name
from dse.pruning.masked import RampedPruning
from dse.pruning.method import LayerWeight, Progress

#: From a weight w, the task loss's gradient g (without decay) and the decay's coefficient eps to the score of each.
Score = Callable[[Tensor, Tensor, float], Tensor]


def undecayed(weight: Tensor, gradient: Tensor, decay: float) -> Tensor:
    """|w g|: the first-order change of the loss without its decay term when w becomes 0.

    The paper writes |-w dL/dw + eps w^2| with the decay inside L: dL/dw = g + eps w, so the two eps cancel.
    """
    return (weight * gradient).abs()


def with_decay(weight: Tensor, gradient: Tensor, decay: float) -> Tensor:
    """|w (g + eps w)|: gradient pruning, the paper's GP; the first-order change of the loss with its decay term."""
    return (weight * (gradient + decay * weight)).abs()


def decay_twice(weight: Tensor, gradient: Tensor, decay: float) -> Tensor:
    """|-w g + eps w^2| with g as it is here: what a public re-implementation computes, not the paper's form."""
    return (decay * weight.square() - weight * gradient).abs()


SCORES: dict[str, Score] = {"undecayed": undecayed, "with_decay": with_decay, "decay_twice": decay_twice}


class UndecayedPruning(RampedPruning):
    """Removes the weights of smallest |w g| of each layer, g being the mean gradient of the task loss.

    One-shot as in the paper by default: after the share ``ramp`` of the training, over whose steps g is averaged, the
    weights go and the rest is masked retraining. With more ``updates`` they go along a cubic ramp, each time by the
    gradients since the last; what is removed stays removed. Where the training has come to rest, g is minus the decay
    of the weight, and the order is that of magnitude pruning: train with a ``weight_decay`` above 0. ``score`` may be
    "with_decay" (gradient pruning) or "decay_twice" instead. Averaging g over steps and pruning layer by layer, to the
    ratios asked for, are choices of ours; the paper's text leaves both open.
    """

    description: ClassVar[str] = "the weights whose removal changes the task loss least, by gradient times weight"
    source: ClassVar[str] = "Good et al., NeurIPS 2022"

    def __init__(self, ramp: float = 0.2, updates: int = 1, score: str = "undecayed") -> None:
        if score not in SCORES:
            raise InputError("method.undecayed: " + unknown_name("score", str(score), tuple(SCORES)))
        super().__init__("method.undecayed", ramp, updates)
        self._score = SCORES[score]
        self._gradients: dict[str, Tensor] = {}
        self._steps = 0
        self._decay = 0.0

    def attach(self, network: nn.Module, layers: Mapping[str, LayerWeight], configuration: Configuration) -> None:
        """Put a mask of ones onto every layer that loses weights."""
        super().attach(network, layers, configuration)
        self._gradients = {
            name: torch.zeros_like(self._masks.layers[name].trained.detach()) for name in self._masks.pruned
        }

    def update(self, progress: Progress) -> None:
        """Add up the gradients, and remove weights where the ramp says so."""
        if self._masks.frozen:
            return
        self._decay = progress.weight_decay
        self._steps += 1
        for name, total in self._gradients.items():
            gradient = self._masks.layers[name].trained.grad
            if gradient is not None:
                total.add_(gradient)
        super().update(progress)

    def _choose(self, share_of_ramp: float) -> None:
        super()._choose(share_of_ramp)
        self._steps = 0
        for total in self._gradients.values():
            total.zero_()

    def _scores(self, layer: str, weight: Tensor) -> Tensor:
        mean = self._gradients[layer] / max(self._steps, 1)
        # A removed weight gets no gradient, so nothing is known about it: it stays where it is.
        return torch.where(self._masks.kept(layer), self._score(weight, mean, self._decay), -1.0)
