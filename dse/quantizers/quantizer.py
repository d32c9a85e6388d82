"""The contract of a weight quantiser: what training sees and the integers that hardware gets are the same numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
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

    def cpu(self) -> IntegerWeights:
        """The same on the CPU."""
        return IntegerWeights(self.codes.cpu(), self.scale.cpu())


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

    def check_bits(self, bits: float) -> None:
        """Raise :class:`InputError` for a bit width that this quantiser does not have; all are allowed here."""
        return

    def quantize(self, weight: Tensor, bits: float) -> Tensor:
        """The rounded weights, same shape; the gradient passes straight through. 32 bits: the weights themselves."""
        if bits >= FULL_PRECISION:
            return weight
        return straight_through(weight, self.to_integers(weight.detach(), bits))


def all_zero(weight: Tensor) -> IntegerWeights:
    """The integers of a layer whose weights are all zero."""
    return IntegerWeights(torch.zeros_like(weight, dtype=torch.int32), torch.ones_like(weight.sum()))


def straight_through(weight: Tensor, integers: IntegerWeights) -> Tensor:
    """The values of ``integers``, with the gradient of ``weight``."""
    result: Tensor = _StraightThrough.apply(weight, integers.values)  # type: ignore[no-untyped-call]
    return result


class QuantizedWeight(nn.Module):
    """The parametrisation that puts a quantiser onto a layer's weight; a pruning method may switch ``active`` off.

    ``tell_scale`` is called with the layer's scale in each pass, for a membrane that shares it.
    """

    def __init__(
        self, quantizer: WeightQuantizer, bits: float, tell_scale: Callable[[float], None] | None = None
    ) -> None:
        super().__init__()
        self.quantizer = quantizer
        self.bits = bits
        self.tell_scale = tell_scale
        self.active = True

    def forward(self, weight: Tensor) -> Tensor:
        """The rounded weight; the weight itself while the rounding is not active."""
        if self.tell_scale is None:
            return self.quantizer.quantize(weight, self.bits) if self.active else weight
        integers = self.quantizer.to_integers(weight.detach(), self.bits)
        self.tell_scale(float(integers.scale))
        return straight_through(weight, integers) if self.active else weight

    def to_integers(self, weight: Tensor) -> IntegerWeights:
        """The integers behind the rounded weight."""
        return self.quantizer.to_integers(weight.detach(), self.bits)

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
