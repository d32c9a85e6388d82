"""Magnitude pruning: the smallest weights of each layer go, gradually, to exactly the ratio that was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import nn

from cost_models import Configuration, InputError
from dse.pruning.method import LayerWeight, Progress, PruningMethod, WeightMask
from dse.pruning.selection import cubic_ratio, removed_count, smallest


class MagnitudePruning(PruningMethod):
    """Removes the smallest |w| of each layer along a cubic schedule.

    ``ramp`` is the share of the training after which the masks are final; until then they are chosen anew at most
    ``updates`` times, and never afterwards. A removed weight may come back before that, if others become smaller.
    """

    description: ClassVar[str] = "the smallest weights of each layer, gradually (cubic), exactly to the ratio"
    source: ClassVar[str] = "Zhu, Gupta 2017 (arXiv 1710.01878)"

    def __init__(self, ramp: float = 0.6, updates: int = 40) -> None:
        if not 0.0 < ramp <= 1.0:
            raise InputError(f"method.magnitude: ramp is {ramp!r}; it is a share of the training, above 0, at most 1")
        if isinstance(updates, bool) or not isinstance(updates, int) or updates < 1:
            raise InputError(f"method.magnitude: updates is {updates!r}; it is a whole number of at least 1")
        self.ramp = ramp
        self.updates = updates
        self._layers: dict[str, LayerWeight] = {}
        self._masks: dict[str, WeightMask] = {}
        self._ratios: dict[str, float] = {}
        self._done = 0

    def attach(self, network: nn.Module, layers: Mapping[str, LayerWeight], configuration: Configuration) -> None:
        """Put a mask of ones onto every layer that loses weights."""
        self._layers = dict(layers)
        self._ratios = {name: configuration[name].pruning_ratio for name in layers}
        for name, layer in layers.items():
            if self._ratios[name] > 0.0:
                self._masks[name] = WeightMask(layer.trained.detach())
                layer.register(self._masks[name])

    def update(self, progress: Progress) -> None:
        """Choose the masks for the point of the schedule that is reached, until the ramp ends."""
        reached = min(int(progress.share / self.ramp * self.updates), self.updates)
        if reached > self._done:
            self._done = reached
            self._choose(reached / self.updates)

    def settle(self) -> None:
        """Choose the final masks if the training ended before the ramp did."""
        if self._done < self.updates:
            self._done = self.updates
            self._choose(1.0)

    def removed(self) -> dict[str, int]:
        """How many weights of each layer are masked, by name."""
        return {name: int((self._masks[name].mask == 0).sum()) if name in self._masks else 0 for name in self._layers}

    def _choose(self, share_of_ramp: float) -> None:
        for name, mask in self._masks.items():
            weight = self._layers[name].trained
            ratio = cubic_ratio(self._ratios[name], share_of_ramp, 1.0)
            gone = smallest(weight.detach().abs(), removed_count(weight.numel(), ratio))
            mask.mask.copy_(torch.where(gone, 0.0, 1.0))
