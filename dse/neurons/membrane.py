"""The grid on which a membrane potential is stored between two time steps, and its gradient.

Source: SpQuant-SNN (Frontiers in Neuroscience 18, 2024) and its public code: clamp to the grid, take the nearest level;
backwards a sum of sigmoid derivatives, one at each decision boundary ("stacked surrogate gradient", slope k = 2).
Ours: ties go up, the grids other than ternary, and the factor "level step" in the gradient, without which the slope of
a fine grid is about 1 / step and training breaks (at step 1, the published case, both are equal).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cost_models import FULL_PRECISION, TERNARY, InputError, check_bits, unknown_name
from dse.neurons.threshold_centred import ThresholdCentredGrid

STACKED_SLOPE = 2.0
MEMBRANE_GRADIENTS = ("stacked", "straight_through")
# Up to this many boundaries the sum is formed term by term; beyond, Euler-Maclaurin meets it to 3e-6 and better.
TERM_BY_TERM = 3


@dataclass(frozen=True, slots=True)
class MembraneGrid:
    """Evenly spaced levels ``lowest, lowest + step, ..., highest``: zero is one of them, the threshold the highest."""

    lowest: float
    highest: float
    step: float

    @classmethod
    def of(cls, bits: float, threshold: float = 1.0) -> MembraneGrid | None:
        """The grid of a bit width, in units of the threshold; ``None`` for 32 bits, where nothing is rounded.

        1.58 bits: {-1, 0, 1}; b >= 2 bits: 2^b levels with step 2^(2-b), the highest at the threshold; 1 bit: {0, 1}.
        Raises :class:`cost_models.InputError` for anything that is not a bit width.

        >>> MembraneGrid.of(2).levels
        (-2.0, -1.0, 0.0, 1.0)
        >>> MembraneGrid.of(3).lowest, MembraneGrid.of(8).step * 64
        (-2.5, 1.0)
        """
        bits = check_bits("membrane_bits", bits)
        if bits == FULL_PRECISION:
            return None
        if bits == TERNARY:
            count, step = 3, 1.0
        elif bits == 1:
            count, step = 2, 1.0
        else:
            count, step = 2 ** int(bits), 2.0 ** (2 - int(bits))
        return cls((1.0 - (count - 1) * step) * threshold, threshold, step * threshold)

    @property
    def count(self) -> int:
        """Number of levels."""
        return round((self.highest - self.lowest) / self.step) + 1

    @property
    def levels(self) -> tuple[float, ...]:
        """All levels, lowest first."""
        return tuple(self.highest - index * self.step for index in reversed(range(self.count)))

    @property
    def boundaries(self) -> tuple[float, ...]:
        """Where one level ends and the next begins, lowest first: one fewer than levels."""
        return tuple(self.lowest + (index + 0.5) * self.step for index in range(self.count - 1))

    def quantise(self, potential: Tensor) -> Tensor:
        """The nearest level of each potential, ties up, same shape; no gradient of its own.

        Levels finer than the tensor's own precision (from about 22 bits in float32) are met as well as it can.

        >>> MembraneGrid.of(1.58).quantise(torch.tensor([-3.0, -0.5, 0.49, 0.5])).tolist()
        [-1.0, 0.0, 0.0, 1.0]
        """
        clamped = potential.detach().clamp(self.lowest, self.highest)
        return torch.floor(clamped * (1.0 / self.step) + 0.5) * self.step

    def stacked_gradient(self, potential: Tensor) -> Tensor:
        """dQ/du: step * sum over the decision boundaries m of k S'(k (u - m)), S the logistic function, same shape.

        The potential is taken in units of the threshold, so the slope k = 2 means the same for every threshold.

        >>> [round(x, 6) for x in MembraneGrid.of(1.58).stacked_gradient(torch.tensor([0.0, 0.5])).tolist()]
        [0.786448, 0.709987]
        """
        scaled, step = potential / self.highest, self.step / self.highest
        if self.count - 1 > TERM_BY_TERM:
            lowest = self.lowest / self.highest
            return _fine_grid_edge(scaled - lowest, step) - _fine_grid_edge(scaled - 1.0, step)
        total = torch.zeros_like(potential)
        for boundary in self.boundaries:
            firing = torch.sigmoid(STACKED_SLOPE * (scaled - boundary / self.highest))
            total += step * STACKED_SLOPE * firing * (1.0 - firing)
        return total


def _fine_grid_edge(distance: Tensor, step: float) -> Tensor:
    """The sum over a fine grid is a difference of two of these: Euler-Maclaurin for the midpoint rule.

    With h = k step: S - h^2/24 S'' + 7 h^4/5760 S - 31 h^6/967680 S''; the rest is below 3e-6 for step <= 1/2.
    """
    firing = torch.sigmoid(STACKED_SLOPE * distance)
    slope = firing * (1.0 - firing)
    width = (STACKED_SLOPE * step) ** 2
    fourth = 7.0 / 5760.0 * (1.0 - 12.0 * slope)
    sixth = 31.0 / 967680.0 * (1.0 - 60.0 * slope + 360.0 * slope.square())
    return firing - width * slope * (1.0 - 2.0 * firing) * (1.0 / 24.0 - width * (fourth - width * sixth))


class _Quantise(torch.autograd.Function):
    """The grid forwards; the stacked surrogate or the identity backwards."""

    @staticmethod
    def forward(ctx: Any, potential: Tensor, grid: MembraneGrid | ThresholdCentredGrid, gradient: str) -> Tensor:
        ctx.grid, ctx.stacked = grid, gradient == "stacked"
        ctx.save_for_backward(potential)
        return grid.quantise(potential)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (potential,) = ctx.saved_tensors
        if ctx.stacked:
            return gradients[0] * ctx.grid.stacked_gradient(potential), None, None
        return gradients[0], None, None


def quantise_membrane(
    potential: Tensor, grid: MembraneGrid | ThresholdCentredGrid | None, gradient: str = "stacked"
) -> Tensor:
    """Round a membrane potential to its grid, with a gradient; ``grid=None`` leaves it as it is.

    ``gradient`` is ``"stacked"`` (evenly spaced grids only) or ``"straight_through"`` (the identity).
    """
    if grid is None:
        return potential
    if gradient == "stacked" and not isinstance(grid, MembraneGrid):
        raise InputError("the stacked gradient needs an evenly spaced grid; use 'straight_through' with this one")
    result: Tensor = _Quantise.apply(potential, grid, check_membrane_gradient(gradient))  # type: ignore[no-untyped-call]
    return result


def check_membrane_gradient(name: str) -> str:
    """Return ``name`` if it is a membrane gradient; raise :class:`cost_models.InputError` otherwise."""
    if name not in MEMBRANE_GRADIENTS:
        raise InputError(unknown_name("membrane gradient", name, MEMBRANE_GRADIENTS))
    return name


def check_positive(where: str, value: float) -> float:
    """Return ``value`` if it is a finite number above zero; raise :class:`cost_models.InputError` otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise InputError(f"{where} is {value!r}; it is a number above 0")
    return float(value)
