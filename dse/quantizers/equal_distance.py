"""ADMM-NN's quantisation: equal distances between the levels, none of them zero, and one scale per layer by search."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from cost_models import TERNARY
from dse.quantizers.quantizer import IntegerWeights, WeightQuantizer, all_zero

#: Up to so many (weight, level boundary) pairs the search is exact; above, it starts from a histogram of |w|.
EXACT_PAIRS = 2**16
#: From so many bits on the error of the largest weight's scale is far below any other, and nothing is searched.
SEARCH_BELOW_BITS = 9
_REFINEMENTS = 20


class EqualDistanceQuantizer(WeightQuantizer):
    """The levels are +-q, +-2q ... +-(M/2)q with M = 2^b; 1.58 bits and 1 bit have +-q.

    Zero is no level: it stands for a removed weight alone. q is the scale with the least sum of squared errors over the
    weights that are there. The paper finds it by a binary search; here it is the exact minimum for up to
    :data:`EXACT_PAIRS` pairs of a weight and a level boundary (the layers of a pruned network), and near it above.

    >>> EqualDistanceQuantizer().quantize(torch.tensor([-2.1, 0.0, 1.0, 0.2, 1.9]), 2)
    tensor([-1.8400,  0.0000,  0.9200,  0.9200,  1.8400])
    """

    description: ClassVar[str] = "equal distances and no zero level, the scale of a layer by least squared error"
    source: ClassVar[str] = "Ren et al. 2019, ADMM-NN (ASPLOS), sec. 4.2"

    def to_integers(self, weight: Tensor, bits: float) -> IntegerWeights:
        """The integer codes, 0 for a removed weight, else 1 to 2^(b-1) in size, and the layer's scale (no dimensions).

        As zero is not stored, b bits hold a sign and the size less one.
        """
        size = weight.abs()
        there = size > 0
        if not bool(there.any()):
            return all_zero(weight)
        levels = 1 if bits in (1, TERNARY) else 2 ** (int(bits) - 1)
        scale = least_error_scale(size[there], levels) if bits < SEARCH_BELOW_BITS else size.amax() / levels
        codes = torch.where(there, weight.sign() * nearest_level(size, scale, levels), torch.zeros_like(weight))
        return IntegerWeights(codes.to(torch.int32), scale)


def nearest_level(size: Tensor, scale: Tensor, levels: int) -> Tensor:
    """The number (1 to ``levels``) of the level nearest to each absolute weight; halves go up."""
    return (size / scale + 0.5).floor().clamp(1, levels)


def least_error_scale(size: Tensor, levels: int) -> Tensor:
    """The scale q whose levels q, 2q ... ``levels`` x q have the least squared error to the positive numbers ``size``.

    For fixed levels k of the weights the best scale is sum(a k) / sum(k^2), with error sum(a^2) - sum(a k)^2 /
    sum(k^2). As q falls from infinity, the level of a weight a rises from k to k + 1 at q = a / (k + 1/2): sorted,
    these points give every assignment that a scale can cause, and running sums the error of each.
    """
    if size.numel() * (levels - 1) <= EXACT_PAIRS:
        values, counts = size.double(), torch.ones_like(size, dtype=torch.float64)
    else:
        values, counts = _binned(size, max(EXACT_PAIRS // levels, 64))
    boundaries = torch.arange(1, levels, dtype=torch.float64, device=size.device)
    points = (values[:, None] / (boundaries + 0.5)).reshape(-1)
    order = points.argsort(descending=True, stable=True)
    gained = (values * counts)[:, None].expand(-1, levels - 1).reshape(-1)[order]
    squares = (counts[:, None] * (2 * boundaries + 1)).reshape(-1)[order]
    nothing = torch.zeros(1, dtype=torch.float64, device=size.device)
    products = torch.cat([nothing, gained.cumsum(0)]) + (values * counts).sum()
    squared = torch.cat([nothing, squares.cumsum(0)]) + counts.sum()
    best = int((products.square() / squared).argmax())
    return _refined(size, products[best] / squared[best], levels)


def _refined(size: Tensor, scale: Tensor, levels: int) -> Tensor:
    """The scale after taking nearest levels and the best scale for them in turn, which never raises the error."""
    exact = size.double()
    for _ in range(_REFINEMENTS):
        level = nearest_level(exact, scale, levels)
        better = (exact * level).sum() / level.square().sum()
        if bool((better - scale).abs() <= 1e-12 * scale):
            break
        scale = better
    return scale.to(size.dtype)


def _binned(size: Tensor, bins: int) -> tuple[Tensor, Tensor]:
    """The mean of ``size`` in each of ``bins`` equal bins that is not empty, and how many numbers it stands for."""
    index = (size / size.amax() * bins).long().clamp(max=bins - 1)
    counts = torch.bincount(index, minlength=bins).double()
    sums = torch.bincount(index, weights=size.double(), minlength=bins)
    return sums[counts > 0] / counts[counts > 0], counts[counts > 0]
