"""The contract of a weight quantiser: what training sees and the integers that hardware gets are the same numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from cost_models import FULL_PRECISION


@dataclass(frozen=True, slots=True, eq=False)
class IntegerWeights:
    """One layer's weights as integers: ``codes`` (int32, the weight's shape) times ``scale`` (broadcastable)."""

    codes: Tensor
    scale: Tensor

    @property
    def values(self) -> Tensor:
        """The float weights that these integers stand for."""
        return self.codes.to(self.scale.dtype) * self.scale


class WeightQuantizer(ABC):
    """Rounds the weights of one layer to a grid of a given width.

    A weight of exactly zero is a removed one: it stays zero and takes no part in the choice of the grid. Subclasses
    give the integers; the rounding with its gradient follows from them, so that both agree to the last bit.
    """

    description: ClassVar[str] = ""
    source: ClassVar[str] = ""

    @abstractmethod
    def to_integers(self, weight: Tensor, bits: float) -> IntegerWeights:
        """The integer codes and the scale of ``weight`` at ``bits`` bits; ``bits`` below 32."""

    def quantize(self, weight: Tensor, bits: float) -> Tensor:
        """The rounded weights, same shape; the gradient passes straight through. 32 bits: the weights themselves."""
        if bits >= FULL_PRECISION:
            return weight
        rounded = self.to_integers(weight.detach(), bits).values
        result: Tensor = _StraightThrough.apply(weight, rounded)  # type: ignore[no-untyped-call]
        return result


class QuantizedWeight(nn.Module):
    """The parametrisation that puts a quantiser onto a layer's weight."""

    def __init__(self, quantizer: WeightQuantizer, bits: float) -> None:
        super().__init__()
        self.quantizer = quantizer
        self.bits = bits

    def forward(self, weight: Tensor) -> Tensor:
        """The rounded weight."""
        return self.quantizer.quantize(weight, self.bits)

    def extra_repr(self) -> str:
        """The width, shown where a module is printed."""
        return f"bits={self.bits}"


class _StraightThrough(torch.autograd.Function):
    """Forward the second tensor to the bit (``w + (q - w)`` would round), backward to the first."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, rounded: Tensor) -> Tensor:
        return rounded

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None
