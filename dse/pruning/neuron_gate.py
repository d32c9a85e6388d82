"""Whole neurons under a learned mask: the gate on what they give out, where it sits, and what goes with them."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.hooks import RemovableHandle

from cost_models import InputError
from dse.neurons import SpikingNeuron
from dse.pruning.coarse_gradients import CoarseGradient
from dse.pruning.learned_mask import LearnedMask
from dse.pruning.method import LayerWeight

#: What stays zero where its input is zero; all work on each channel alone.
ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Hardtanh, SpikingNeuron)
PASSED = (_BatchNorm, nn.AvgPool2d, nn.MaxPool2d, nn.Dropout, nn.Dropout2d, nn.Identity)


def neuron_gradient(gradient: Tensor, output: Tensor, m: Tensor, coarse: CoarseGradient, rule: str) -> Tensor:
    """dL/dm of each neuron (C,) from dL/dy at the gated output y = h(m) a; ``gradient`` and ``output`` a are (C, N).

    "chain": the sum over N of dL/dy a, times s(m): the plain chain rule. "sign": the same for a / rms(a), so that the
    size of a neuron's output does not matter; where N is 1 that is dL/dy sign(a) s(m), AutoPrune's rule for a single
    value (its form for neurons is inferred: the sources show it for single weights only).
    """
    along = (gradient * output).sum(dim=1)
    if rule == "sign":
        along = along / output.square().mean(dim=1).sqrt().clamp_min(torch.finfo(output.dtype).tiny)
    return along * coarse(m)


class _Gated(torch.autograd.Function):
    """a * h, whose gradient reaches a where h is 1, and m everywhere; ``channels`` is the dimension of the neurons."""

    @staticmethod
    def forward(ctx: Any, output: Tensor, kept: Tensor, m: Tensor, channels: int, how: tuple[Any, str]) -> Tensor:
        spread = kept.reshape(-1, *(1,) * (-channels - 1))
        ctx.save_for_backward(output, spread, m)
        ctx.channels, ctx.how = channels, how
        return output * spread

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        output, spread, m = ctx.saved_tensors
        own, of_output = (tensor.movedim(ctx.channels, 0).flatten(1) for tensor in (gradient, output))
        return gradient * spread, None, neuron_gradient(own, of_output, m, *ctx.how), None, None


def put_gate(name: str, network: nn.Module, layer: nn.Module, mask: LearnedMask) -> RemovableHandle:
    """Multiply what the neurons of ``layer`` give out by h(m), until the handle is removed or m is dropped.

    Between the children of one ``nn.Sequential`` the gate goes behind the activation or the spiking neurons of the
    layer, with at most norms, pools and dropout before them: zeros come out exactly as if the current were gated, and a
    removed neuron's m learns from what it would have given out. Anywhere else it goes behind the layer's norm, or the
    layer with its bias. There what follows sees a zero, and a removed neuron's m gets only what the derivative at
    zero lets pass: nothing through a ReLU, or a triangle surrogate at threshold 1.
    """
    if not isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
        raise InputError(f"{name}: the rows of its weight are not its neurons; fix its pruning_ratio at 0")
    channels = 1 - layer.weight.dim()
    return _place(network, layer).register_forward_hook(partial(_gate, mask, channels))


def _gate(mask: LearnedMask, channels: int, module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
    if mask.auxiliary is None:
        return output
    kept = mask.of_rows().to(output.dtype)
    gated: Tensor = _Gated.apply(output, kept, mask.auxiliary, channels, (mask.coarse, mask.rule))  # type: ignore[no-untyped-call]
    return gated


def _place(network: nn.Module, layer: nn.Module) -> nn.Module:
    """The module whose output is gated."""
    for sequence in network.modules():
        if isinstance(sequence, nn.Sequential) and any(child is layer for child in sequence):
            order = list(sequence)
            for behind in order[order.index(layer) + 1 :]:
                if isinstance(behind, ACTIVATIONS) and _uses(network, behind) == 1:
                    return behind
                if not isinstance(behind, PASSED):
                    break
    return norm_behind(network, layer) or layer


def _uses(network: nn.Module, module: nn.Module) -> int:
    """How many places of the network hold this one module."""
    return sum(child is module for owner in network.modules() for child in owner._modules.values())


def norm_behind(network: nn.Module, layer: nn.Module) -> nn.Module | None:
    """The layer's own batch norm: the next layer or norm in the network's order of modules, if it has its features."""
    leaves = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear | _BatchNorm)]
    behind = leaves[leaves.index(layer) + 1 :][:1] if layer in leaves else []
    neurons = len(layer.weight)  # type: ignore[arg-type]
    for norm in behind:
        if isinstance(norm, _BatchNorm) and norm.affine and norm.num_features == neurons:
            return norm
    return None


def belonging_to_neurons(network: nn.Module, layer: nn.Module) -> list[LayerWeight]:
    """What a layer has for each neuron beside its weights: its bias, and the scale and shift of its own batch norm."""
    found = [LayerWeight(layer, "bias")] if isinstance(getattr(layer, "bias", None), Tensor) else []
    norm = norm_behind(network, layer)
    return found if norm is None else [*found, LayerWeight(norm, "weight"), LayerWeight(norm, "bias")]


class NeuronMask(nn.Module):
    """The parametrisation of a layer's bias, and of its norm's scale and shift: zero where the neuron is removed.

    It works from when the mask is fixed; until then the gate silences removed neurons and all of their values stay.
    """

    def __init__(self, mask: LearnedMask) -> None:
        super().__init__()
        self._of_weight = [mask]  # in a list, so that it is not registered as a module twice

    def forward(self, values: Tensor) -> Tensor:
        """One value for each neuron, those of removed ones at zero."""
        mask = self._of_weight[0]
        return values * mask.of_rows() if mask.auxiliary is None else values
