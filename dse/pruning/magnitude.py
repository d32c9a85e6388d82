"""Magnitude pruning: the smallest weights of each layer go, gradually, to exactly the ratio that was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import nn

from cost_models import Configuration
from dse.pruning.masks import LayerMasks, magnitude
from dse.pruning.method import LayerWeight, Progress, PruningMethod
from dse.pruning.schedule import Ramp, cubic_ratio


class MagnitudePruning(PruningMethod):
    """Removes the smallest |w| of each layer along a cubic schedule.

    ``ramp`` is the share of the training after which the masks are final; until then they are chosen anew at most
    ``updates`` times, and never afterwards. A removed weight may come back before that, if others become smaller.
    """

    description: ClassVar[str] = "the smallest weights of each layer, gradually (cubic), exactly to the ratio"
    source: ClassVar[str] = "Zhu, Gupta 2017 (arXiv 1710.01878)"

    def __init__(self, ramp: float = 0.6, updates: int = 40) -> None:
        self._ramp = Ramp("method.magnitude", ramp, updates)

    def attach(self, network: nn.Module, layers: Mapping[str, LayerWeight], configuration: Configuration) -> None:
        """Put a mask of ones onto every layer that loses weights."""
        self._masks = LayerMasks(layers, configuration)

    def update(self, progress: Progress) -> None:
        """Choose the masks for the point of the schedule that is reached, until the ramp ends."""
        reached = self._ramp.advance(progress.share)
        if reached is not None:
            self._choose(reached)

    def settle(self) -> None:
        """Choose the final masks if the training ended before the ramp did."""
        if not self._masks.frozen:
            self._choose(1.0)

    @property
    def masks_final(self) -> bool:
        """Whether the ramp is over."""
        return self._masks.frozen

    def removed(self) -> dict[str, int]:
        """How many weights of each layer are masked, by name."""
        return self._masks.removed()

    def metrics(self) -> dict[str, float]:
        """The share of the weights once removed that came back."""
        return {"recovered_share": self._masks.recovered_share()}

    def _choose(self, share_of_ramp: float) -> None:
        ratios = {name: cubic_ratio(ratio, share_of_ramp, 1.0) for name, ratio in self._masks.ratios.items()}
        self._masks.remove_smallest(magnitude, ratios)
        if share_of_ramp == 1.0:
            self._masks.freeze()
