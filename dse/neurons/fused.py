"""Puts the fused kernel behind autograd, where it applies: float32 on the CPU."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from dse.neurons.dynamics import LIFDynamics
from dse.neurons.membrane import STACKED_SLOPE, TERM_BY_TERM, MembraneGrid


@lru_cache(maxsize=1)
def _kernel() -> Any:
    """The compiled kernel; ``None`` where numba is not usable. Imported late: it takes a second, and compiles once."""
    try:
        from dse.neurons import kernel
    except ImportError:
        return None
    return kernel


@dataclass(frozen=True, slots=True)
class _Plan:
    """The rules of a neuron as the kernel takes them."""

    rules: NDArray[np.float32]
    on_grid: bool
    surrogate: int
    passage: int
    centres: NDArray[np.float32]


@lru_cache(maxsize=256)
def _plan(dynamics: LIFDynamics, learns: bool) -> _Plan:
    kernel, grid, hard = _kernel(), dynamics.grid, dynamics.reset == "hard"
    rules = np.zeros(kernel.RULES, np.float32)
    rules[kernel.LEAK], rules[kernel.THRESHOLD] = dynamics.leak, dynamics.threshold
    rules[kernel.HARD], rules[kernel.SOFT] = float(hard), 0.0 if hard else dynamics.threshold
    rules[kernel.ATTACHED], rules[kernel.LEARNS] = float(not dynamics.detach_reset), float(learns)
    rules[kernel.MASK_BELOW], rules[kernel.MASKED_LEAK] = dynamics.mask_below, dynamics.masked_leak
    passage, centres = kernel.IDENTITY, np.zeros(0, np.float32)
    if isinstance(grid, MembraneGrid):
        rules[kernel.LOWEST], rules[kernel.HIGHEST] = grid.lowest, grid.highest
        rules[kernel.PER_STEP], rules[kernel.STEP] = 1.0 / grid.step, grid.step
        if dynamics.membrane_gradient == "stacked":
            few = grid.count - 1 <= TERM_BY_TERM
            passage = kernel.BOUNDARIES if few else kernel.FINE_GRID
            places = grid.boundaries if few else (grid.lowest, grid.highest)
            exponentials = [math.exp(STACKED_SLOPE * place / grid.highest) for place in places]
            # The kernel takes them in pairs; zero adds nothing.
            centres = np.array(exponentials + [0.0] * (len(exponentials) % 2), np.float32)
    code = kernel.SURROGATE_CODES[dynamics.surrogate]
    return _Plan(rules, grid is not None, code, passage, centres)


def obstacle(current: Tensor, dynamics: LIFDynamics, pool: int) -> str:
    """Why the fused kernel cannot take this tensor, as the end of a sentence; empty where it can."""
    if current.device.type != "cpu":
        return f"the tensor is on {current.device.type}"
    if current.dtype is not torch.float32:
        return f"the tensor is {current.dtype}"
    if type(current) not in (Tensor, torch.nn.Parameter) or torch._C._get_tracing_state():
        return "the tensor is traced"
    if pool > 1 and (current.shape[-1] % pool or current.shape[-2] % pool):
        return f"{current.shape[-2]}x{current.shape[-1]} neurons do not divide into blocks of {pool}x{pool}"
    kernel = _kernel()
    if kernel is None:
        return "numba is not installed"
    if dynamics.surrogate not in kernel.SURROGATE_CODES:
        return f"it does not know the surrogate {dynamics.surrogate!r}"
    if not isinstance(dynamics.grid, MembraneGrid | None):
        return "the levels of its membrane are not evenly spaced"
    return ""


class _FusedLIF(torch.autograd.Function):
    """All steps of a layer of neurons and the pool behind it, keeping only the currents for the way back."""

    @staticmethod
    def forward(
        ctx: Any,
        current: Tensor,
        threshold: Tensor | None,
        steps: int,
        static: bool,
        dynamics: LIFDynamics,
        pool: int,
    ) -> Tensor:
        kernel, plan = _kernel(), _plan(dynamics, threshold is not None)
        rows, *shape = current.shape
        if pool > 1:
            shape[-2:] = shape[-2] // pool, shape[-1] // pool
        output = current.new_empty(rows * steps if static else rows, *shape)
        width = current.shape[-1] if pool > 1 else 0
        values = current.detach().view(-1).numpy()
        kernel.forward(values, output.view(-1).numpy(), steps, static, width, plan.rules, plan.on_grid)
        ctx.save_for_backward(current)
        ctx.call = (steps, static, width, plan, None if threshold is None else threshold.dtype)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None, None, None, None]:
        (current,) = ctx.saved_tensors
        steps, static, width, plan, learned = ctx.call
        to_threshold = np.zeros(1)
        gradient = torch.empty_like(current)
        arrays = (current.detach(), gradients[0].contiguous(), gradient)
        _kernel().backward(
            *(array.view(-1).numpy() for array in arrays),
            *(steps, static, width, plan.rules, plan.on_grid, plan.surrogate, plan.passage, plan.centres),
            to_threshold,
        )
        back = None if learned is None else torch.tensor(to_threshold[0], dtype=learned)
        return gradient, back, None, None, None, None


def lif_over_time(
    current: Tensor, steps: int, static: bool, dynamics: LIFDynamics, pool: int, threshold: Tensor | None = None
) -> Tensor:
    """What :func:`dse.neurons.dynamics.lif_over_time` gives, averaged over ``pool`` x ``pool`` blocks, by the kernel.

    Only for tensors to which there is no :func:`obstacle`; made contiguous if they are not. One derivative only.
    """
    result: Tensor = _FusedLIF.apply(current.contiguous(), threshold, steps, static, dynamics, pool)  # type: ignore[no-untyped-call]
    return result
