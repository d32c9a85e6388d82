"""A firing threshold that is trained: one number for each layer, with the gradient of LT-SNN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

#: A learned threshold never falls below this share of where it started, so that the grid keeps its levels apart.
SMALLEST_SHARE = 0.05


class _Fire(torch.autograd.Function):
    """1 where the potential is above the threshold; gradients to both."""

    @staticmethod
    def forward(
        ctx: Any, potential: Tensor, threshold: Tensor, value: float, derivative: Callable[[Tensor], Tensor]
    ) -> Tensor:
        distance = potential - value
        ctx.save_for_backward(distance)
        ctx.derivative = derivative
        return (distance > 0).to(distance.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        (distance,) = ctx.saved_tensors
        to_potential = gradients[0] * ctx.derivative(distance)
        return to_potential, threshold_gradient(to_potential, distance), None, None


def threshold_gradient(to_potential: Tensor, distance: Tensor) -> Tensor:
    """dL/dV from ``to_potential`` = dL/du of the spike (upstream x surrogate) and ``distance`` = u - V; no dimensions.

    - sum of to_potential x (1 + S(u - V) where the neuron fired), S the logistic function. The 1 is the ordinary path,
    as the spike depends on u - V; the second term is LT-SNN's own path. Its public code (IJCNN 2024) adds both, so we
    keep both. The grid and the reset follow the threshold, but no gradient goes that way.

    >>> threshold_gradient(torch.tensor([1.0, 1.0]), torch.tensor([0.0, 0.5])).item()
    -2.622459...
    """
    own = torch.sigmoid(distance) * (distance > 0)
    return -(to_potential * (1.0 + own)).sum()


def fire(potential: Tensor, threshold: Tensor, value: float, derivative: Callable[[Tensor], Tensor]) -> Tensor:
    """Spikes of ``potential`` against ``value``, the number that ``threshold`` (no dimensions) now stands for."""
    result: Tensor = _Fire.apply(potential, threshold, value, derivative)  # type: ignore[no-untyped-call]
    return result
