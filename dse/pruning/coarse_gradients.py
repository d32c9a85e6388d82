"""Coarse gradients: what stands for the derivative of the indicator function h(m), which is zero almost everywhere.

AutoPrune compares three. Its text was out of reach; which one is which follows public code of people around its
authors, which computes with softplus *itself*, ln(1 + e^m), and not with its derivative. The slope of the leaky one is
inferred.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from cost_models import Registry

CoarseGradient = Callable[[Tensor], Tensor]

LEAK = 0.1  #: the factor of the leaky form where m <= 0; inferred


def linear(m: Tensor) -> Tensor:
    """1 everywhere: a unit that is removed feels what a kept one feels."""
    return torch.ones_like(m)


def leaky_relu(m: Tensor) -> Tensor:
    """1 where m > 0, and a small positive constant elsewhere.

    >>> leaky_relu(torch.tensor([-2.0, 0.0, 3.0]))
    tensor([0.1000, 0.1000, 1.0000])
    """
    return torch.where(m > 0.0, 1.0, LEAK)


def softplus(m: Tensor) -> Tensor:
    """ln(1 + e^m): about m far above zero, ln 2 at zero, and vanishing below, where units that are long gone freeze.

    >>> softplus(torch.tensor([0.0]))
    tensor([0.6931])
    """
    return functional.softplus(m)


COARSE_GRADIENTS: Registry[CoarseGradient] = Registry(
    "coarse gradient", {"linear": linear, "leaky_relu": leaky_relu, "softplus": softplus}
)
