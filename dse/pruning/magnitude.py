"""Magnitude pruning: the smallest weights of each layer go, gradually, to exactly the ratio that was asked for."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from dse.pruning.masked import RampedPruning
from dse.pruning.masks import magnitude


class MagnitudePruning(RampedPruning):
    """Removes the smallest |w| of each layer along a cubic schedule.

    ``ramp`` is the share of the training after which the masks are final; until then they are chosen anew at most
    ``updates`` times, and never afterwards. A removed weight may come back before that, if others become smaller.
    """

    description: ClassVar[str] = "the smallest weights of each layer, gradually (cubic), exactly to the ratio"
    source: ClassVar[str] = "Zhu, Gupta 2017 (arXiv 1710.01878)"

    def __init__(self, ramp: float = 0.6, updates: int = 40) -> None:
        super().__init__("method.magnitude", ramp, updates)

    def metrics(self) -> dict[str, float]:
        """The share of the weights once removed that came back."""
        return {"recovered_share": self._masks.recovered_share()}

    def _scores(self, layer: str, weight: Tensor) -> Tensor:
        return magnitude(layer, weight)
