"""What the methods that remove single weights have in common: the masks they hold, and the ramp that many follow."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn

from cost_models import Configuration
from dse.pruning.masks import LayerMasks
from dse.pruning.method import LayerWeight, Progress, PruningMethod
from dse.pruning.schedule import Ramp, cubic_ratio


class MaskedPruning(PruningMethod):
    """A method whose pruned weights are those of one :class:`LayerMasks`, final when it is frozen."""

    _masks: LayerMasks

    def attach(self, network: nn.Module, layers: Mapping[str, LayerWeight], configuration: Configuration) -> None:
        """Put a mask of ones onto every layer that loses weights."""
        self._masks = LayerMasks(layers, configuration)

    @property
    def masks_final(self) -> bool:
        """Whether the masks are frozen."""
        return self._masks.frozen

    def removed(self) -> dict[str, int]:
        """How many weights of each layer are masked, by name."""
        return self._masks.removed()


class RampedPruning(MaskedPruning):
    """Removes the weights of smallest score along a cubic ramp; ``where`` names the method's options for messages."""

    def __init__(self, where: str, ramp: float, updates: int) -> None:
        self._ramp = Ramp(where, ramp, updates)

    def update(self, progress: Progress) -> None:
        """Choose the masks for the point of the ramp that is reached, until it ends."""
        reached = self._ramp.advance(progress.share)
        if reached is not None:
            self._choose(reached)

    def settle(self) -> None:
        """Choose the final masks if the training ended before the ramp did."""
        if not self._masks.frozen:
            self._choose(1.0)

    @abstractmethod
    def _scores(self, layer: str, weight: Tensor) -> Tensor:
        """One score for each weight of a layer, of the same shape: the smallest go."""

    def _choose(self, share_of_ramp: float) -> None:
        ratios = {name: cubic_ratio(ratio, share_of_ramp, 1.0) for name, ratio in self._masks.ratios.items()}
        self._masks.remove_smallest(self._scores, ratios)
        if share_of_ramp == 1.0:
            self._masks.freeze()
