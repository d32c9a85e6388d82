"""The rules of the leaky integrate-and-fire neuron, and their plain form in torch, on any device."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from cost_models import InputError, unknown_name
from dse.neurons.membrane import MembraneGrid, check_membrane_gradient, check_positive, quantise_membrane
from dse.neurons.surrogate import SURROGATES, spike

RESETS = ("hard", "soft")


@dataclass(frozen=True, slots=True)
class LIFDynamics:
    """The rules of one leaky integrate-and-fire neuron, checked; ``grid`` follows from bits and threshold."""

    leak: float = 0.5
    threshold: float = 1.0
    reset: str = "hard"
    surrogate: str = "triangle"
    membrane_bits: float = 32
    membrane_gradient: str = "stacked"
    detach_reset: bool = True
    grid: MembraneGrid | None = field(init=False)

    def __post_init__(self) -> None:
        if isinstance(self.leak, bool) or not isinstance(self.leak, int | float) or not 0.0 <= self.leak <= 1.0:
            raise InputError(f"leak is {self.leak!r}; it is the share of the membrane kept per step, from 0 to 1")
        check_positive("threshold", self.threshold)
        if self.reset not in RESETS:
            raise InputError(unknown_name("reset", self.reset, RESETS))
        SURROGATES[self.surrogate]
        check_membrane_gradient(self.membrane_gradient)
        object.__setattr__(self, "grid", MembraneGrid.of(self.membrane_bits, self.threshold))


def lif_step(current: Tensor, stored: Tensor, dynamics: LIFDynamics) -> tuple[Tensor, Tensor]:
    """One time step: ``(spikes, stored membrane)`` from the current and the stored membrane, all of one shape.

    Integrate ``u = leak * stored + current``; fire where u > threshold, strictly; reset to zero (hard) or by the
    threshold (soft); store Q(u). The spike sees the unquantised sum. Source: SpQuant-SNN's public code.

    >>> lif_step(torch.tensor([1.0, 1.1]), torch.zeros(2), LIFDynamics())
    (tensor([0., 1.]), tensor([1., 0.]))
    """
    potential = dynamics.leak * stored + current
    spikes = spike(potential - dynamics.threshold, dynamics.surrogate)
    fired = spikes.detach() if dynamics.detach_reset else spikes
    kept = (1.0 - fired) * potential if dynamics.reset == "hard" else potential - dynamics.threshold * fired
    return spikes, quantise_membrane(kept, dynamics.grid, dynamics.membrane_gradient)


def lif_over_time(current: Tensor, steps: int, static: bool, dynamics: LIFDynamics) -> Tensor:
    """All time steps in plain torch, on any device: spikes ``(T * B, ...)``, the membrane starting at zero.

    ``current`` is ``(T * B, ...)``, or ``(B, ...)`` if ``static``. The fused kernel is tested against this.
    """
    frames = (
        current.unsqueeze(0).expand(steps, *current.shape) if static else current.reshape(steps, -1, *current.shape[1:])
    )
    stored = torch.zeros_like(frames[0])
    spikes = []
    for frame in frames:
        fired, stored = lif_step(frame, stored, dynamics)
        spikes.append(fired)
    return torch.cat(spikes)
