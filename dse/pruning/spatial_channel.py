"""Spatial-channel pruning with the membrane potential as prior: whole channels, and outputs that are not computed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from cost_models import Configuration, InputError, Layer, Workload, unknown_name
from cost_models.operations import removed_units
from dse.neurons import LIF, spiking_neurons
from dse.neurons.dynamics import MEMBRANE_MASKS
from dse.pruning.method import LayerWeight, PruningMethod
from dse.pruning.output_gates import BlockGate, ChannelPredictor, GatedNorm, OutputGate
from dse.pruning.static_channels import ChannelMask, surroundings
from studies import DesignSpace

LEVELS = ("static", "predictor", "gate")


class SpatialChannelPruning(PruningMethod):
    """Removes output channels of a layer, or leaves out outputs that are not worth computing.

    ``level`` "static" (S): the layer loses its least important channels for good, chosen once at the start; the ratio
    is met to the nearest whole channel, and a search proposes no others. "predictor" (B): a small predictor chooses
    channels for each sample and time step, trained towards the channels that hold a share ``mass`` of the response.
    "gate" (C): a cheap gate chooses 2x2 blocks of each channel of a convolution. B and C leave weights and membranes;
    the ratio asked for is the share of outputs that is not computed, met by a threshold and measured
    (:mod:`dse.pruning.output_gates`).

    ``membrane_mask`` (A) "skip" or "hold" leaves out the currents of neurons whose stored membrane is below minus half
    the threshold, which costs nothing to know: on the ternary grid, the negative ones. Both are our readings of a prior
    that we know second-hand (:class:`dse.neurons.LIFDynamics`). No ratio asks for it; what it saves is measured. It
    goes alone (all ratios 0) or with level "static".
    """

    granularity = "channel"
    description: ClassVar[str] = (
        "whole channels (static), or outputs that a predictor, a gate or the membrane leave out"
    )
    source: ClassVar[str] = "SpQuant-SNN, Frontiers in Neuroscience 18, 2024; the static level is ours"

    def __init__(self, level: str = "static", membrane_mask: str = "none", mass: float = 0.85) -> None:
        if level not in LEVELS:
            raise InputError("method.spatial_channel: " + unknown_name("level", level, LEVELS))
        if membrane_mask not in MEMBRANE_MASKS:
            raise InputError("method.spatial_channel: " + unknown_name("membrane mask", membrane_mask, MEMBRANE_MASKS))
        if level != "static" and membrane_mask != "none":
            raise InputError(
                f"method.spatial_channel: membrane_mask is {membrane_mask!r} with level {level!r}; take 'static'"
            )
        if not 0.0 < mass <= 1.0:
            raise InputError(f"method.spatial_channel: mass is {mass!r}; it is a share above 0, at most 1")
        self.level = level
        self.membrane_mask = membrane_mask
        self.mass = mass
        self.granularity = "channel" if level == "static" else "output"
        self._workload: Workload | None = None
        self._names: tuple[str, ...] = ()
        self._masks: dict[str, ChannelMask] = {}
        self._gates: dict[str, OutputGate] = {}

    def check_space(self, workload: Workload, space: DesignSpace) -> None:
        """Refuse ratios above 0 where there is nothing to remove, as in the last layer with its classes."""
        for layer in workload.compressible:
            if max(space.for_layer(layer.name)["pruning_ratio"].values) > 0:
                reason = self._obstacle(layer, workload)
                if reason:
                    raise InputError(
                        f"space.layer.{layer.name}.pruning_ratio: {reason}, so spatial_channel with level "
                        f"{self.level!r} cannot prune it; fix its pruning_ratio at 0"
                    )

    def _obstacle(self, layer: Layer, workload: Workload) -> str:
        if layer.kind == "conv_transpose":
            return f"{layer.name!r} is a transposed convolution"
        if self.level == "static":
            read = any(other.reads == layer.name for other in workload.compressible)
            return "" if read else f"no layer reads the output channels of {layer.name!r} one by one"
        if not any(other.kind == "norm" and other.reads == layer.name for other in workload.layers):
            return f"no batch norm follows {layer.name!r}"
        if self.level == "gate" and layer.kind != "conv":
            return f"{layer.name!r} has no places to gate"
        return ""

    def bind(self, workload: Workload) -> None:
        """Take the workload, which knows who reads whose channels."""
        self._workload = workload

    def attach(self, network: nn.Module, layers: Mapping[str, LayerWeight], configuration: Configuration) -> None:
        """Silence channels or put gates into the network, and switch the membrane mask of every neuron of ours."""
        assert self._workload is not None
        self._names = tuple(layers)
        body = _body(network)
        modules = dict(body.named_modules())
        for layer in self._workload.compressible:
            ratio = configuration[layer.name].pruning_ratio
            if ratio == 0.0:
                continue
            if reason := self._obstacle(layer, self._workload):
                raise InputError(f"layer {layer.name!r} cannot lose outputs: {reason}")
            if self.level != "static":
                self._put_gate(body, layer, modules, layers[layer.name], ratio)
            elif count := int(removed_units(np.array(float(layer.channels)), np.array(ratio))):
                around = surroundings(layer, self._workload, modules, layers)
                self._masks[layer.name] = ChannelMask(layers[layer.name], around, count)
        for neuron in spiking_neurons(network).values():
            if isinstance(neuron, LIF):
                neuron.membrane_mask = self.membrane_mask

    def _put_gate(
        self, body: nn.Module, layer: Layer, modules: Mapping[str, nn.Module], weight: LayerWeight, ratio: float
    ) -> None:
        assert self._workload is not None
        norm = next(other.name for other in self._workload.layers if other.kind == "norm" and other.reads == layer.name)
        sources = layer.input_shape[0]
        gate: OutputGate
        if self.level == "predictor":
            gate = ChannelPredictor(sources, layer.channels, ratio, self.mass)
        else:
            gate = BlockGate(sources, layer.channels, ratio)
        gate.to(weight.trained.device)
        weight.module.register_forward_pre_hook(partial(_hand_over, gate))
        body.set_submodule(norm, GatedNorm(layer.name, modules[norm], gate))
        self._gates[layer.name] = gate

    @property
    def masks_final(self) -> bool:
        """Whether channels are chosen for good: from the start at the static level, never by gates."""
        return self.level == "static"

    def penalty(self) -> Tensor | None:
        """What the predictors learn from: their mean cross-entropy to the channels that matter."""
        losses = [gate.loss for gate in self._gates.values() if gate.loss is not None]
        return torch.stack(losses).sum() if losses else None

    def settle(self) -> None:
        """Leave plain biases and norms behind; the weights' masks are taken off with the others, gates stay."""
        for mask in self._masks.values():
            mask.settle()
        for gate in self._gates.values():
            gate.loss = None

    def removed(self) -> dict[str, int]:
        """How many of its own weights each layer has lost, by name."""
        return {name: self._masks[name].removed_weights if name in self._masks else 0 for name in self._names}


def _hand_over(gate: OutputGate, module: nn.Module, inputs: tuple[Any, ...]) -> None:
    gate.source = inputs[0]


def _body(network: nn.Module) -> nn.Module:
    body = getattr(network, "body", network)
    return body if isinstance(body, nn.Module) else network
