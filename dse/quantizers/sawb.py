"""SAWB: the clipping point follows from two statistics of the weights, no search and no training."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from cost_models import FULL_PRECISION, InputError, unknown_name
from dse.quantizers.quantizer import IntegerWeights, WeightQuantizer, all_zero

#: By width: alpha = c1 x standard deviation - c2 x mean|w|.
COEFFICIENTS = {2: (3.212, 2.178), 4: (1 / 0.077, 1.013 / 0.077), 8: (1 / 0.027, 1.114 / 0.027)}
STATISTICS = ("fitted", "mean")


class SAWBQuantizer(WeightQuantizer):
    """Statistics-aware weight binning at 2, 4 and 8 bits.

    The weights are clipped at +-alpha and rounded to evenly spaced levels: at 2 bits the four levels +-alpha and
    +-alpha/3, at 4 and 8 bits 2^(b-1) - 1 on each side of zero. ``statistics`` "fitted": alpha = c1 x std - c2 x
    mean|w| with coefficients fitted by their authors for each width; "mean": alpha = 2 mean|w|, which SpQuant-SNN's
    public code uses in its convolutions. Where the fitted alpha is not a positive number up to max|w| (weights far from
    the distributions it was fitted for) max|w| is taken; this rule is ours. Removed weights take no part.
    """

    description: ClassVar[str] = "clipping point from standard deviation and mean size; 2, 4 or 8 bits"
    source: ClassVar[str] = "Choi et al., MLSys 2019; coefficients of SpQuant-SNN's public code"

    def __init__(self, statistics: str = "fitted") -> None:
        if statistics not in STATISTICS:
            raise InputError("method.sawb: " + unknown_name("statistics", statistics, STATISTICS))
        self.statistics = statistics

    def to_integers(self, weight: Tensor, bits: float) -> IntegerWeights:
        """Codes and the layer's scale: odd codes up to 3 at 2 bits, else whole numbers up to 2^(b-1) - 1."""
        self.check_bits(bits)
        size = weight.abs()
        if not size.amax() > 0:
            return all_zero(weight)
        alpha = self._clipping_point(weight, bits)
        if bits == 2:
            scale = alpha / 3
            outer = size >= 2 * scale
            return IntegerWeights((weight.sign() * (1 + 2 * outer)).int(), scale)
        levels = 2 ** (int(bits) - 1) - 1
        scale = alpha / levels
        return IntegerWeights((weight / scale).round().clamp(-levels, levels).int(), scale)

    def check_bits(self, bits: float) -> None:
        """Refuse widths for which no coefficients were fitted."""
        if bits not in (*COEFFICIENTS, FULL_PRECISION):
            raise InputError(f"weight_bits is {bits}; the weight quantizer 'sawb' takes 2, 4, 8 or 32 bits")

    def _clipping_point(self, weight: Tensor, bits: float) -> Tensor:
        there = weight[weight != 0]
        size = there.abs()
        if self.statistics == "mean":
            return 2 * size.mean()
        of_deviation, of_mean = COEFFICIENTS[int(bits)]
        alpha = of_deviation * there.std(correction=0) - of_mean * size.mean()
        return alpha if 0 < alpha <= size.amax() else size.amax()
