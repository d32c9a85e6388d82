"""A mask that is learned: one trainable auxiliary parameter m for each unit, which is kept while m > 0."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from dse.pruning.coarse_gradients import CoarseGradient
from dse.pruning.masks import WeightMask

UNITS = ("weights", "neurons")
RULES = ("sign", "chain")


def indicator(m: Tensor) -> Tensor:
    """h(m): 1 where m > 0, else 0.

    >>> indicator(torch.tensor([-0.1, 0.0, 0.2]))
    tensor([0., 0., 1.])
    """
    return (m > 0.0).to(m.dtype)


def auxiliary_gradient(gradient: Tensor, weight: Tensor, m: Tensor, coarse: CoarseGradient, rule: str) -> Tensor:
    """dL/dm from dL/dt, the gradient at the masked weight t = w * h(m); of the shape of ``m``.

    "sign": dL/dt * sign(w) * s(m), whose size does not depend on |w| (AutoPrune, Eq. 7, as its successors implement
    it). "chain": the plain chain rule, dL/dt * w * s(m).
    """
    return gradient * (weight.sign() if rule == "sign" else weight) * coarse(m)


class _Masked(torch.autograd.Function):
    """w * mask, whose gradient reaches w where the mask is 1, and m everywhere."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, mask: Tensor, m: Tensor, coarse: CoarseGradient, rule: str) -> Tensor:
        ctx.save_for_backward(weight, mask, m)
        ctx.how = (coarse, rule)
        return weight * mask

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        weight, mask, m = ctx.saved_tensors
        coarse, rule = ctx.how
        return gradient * mask, None, auxiliary_gradient(gradient, weight, m, coarse, rule), None, None


class LearnedMask(WeightMask):
    """``mask`` is h(m) as the method last set it; without m (:meth:`fix`) it is an ordinary mask.

    With one m for each neuron (row of the weight) the weight passes unmasked while m is there: the neuron's output is
    gated instead (:mod:`dse.pruning.neuron_gate`). Behind a batch norm the loss does not change with the size of a row,
    so the gradient at the weights says nothing about m, and a row of zeros has no output to learn from.
    """

    def __init__(self, weight: Tensor, units: str, coarse: CoarseGradient, rule: str) -> None:
        super().__init__(weight)
        self.auxiliary: nn.Parameter | None = nn.Parameter(
            torch.ones_like(weight if units == "weights" else weight.flatten(1)[:, 0])
        )
        self.coarse = coarse
        self.rule = rule

    def forward(self, weight: Tensor) -> Tensor:
        """The weight with its removed entries at zero; unchanged while whole neurons learn."""
        if self.auxiliary is None:
            return super().forward(weight)
        if self.auxiliary.shape != weight.shape:
            return weight
        masked: Tensor = _Masked.apply(weight, self.mask, self.auxiliary, self.coarse, self.rule)  # type: ignore[no-untyped-call]
        return masked

    def of_rows(self) -> Tensor:
        """The mask of whole neurons (C,): 1 for a row of the weight that is there, 0 for one that is removed."""
        return self.mask.flatten(1)[:, 0]

    def over_weights(self, of_units: Tensor) -> Tensor:
        """One value for each unit, spread over the unit's weights: from the shape of m to that of the weight."""
        if of_units.shape == self.mask.shape:
            return of_units
        return of_units.reshape(-1, *(1,) * (self.mask.dim() - 1)).expand_as(self.mask)

    def fix(self) -> None:
        """Drop m: from here on the mask stays as it is."""
        self.auxiliary = None
