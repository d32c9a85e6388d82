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
    it). "chain": the plain chain rule, dL/dt * w * s(m). With one m for each output neuron (``m`` has one entry for
    each row of ``weight``) the products are summed over the row; sign(w) is then the row's direction w / ||w||, which
    is sign(w) for a row of one weight (inferred: the sources show the rule for single weights only).
    """
    if m.shape == weight.shape:
        return gradient * (weight.sign() if rule == "sign" else weight) * coarse(m)
    along = (gradient * weight).flatten(1).sum(dim=1)
    if rule == "sign":
        along = along / weight.flatten(1).norm(dim=1).clamp_min(torch.finfo(weight.dtype).tiny)
    return along * coarse(m)


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
    """``mask`` is h(m) as of the last :meth:`gone`; without m (:meth:`fix`) it is an ordinary mask."""

    def __init__(self, weight: Tensor, units: str, coarse: CoarseGradient, rule: str) -> None:
        super().__init__(weight)
        self.auxiliary: nn.Parameter | None = nn.Parameter(
            torch.ones_like(weight if units == "weights" else weight.flatten(1)[:, 0])
        )
        self._coarse = coarse
        self._rule = rule

    def forward(self, weight: Tensor) -> Tensor:
        """The weight with its removed entries at zero."""
        if self.auxiliary is None:
            return super().forward(weight)
        masked: Tensor = _Masked.apply(weight, self.mask, self.auxiliary, self._coarse, self._rule)  # type: ignore[no-untyped-call]
        return masked

    def over_weights(self, of_units: Tensor) -> Tensor:
        """One value for each unit, spread over the unit's weights: from the shape of m to that of the weight."""
        if of_units.shape == self.mask.shape:
            return of_units
        return of_units.reshape(-1, *(1,) * (self.mask.dim() - 1)).expand_as(self.mask)

    def fix(self) -> None:
        """Drop m: from here on the mask stays as it is."""
        self.auxiliary = None


class NeuronMask(nn.Module):
    """The parametrisation of a layer's bias, and of its norm's scale and shift: zero where the neuron is removed."""

    def __init__(self, mask: LearnedMask) -> None:
        super().__init__()
        self._of_weight = [mask]  # in a list, so that it is not registered as a module twice

    def forward(self, values: Tensor) -> Tensor:
        """One value for each neuron, those of removed ones at zero."""
        return values * self._of_weight[0].mask.flatten(1)[:, 0]
