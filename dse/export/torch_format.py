"""The network for PyTorch: its state dict as safetensors, and the rules of its neurons in the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from cost_models import InputError
from dse.datasets import Samples
from dse.export.export_format import ExportFormat, Measured, Run, TrainedTrial
from dse.measurement import predict
from dse.method_options import with_options
from dse.networks import build_network
from dse.neurons import LIF, NEURONS, LIFDynamics, SpikingNeuron, spiking_neurons
from dse.spiking_network import SpikingNetwork

WEIGHTS = "weights.safetensors"


def write(trial: TrainedTrial, folder: Path) -> dict[str, Any]:
    """The state dict under the names of the network's own modules, loadable into what its factory returns."""
    body = _body(trial.network)
    save_file({name: value.detach().cpu().contiguous() for name, value in body.state_dict().items()}, folder / WEIGHTS)
    method = trial.study.method
    neurons = {path: _rules(neuron) for path, neuron in spiking_neurons(body).items()}
    return {
        "network": trial.study.task.network,
        "neuron": method.neuron,
        "neuron_options": dict(method.options.get(method.neuron, {})),
        "neurons": neurons,
    }


def open_network(folder: Path, manifest: Mapping[str, Any]) -> nn.Module:
    """The network as it was exported, in evaluation mode; raises :class:`InputError` where the files do not fit it."""
    name = manifest["neuron"]
    neuron = with_options("neuron", name, NEURONS[name], manifest["neuron_options"])
    shape = tuple(manifest["input_shape"])
    network = build_network(
        manifest["network"], shape, manifest["classes"], neuron=neuron, time_steps=manifest["time_steps"]
    )
    body = _body(network)
    for path, rules in manifest["neurons"].items():
        _set_rules(path, spiking_neurons(body).get(path), rules)
    try:
        body.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, RuntimeError, SafetensorError) as error:
        sentence = " ".join(str(error).split())[:300]
        raise InputError(f"{folder / WEIGHTS} does not fit network {manifest['network']!r}: {sentence}") from None
    return network.eval()


def run(network: nn.Module, samples: Samples) -> Measured:
    """Accuracy and spikes of a float network."""
    spikes: list[int] = []

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        spikes.append(round(float(output.sum(dtype=torch.float64)) * getattr(module, "pool", 1) ** 2))

    hooks = [neuron.register_forward_hook(count) for neuron in spiking_neurons(network).values()]
    try:
        outputs = predict(network, samples)
    finally:
        for hook in hooks:
            hook.remove()
    right = int((outputs.argmax(dim=1) == samples.targets).sum())
    return Measured(len(samples), right / len(samples), sum(spikes))


def _open(folder: Path, manifest: Mapping[str, Any]) -> Run:
    return partial(run, open_network(folder, manifest))


def _memory(folder: Path, manifest: Mapping[str, Any]) -> dict[str, int]:
    return {
        "float weights": sum(value.numel() * value.element_size() for value in load_file(folder / WEIGHTS).values())
    }


def _body(network: nn.Module) -> nn.Module:
    return network.body if isinstance(network, SpikingNetwork) else network


def _rules(neuron: SpikingNeuron) -> dict[str, Any]:
    if not isinstance(neuron, LIF):
        return {"membrane_bits": neuron.membrane_bits}
    dynamics = neuron.present_dynamics()
    return {field.name: getattr(dynamics, field.name) for field in fields(LIFDynamics) if field.init}


def _set_rules(path: str, neuron: SpikingNeuron | None, rules: Mapping[str, Any]) -> None:
    if neuron is None:
        raise InputError(f"the network has no spiking neurons {path!r}; it is not the one that was exported")
    if isinstance(neuron, LIF):
        neuron.dynamics = replace(neuron.dynamics, **rules)
    else:
        neuron.membrane_bits = rules["membrane_bits"]


TORCH = ExportFormat("the state dict as safetensors, for PyTorch", write, _open, _memory)
