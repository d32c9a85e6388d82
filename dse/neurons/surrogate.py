"""The spike and the smooth derivatives that stand in for its own in the backward pass."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cost_models import Registry


@dataclass(frozen=True, slots=True)
class Surrogate:
    """A derivative of the spike with respect to the distance ``u - threshold``, and where it comes from."""

    derivative: Callable[[Tensor], Tensor]
    source: str


def _triangle(distance: Tensor) -> Tensor:
    return (1.0 - distance.abs()).clamp(min=0.0)


def _rectangle(distance: Tensor) -> Tensor:
    return (distance.abs() < 0.5).to(distance.dtype)


def _atan(distance: Tensor) -> Tensor:
    return 1.0 / (1.0 + (math.pi * distance).square())


def _sigmoid(distance: Tensor) -> Tensor:
    firing = torch.sigmoid(4.0 * distance)
    return 4.0 * firing * (1.0 - firing)


def _fast_sigmoid(distance: Tensor) -> Tensor:
    return 1.0 / (1.0 + 25.0 * distance.abs()).square()


SURROGATES: Registry[Surrogate] = Registry(
    "surrogate",
    {
        "triangle": Surrogate(_triangle, "max(0, 1 - |d|); SpQuant-SNN (2024), g = 1; Bellec et al. 2018"),
        "rectangle": Surrogate(_rectangle, "1 where |d| < 1/2; Wu et al. 2018 (STBP), width 1"),
        "atan": Surrogate(_atan, "1 / (1 + (pi d)^2); Fang et al. 2021, alpha = 2"),
        "sigmoid": Surrogate(_sigmoid, "derivative of the logistic function of 4 d; SpikingJelly, alpha = 4"),
        "fast_sigmoid": Surrogate(_fast_sigmoid, "1 / (1 + 25 |d|)^2; Zenke and Ganguli 2018, snnTorch's slope 25"),
    },
)


class _Spike(torch.autograd.Function):
    """1 where the distance is positive; the surrogate's derivative backwards."""

    @staticmethod
    def forward(ctx: Any, distance: Tensor, derivative: Callable[[Tensor], Tensor]) -> Tensor:
        ctx.save_for_backward(distance)
        ctx.derivative = derivative
        return (distance > 0).to(distance.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (distance,) = ctx.saved_tensors
        return gradients[0] * ctx.derivative(distance), None


def spike(distance: Tensor, surrogate: str = "triangle") -> Tensor:
    """Return 1 where ``distance`` = u - threshold is strictly positive and 0 elsewhere, same shape and type.

    Backwards the named surrogate's derivative is used; an unknown name raises :class:`cost_models.InputError`.

    >>> spike(torch.tensor([-0.5, 0.0, 0.5])).tolist()
    [0.0, 0.0, 1.0]
    """
    result: Tensor = _Spike.apply(distance, SURROGATES[surrogate].derivative)  # type: ignore[no-untyped-call]
    return result
