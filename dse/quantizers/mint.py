"""MINT's weights: squashed, rounded, and with a scale that the membrane can share."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from cost_models import FULL_PRECISION, TERNARY, InputError
from dse.quantizers.quantizer import IntegerWeights, WeightQuantizer, all_zero


class MintQuantizer(WeightQuantizer):
    """round(n tanh(w / s)) x s / n with n = 2^(b-1) - 1 (1 at 1.58 bits) and s = 2 mean|w| / sqrt(n).

    With ``membrane_quantizer = "shared_scale"`` the membrane has the same unit s / n, so that a membrane is a sum of
    weight codes and the threshold a whole number of them: no multiplier is left. (A batch norm in between has a factor
    for each channel, which then belongs to the channel's threshold.) MINT trains s; here s is the value that MINT
    starts from, taken anew from the weights in every step, and the gradient passes straight through. Both are ours.
    """

    description: ClassVar[str] = "tanh-squashed levels whose scale the membrane can share (membrane_quantizer)"
    source: ClassVar[str] = "MINT, ASP-DAC 2024, public code"

    def to_integers(self, weight: Tensor, bits: float) -> IntegerWeights:
        """Codes up to n in size and the layer's scale s / n."""
        self.check_bits(bits)
        size = weight.abs()
        if not size.amax() > 0:
            return all_zero(weight)
        levels = 1 if bits == TERNARY else 2 ** (int(bits) - 1) - 1
        squash = 2 * size[size > 0].mean() / math.sqrt(levels)
        return IntegerWeights((torch.tanh(weight / squash) * levels).round().int(), squash / levels)

    def check_bits(self, bits: float) -> None:
        """Refuse 1 bit, which leaves no level beside zero."""
        if bits != FULL_PRECISION and bits < TERNARY:
            raise InputError(f"weight_bits is {bits}; the weight quantizer 'mint' takes 1.58 bits or more")
