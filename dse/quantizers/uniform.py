"""Uniform symmetric weight quantisation: evenly spaced levels around zero, one scale for each layer."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from cost_models import TERNARY, InputError
from dse.quantizers.quantizer import IntegerWeights, WeightQuantizer, all_zero

# The scale is searched on a histogram, so its cost does not grow with candidates times weights.
HISTOGRAM_BINS = 2048
CLIP_SHARES = tuple(share / 32 for share in range(5, 33))
SEARCH_UP_TO_BITS = 8


class UniformQuantizer(WeightQuantizer):
    """One scale per layer and 2^(b-1) - 1 positive levels; 2 and 1.58 bits are ternary, 1 bit is the sign.

    Ternary: weights below ``ternary_threshold`` x max|w| become 0, the others +-(their mean size): TWN's form with the
    threshold of SpQuant-SNN's public code. From 3 to 8 bits the clipping point is the one of 28 shares of max|w| with
    the least squared error; above that it is max|w|. Ties go to the even level.

    >>> UniformQuantizer().quantize(torch.tensor([-3.0, 0.01, 1.0]), 2)
    tensor([-2.,  0.,  2.])
    """

    description: ClassVar[str] = "evenly spaced symmetric levels, one scale per layer, straight-through gradient"
    source: ClassVar[str] = "ternary: Li, Liu 2016 with SpQuant-SNN's threshold; else least squared error"

    def __init__(self, ternary_threshold: float = 0.05) -> None:
        if not 0.0 <= ternary_threshold < 1.0:
            raise InputError(
                f"method.uniform: ternary_threshold is {ternary_threshold!r}; it is a share of the largest weight, "
                "from 0 up to, but not including, 1"
            )
        self.ternary_threshold = ternary_threshold

    def to_integers(self, weight: Tensor, bits: float) -> IntegerWeights:
        """The integer codes (at most 2^(b-1) - 1 in size) and the layer's scale, a tensor without dimensions."""
        size = weight.abs()
        largest = size.amax()
        if not largest > 0:
            return all_zero(weight)
        if bits in (1, 2, TERNARY):
            threshold = largest * self.ternary_threshold if bits != 1 else torch.zeros_like(largest)
            return ternary_integers(weight, threshold)
        levels = 2 ** (int(bits) - 1) - 1
        clip = least_error_clip(size, levels) if bits <= SEARCH_UP_TO_BITS else largest
        scale = clip / levels
        return IntegerWeights((weight / scale).round().clamp(-levels, levels).to(torch.int32), scale)


def ternary_integers(weight: Tensor, threshold: Tensor) -> IntegerWeights:
    """Zero below the threshold, else the sign; the scale is the mean size of those that are left.

    The threshold is at most max|w|, which is above 0.
    """
    size = weight.abs()
    taken = (size >= threshold) & (size > 0)
    codes = torch.where(taken, weight.sign(), torch.zeros_like(weight))
    return IntegerWeights(codes.to(torch.int32), size[taken].mean())


def least_error_clip(size: Tensor, levels: int) -> Tensor:
    """Where to clip absolute weights so that rounding to ``levels`` positive levels has the least squared error.

    ``size`` has any shape and a largest value above 0; zeros do not count. The error is taken on 2048 bins.
    """
    largest = size.amax()
    counts = torch.histc(size[size > 0], HISTOGRAM_BINS, 0.0, float(largest))
    centres = (torch.arange(HISTOGRAM_BINS, dtype=size.dtype, device=size.device) + 0.5) * (largest / HISTOGRAM_BINS)
    clips = torch.tensor(CLIP_SHARES, dtype=size.dtype, device=size.device) * largest
    scales = (clips / levels).unsqueeze(1)
    rounded = (centres / scales).round().clamp(max=levels) * scales
    error = ((rounded - centres).square() * counts).sum(dim=1)
    return clips[error.argmin()]
