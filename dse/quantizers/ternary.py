"""Ternary weights: -scale, 0 or +scale, one scale for each layer."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from cost_models import TERNARY, InputError, unknown_name
from dse.quantizers.quantizer import IntegerWeights, WeightQuantizer, all_zero
from dse.quantizers.uniform import UniformQuantizer, ternary_integers

#: By rule: below which share of which statistic a weight becomes zero.
RULES = {"largest": 0.05, "mean": 0.7}


class TernaryQuantizer(WeightQuantizer):
    """Ternary at 1.58 and 2 bits by one of two rules; a wider layer (first and last at 8 bit, say) is uniform.

    Weights below the threshold become 0, the others +-(their mean size). ``rule`` "largest": 0.05 x max|w|, as
    SpQuant-SNN's public code has it; "mean": 0.7 x mean|w|, Ternary Weight Networks (Li, Liu 2016, Eq. 6).

    >>> import torch
    >>> TernaryQuantizer("mean").quantize(torch.tensor([-3.0, 0.01, 1.0]), 2)
    tensor([-2.,  0.,  2.])
    """

    description: ClassVar[str] = "-s, 0, +s with one scale per layer; wider layers uniform; straight-through gradient"
    source: ClassVar[str] = "Li, Liu 2016; threshold of SpQuant-SNN's public code"

    def __init__(self, rule: str = "largest") -> None:
        if rule not in RULES:
            raise InputError("method.ternary: " + unknown_name("rule", rule, tuple(RULES)))
        self.rule = rule
        self._wide = UniformQuantizer()

    def to_integers(self, weight: Tensor, bits: float) -> IntegerWeights:
        """The integer codes -1, 0, 1 and the layer's scale, a tensor without dimensions."""
        if bits not in (2, TERNARY):
            return self._wide.to_integers(weight, bits)
        size = weight.abs()
        largest = size.amax()
        if not largest > 0:
            return all_zero(weight)
        statistic = largest if self.rule == "largest" else size[size > 0].mean()
        return ternary_integers(weight, RULES[self.rule] * statistic)

    def check_bits(self, bits: float) -> None:
        """Refuse 1 bit, which is no ternary width."""
        if bits == 1:
            raise InputError("weight_bits is 1; the weight quantizer 'ternary' takes 1.58 or 2 bits, or 3 to 32")
