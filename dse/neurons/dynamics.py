"""The rules of the leaky integrate-and-fire neuron, and their plain form in torch, on any device."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from cost_models import InputError, unknown_name
from dse.neurons.learned_threshold import fire
from dse.neurons.membrane import check_positive, quantise_membrane
from dse.neurons.membrane_quantizer import MEMBRANE_QUANTIZERS, Grid
from dse.neurons.surrogate import SURROGATES, spike

RESETS = ("hard", "soft")
#: What a stored membrane below -threshold / 2 does to the next current: nothing, suppress it, or end the sample.
MEMBRANE_MASKS = ("none", "skip", "hold")


@dataclass(frozen=True, slots=True)
class LIFDynamics:
    """The rules of one leaky integrate-and-fire neuron, checked; ``grid`` follows from quantizer, bits and threshold.

    ``membrane_unit`` is the value of weight code 1 in the layer that feeds the neuron, for a quantizer that shares it.
    ``membrane_mask`` leaves out the current of a position whose stored membrane is below ``-threshold / 2``. On the
    ternary grid these are exactly the negative ones; finer grids have negative levels above it, which are not masked.
    The idea is SpQuant-SNN's membrane-potential prior, mask = Q(u) < 0 (its Eq. 19 as others quote it; the paper's text
    was out of reach). What follows from the mask is ours: "skip" leaves out one step, in which the membrane only leaks;
    "hold" the rest of the sample, in which it stays as it is. So is the one bound for every grid.
    """

    leak: float = 0.5
    threshold: float = 1.0
    reset: str = "hard"
    surrogate: str = "triangle"
    membrane_bits: float = 32
    membrane_quantizer: str = "stacked"
    detach_reset: bool = True
    membrane_mask: str = "none"
    membrane_unit: float | None = None
    grid: Grid | None = field(init=False)

    def __post_init__(self) -> None:
        if isinstance(self.leak, bool) or not isinstance(self.leak, int | float) or not 0.0 <= self.leak <= 1.0:
            raise InputError(f"leak is {self.leak!r}; it is the share of the membrane kept per step, from 0 to 1")
        check_positive("threshold", self.threshold)
        if self.reset not in RESETS:
            raise InputError(unknown_name("reset", self.reset, RESETS))
        SURROGATES[self.surrogate]
        if self.membrane_mask not in MEMBRANE_MASKS:
            raise InputError(unknown_name("membrane mask", self.membrane_mask, MEMBRANE_MASKS))
        grid = MEMBRANE_QUANTIZERS[self.membrane_quantizer].grid
        object.__setattr__(self, "grid", grid(self.membrane_bits, self.threshold, self.membrane_unit))

    @property
    def membrane_gradient(self) -> str:
        """How the gradient passes the grid: ``"stacked"`` or ``"straight_through"``."""
        return MEMBRANE_QUANTIZERS[self.membrane_quantizer].gradient

    @property
    def mask_below(self) -> float:
        """The stored membrane below which the next current is left out; minus infinity without a mask."""
        return -math.inf if self.membrane_mask == "none" else -self.threshold / 2.0

    @property
    def masked_leak(self) -> float:
        """The share of the membrane that a step without its current keeps."""
        return 1.0 if self.membrane_mask == "hold" else self.leak


def integrate(current: Tensor, stored: Tensor, dynamics: LIFDynamics) -> Tensor:
    """The membrane before the spike: ``leak * stored + current``, without the current where the mask leaves it out."""
    potential = dynamics.leak * stored + current
    if dynamics.membrane_mask == "none":
        return potential
    return torch.where(stored.detach() < dynamics.mask_below, dynamics.masked_leak * stored, potential)


def lif_step(
    current: Tensor, stored: Tensor, dynamics: LIFDynamics, threshold: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """One time step: ``(spikes, stored membrane)`` from the current and the stored membrane, all of one shape.

    Integrate ``u = leak * stored + current``; fire where u > threshold, strictly; reset to zero (hard) or by the
    threshold (soft); store Q(u). The spike sees the unquantised sum. Source: SpQuant-SNN's public code. ``threshold``
    is the parameter behind ``dynamics.threshold`` where that is learned.

    >>> lif_step(torch.tensor([1.0, 1.1]), torch.zeros(2), LIFDynamics())
    (tensor([0., 1.]), tensor([1., 0.]))
    """
    potential = integrate(current, stored, dynamics)
    if threshold is None:
        spikes = spike(potential - dynamics.threshold, dynamics.surrogate)
    else:
        spikes = fire(potential, threshold, dynamics.threshold, SURROGATES[dynamics.surrogate].derivative)
    fired = spikes.detach() if dynamics.detach_reset else spikes
    kept = (1.0 - fired) * potential if dynamics.reset == "hard" else potential - dynamics.threshold * fired
    return spikes, quantise_membrane(kept, dynamics.grid, dynamics.membrane_gradient)


def lif_over_time(
    current: Tensor, steps: int, static: bool, dynamics: LIFDynamics, threshold: Tensor | None = None
) -> Tensor:
    """All time steps in plain torch, on any device: spikes ``(T * B, ...)``, the membrane starting at zero.

    ``current`` is ``(T * B, ...)``, or ``(B, ...)`` if ``static``. The fused kernel is tested against this.
    """
    frames = (
        current.unsqueeze(0).expand(steps, *current.shape) if static else current.reshape(steps, -1, *current.shape[1:])
    )
    stored = torch.zeros_like(frames[0])
    spikes = []
    for frame in frames:
        fired, stored = lif_step(frame, stored, dynamics, threshold)
        spikes.append(fired)
    return torch.cat(spikes)


def masked_positions(current: Tensor, steps: int, static: bool, dynamics: LIFDynamics) -> int:
    """How many currents (neuron, step, sample) the membrane mask leaves out; the first step is always computed."""
    frames = (
        current.unsqueeze(0).expand(steps, *current.shape) if static else current.reshape(steps, -1, *current.shape[1:])
    )
    stored, count = torch.zeros_like(frames[0]), 0
    for frame in frames.detach():
        count += int((stored < dynamics.mask_below).sum())
        _, stored = lif_step(frame, stored, dynamics)
    return count
