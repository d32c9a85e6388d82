"""Power-of-two weights: a product with a weight is a shift."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from cost_models import FULL_PRECISION, InputError
from dse.quantizers.quantizer import IntegerWeights, WeightQuantizer, all_zero

LARGEST_BITS = 6


class PowerOfTwoQuantizer(WeightQuantizer):
    """Zero and +-2^k for 2^(b-1) - 1 neighbouring exponents, the highest nearest to max|w|; 2 to 6 bits.

    The nearest level is taken, so that a weight below half the smallest power becomes 0. More than 6 bits would only
    add exponents below 2^-30 of the largest weight.

    >>> PowerOfTwoQuantizer().quantize(torch.tensor([-0.9, 0.3, 0.01]), 3)
    tensor([-1.0000,  0.2500,  0.0000])
    """

    description: ClassVar[str] = "zero and signed powers of two, 2 to 6 bits; straight-through gradient"
    source: ClassVar[str] = "Zhou et al., INQ, ICLR 2017 (levels)"

    def to_integers(self, weight: Tensor, bits: float) -> IntegerWeights:
        """Codes that are powers of two up to 2^(2^(b-1) - 2), and the smallest power as the layer's scale."""
        self.check_bits(bits)
        largest = weight.abs().amax()
        if not largest > 0:
            return all_zero(weight)
        count = 2 ** (int(bits) - 1) - 1
        top = _nearest_exponent(largest)
        exponent = _nearest_exponent(weight.abs()).clamp(max=top) - (top - count + 1)
        # Halfway between zero and the smallest power lies the power below it.
        there = weight.abs() >= torch.ldexp(torch.ones_like(largest), top - count)
        codes = torch.where(there, torch.pow(2, exponent.clamp(min=0)), torch.zeros_like(exponent))
        scale = torch.ldexp(torch.ones_like(largest), top - count + 1)
        return IntegerWeights((codes * weight.sign().int()).int(), scale)

    def check_bits(self, bits: float) -> None:
        """Refuse widths that powers of two do not have."""
        if bits != FULL_PRECISION and not (bits == int(bits) and 2 <= bits <= LARGEST_BITS):
            raise InputError(f"weight_bits is {bits}; the weight quantizer 'power_of_two' takes 2 to 6 bits, or 32")


def _nearest_exponent(size: Tensor) -> Tensor:
    """The exponent of the power of two that is nearest to each positive number; int32, exact."""
    mantissa, exponent = torch.frexp(size)
    return exponent - (mantissa < 0.75).int()
