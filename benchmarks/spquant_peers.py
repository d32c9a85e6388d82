"""Peers of the membrane quantiser on our network: snnTorch's ``state_quant``, and MINT with its trained scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from cost_models import TERNARY
from cost_models.bits import stored_bits
from dse.neurons import SpikingNeuron, spike


class SteppedNeuron(SpikingNeuron):
    """A layer of neurons that runs step by step, with the pool of the spikes that our networks ask for."""

    def __init__(self, pool: int = 1) -> None:
        super().__init__()
        self.pool = pool
        self.membrane_bits = 32.0

    def step(self, current: Tensor, stored: Tensor) -> tuple[Tensor, Tensor]:
        """Spikes and the new stored membrane."""
        raise NotImplementedError

    def forward(self, current: Tensor) -> Tensor:
        """Spikes of all time steps."""
        steps, static = self.timeline.steps, self.timeline.is_static(current.shape[0])
        frames = [current] * steps if static else list(current.reshape(steps, -1, *current.shape[1:]))
        stored, spikes = torch.zeros_like(frames[0]), []
        for frame in frames:
            fired, stored = self.step(frame, stored)
            spikes.append(fired)
        output = torch.cat(spikes)
        return output if self.pool == 1 else functional.avg_pool2d(output, self.pool)


def triangle(distance: Tensor) -> Tensor:
    """The spike with the surrogate that our networks train with."""
    return spike(distance, "triangle")


class SnnTorchNeuron(SteppedNeuron):
    """snnTorch's Leaky with ``state_quant`` at its defaults; 1.58 bits become 2, as it has 2^b levels."""

    def __init__(self, pool: int = 1) -> None:
        super().__init__(pool)
        self._leaky: nn.Module | None = None

    def step(self, current: Tensor, stored: Tensor) -> tuple[Tensor, Tensor]:
        """One call of snnTorch's neuron."""
        import snntorch
        from snntorch.functional import quant

        if self._leaky is None:
            quantizer: Callable[[Tensor], Tensor] | bool = False
            if self.membrane_bits < 32:
                quantizer = quant.state_quant(num_bits=stored_bits(self.membrane_bits), uniform=True, threshold=1.0)
            object.__setattr__(
                self,
                "_leaky",
                snntorch.Leaky(
                    beta=0.5,
                    threshold=1.0,
                    spike_grad=triangle,
                    reset_mechanism="zero",
                    reset_delay=False,
                    state_quant=quantizer,
                ),
            )
        fired, kept = self._leaky(current, stored)  # type: ignore[misc]
        return fired, kept


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        return value.round()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


def levels_of(bits: float) -> int:
    """Levels on each side of zero."""
    return 1 if bits == TERNARY else 2 ** (int(bits) - 1) - 1


class MintWeight(nn.Module):
    """MINT's weights: tanh(w / s) rounded to n levels each side, times s; s is trained."""

    def __init__(self, weight: Tensor, bits: float) -> None:
        super().__init__()
        self.levels = levels_of(bits)
        self.scale = nn.Parameter(2 * weight.detach().abs().mean() / self.levels**0.5)

    def forward(self, weight: Tensor) -> Tensor:
        """The rounded weight."""
        squashed = torch.tanh(weight / self.scale).clamp(-1, 1) * self.levels
        return _Round.apply(squashed) / self.levels * self.scale  # type: ignore[no-any-return,no-untyped-call]


class MintNeuron(SteppedNeuron):
    """MINT's neuron: the membrane is rounded after reset and leak, with the trained scale of the weights in front."""

    scale: Tensor | None = None

    def step(self, current: Tensor, stored: Tensor) -> tuple[Tensor, Tensor]:
        """Integrate, fire, reset, leak, round."""
        potential = stored + current
        fired = spike(potential - 1.0, "triangle")
        kept = 0.5 * potential * (1 - fired.detach())
        if self.scale is None:
            return fired, kept
        levels = levels_of(self.membrane_bits)
        rounded = _Round.apply((kept / self.scale).clamp(-1, 1) * levels) / levels  # type: ignore[no-untyped-call]
        return fired, rounded * self.scale


def share_mint_scales(weights: dict[str, nn.Module], neurons: dict[str, SpikingNeuron], bits: dict[str, float]) -> None:
    """Put MINT's weights onto the layers and their scales into the neurons behind them."""
    for name, module in weights.items():
        mint = MintWeight(module.weight, bits[name])  # type: ignore[arg-type]
        parametrize.register_parametrization(module, "weight", mint)
        neuron = neurons.get(name)
        if isinstance(neuron, MintNeuron):
            object.__setattr__(neuron, "scale", mint.scale)
