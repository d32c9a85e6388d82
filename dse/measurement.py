"""What a trained network is measured to be: its metrics on a split, and the input density of each of its layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from cost_models import Configuration, Layer, Workload, live_input_shares
from cost_models.channel_removal import neurons_left
from dse.compression import layer_weights
from dse.datasets import Samples
from dse.neurons import Activity, record_activity, spiking_neurons
from dse.pruning.output_gates import GatedNorm, gated_norms
from dse.spiking_network import SpikingNetwork
from dse.training import TrainingDiverged
from studies.evaluation import Measurement

EVALUATION_BATCH = 250


@dataclass(slots=True)
class Density:
    """Non-zeros among all values seen: sums, so that batches of any size add up."""

    nonzero: int = 0
    values: int = 0

    @property
    def share(self) -> float:
        """Share of non-zeros; 1 where nothing was seen."""
        return self.nonzero / self.values if self.values else 1.0


@contextmanager
def record_input_densities(network: nn.Module, workload: Workload) -> Iterator[dict[str, Density]]:
    """Count the non-zero inputs of every compressible layer with a spiking input while the ``with`` block runs."""
    layers = layer_weights(network, workload)
    record = {layer.name: Density() for layer in workload.compressible if layer.spiking_input}
    hooks = [layers[name].module.register_forward_pre_hook(_counter(density)) for name, density in record.items()]
    try:
        yield record
    finally:
        for hook in hooks:
            hook.remove()


def _counter(density: Density) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    def count(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        density.nonzero += int(inputs[0].count_nonzero())
        density.values += inputs[0].numel()

    return count


def predict(network: nn.Module, samples: Samples) -> Tensor:
    """The outputs ``(N, K)`` for all samples in evaluation mode, in order; raises :class:`TrainingDiverged` on NaN."""
    network.eval()
    device = next(network.parameters()).device
    outputs = []
    with torch.inference_mode():
        for start in range(0, len(samples), EVALUATION_BATCH):
            batch = samples.normalised(slice(start, start + EVALUATION_BATCH))
            outputs.append(network(batch.to(device)).cpu())
    joined = torch.cat(outputs)
    if not joined.isfinite().all():
        raise TrainingDiverged("the trained network's outputs are not finite numbers")
    return joined


def measure_densities(
    network: nn.Module, workload: Workload, realised: Configuration, samples: Samples
) -> tuple[Workload, Tensor]:
    """``workload`` with the input densities that ``samples`` cause, and the outputs ``(N, K)`` of the same pass.

    The density of a layer with a spiking input is the share of non-zeros of its actual input (pooled spikes included)
    over all samples and time steps, of those inputs that ``realised`` leaves: what removed channels would have sent is
    not there to count. Every other layer has 1.0: its multiply-accumulates are executed densely. The output density of
    a layer is what the membrane masks behind it leave to compute, of the neurons that ``realised`` leaves; its gate
    comes with its operations and parameters.
    """
    gates = gated_norms(network)
    for gated in gates.values():
        gated.gate.reset_counts()
    masked = any(getattr(neuron, "membrane_mask", "none") != "none" for neuron in spiking_neurons(network).values())
    activity: dict[str, Activity] = {}
    with record_input_densities(network, workload) as record, ExitStack() as stack:
        if masked:
            activity = stack.enter_context(record_activity(network))
        outputs = predict(network, samples)
    left = live_input_shares(workload, realised)
    densities = {layer.name: 1.0 for layer in workload.compressible}
    densities |= {name: min(density.share / left[name], 1.0) for name, density in record.items()}
    measured = workload.with_densities(densities)
    neurons = neurons_left(workload, realised)
    prefix = "body." if isinstance(network, SpikingNetwork) else ""
    layers = tuple(
        _with_outputs(layer, activity.get(f"{prefix}{layer.neuron}"), neurons[layer.name], gates.get(layer.name))
        for layer in measured.layers
    )
    return replace(measured, layers=layers), outputs


def _with_outputs(layer: Layer, activity: Activity | None, neurons: float, gated: GatedNorm | None) -> Layer:
    if activity is not None and activity.masked:
        layer = replace(layer, output_density=1.0 - activity.masked_share * layer.neurons / neurons)
    if gated is not None:
        parameters = sum(parameter.numel() for parameter in gated.gate.parameters())
        layer = replace(
            layer,
            gate_macs=gated.gate.macs(layer.input_shape),
            other_parameters=layer.other_parameters + parameters,
        )
    return layer


def with_measured_outputs(network: nn.Module, realised: Configuration) -> Configuration:
    """``realised`` with the share of outputs that each gate left out in the last :func:`measure_densities`."""
    gates = gated_norms(network)
    return replace(
        realised,
        budgets=tuple(
            replace(budget, pruning_ratio=gates[budget.layer].gate.left_out) if budget.layer in gates else budget
            for budget in realised.budgets
        ),
    )


def measurements(
    metrics: Callable[[Tensor, Tensor], dict[str, float]], outputs: Tensor, samples: Samples, split: str, seed: int
) -> tuple[Measurement, ...]:
    """Every metric of these outputs as a measurement on ``split`` under the training seed ``seed``."""
    values = metrics(outputs, samples.targets)
    return tuple(Measurement(split, name, seed, value) for name, value in values.items())
