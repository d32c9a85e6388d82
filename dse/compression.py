"""Puts a configuration onto a network, and takes the scaffolding off again."""

from __future__ import annotations

from dataclasses import replace

from torch import nn
from torch.nn.utils import parametrize

from cost_models import FULL_PRECISION, Configuration, InputError, Workload
from dse.neurons import LIF, MEMBRANE_QUANTIZERS, SpikingNeuron
from dse.pruning import LayerWeight, PruningMethod
from dse.quantizers import IntegerWeights, QuantizedWeight, WeightQuantizer
from dse.spiking_network import SpikingNetwork


def layer_weights(network: nn.Module, workload: Workload) -> dict[str, LayerWeight]:
    """The weight of each compressible layer of ``workload``, by layer name and in its order.

    Raises :class:`InputError` for a layer whose weight is not one whole parameter of a module.
    """
    modules = modules_by_name(network)
    return {layer.name: _weight(layer.name, modules) for layer in workload.compressible}


def modules_by_name(network: nn.Module) -> dict[str, nn.Module]:
    """Every module of ``network`` by its path, as a workload names it: inside a spiking network, from its body on."""
    return dict((network.body if isinstance(network, SpikingNetwork) else network).named_modules())


def layer_neurons(network: nn.Module, workload: Workload) -> dict[str, SpikingNeuron]:
    """The spiking neurons that each compressible layer feeds, by the layer's name; the others are left out."""
    modules = modules_by_name(network)
    found = {layer.name: modules.get(layer.neuron) for layer in workload.compressible if layer.neuron is not None}
    return {name: neuron for name, neuron in found.items() if isinstance(neuron, SpikingNeuron)}


def compress(
    network: nn.Module,
    workload: Workload,
    configuration: Configuration,
    method: PruningMethod,
    quantizer: WeightQuantizer,
    membrane_quantizer: str | None = None,
) -> None:
    """Make ``network`` obey ``configuration`` from now on, in place: masks, then rounding; membranes; time steps.

    ``membrane_quantizer`` is the name of how our neurons store their membranes; None leaves each as it is. Raises
    :class:`InputError` unless there is one budget for each compressible layer of ``workload``.
    """
    configuration.check_against(workload)
    weights = layer_weights(network, workload)
    for name, weight in weights.items():
        if isinstance(weight.module, nn.RNNBase) and not _untouched(configuration, name):
            raise InputError(
                f"layer {name!r} is inside torch's {type(weight.module).__name__}, whose weights cannot be pruned or "
                "rounded; fix its pruning_ratio at 0 and its weight_bits at 32"
            )
    method.bind(workload)
    method.attach(network, weights, configuration)
    neurons = layer_neurons(network, workload)
    for name, neuron in neurons.items():
        neuron.membrane_bits = configuration[name].membrane_bits or FULL_PRECISION
        if membrane_quantizer is not None and isinstance(neuron, LIF):
            neuron.membrane_quantizer = membrane_quantizer
    rounding = {}
    for name, weight in weights.items():
        bits = configuration[name].weight_bits
        sharing = _sharing(neurons.get(name))
        if bits < FULL_PRECISION:
            rounding[name] = QuantizedWeight(quantizer, bits, sharing.set_membrane_unit if sharing else None)
            weight.register(rounding[name])
        elif sharing:
            raise InputError(
                f"layer {name!r} has weight_bits 32 and membrane_bits {sharing.membrane_bits}; a membrane can share "
                "the scale of rounded weights only: give it fewer weight bits, or 32 membrane bits"
            )
    method.attach_rounding(rounding)
    if isinstance(network, SpikingNetwork):
        network.time_steps = configuration.time_steps


def settle(
    network: nn.Module, workload: Workload, configuration: Configuration, method: PruningMethod
) -> Configuration:
    """Leave plain weights with their final values behind, and tell what the network has become.

    The realised configuration has the masks' own ratios (removed / all weights, exact), the widths that are in force,
    and one time step for a network that does not spike. A weight that is rounded to zero is not a removed one.
    """
    method.settle()
    removed = method.removed()
    neurons = layer_neurons(network, workload)
    budgets = []
    for name, weight in layer_weights(network, workload).items():
        integers = _integers(weight)
        weight.make_plain()
        if integers is not None:
            # Beside the float values, for whoever runs the layer on integers (dse.integer_inference).
            weight.module.integer_weights = integers.cpu()  # type: ignore[assignment]
        budgets.append(
            replace(
                configuration[name],
                pruning_ratio=removed[name] / weight.effective.numel(),
                membrane_bits=neurons[name].membrane_bits if name in neurons else None,
                granularity=method.granularity,
            )
        )
    return Configuration(tuple(budgets), network.time_steps if isinstance(network, SpikingNetwork) else 1)


def _sharing(neuron: SpikingNeuron | None) -> LIF | None:
    """The neuron if its stored membrane shares the scale of the weights in front."""
    if not isinstance(neuron, LIF) or neuron.membrane_bits == FULL_PRECISION:
        return None
    return neuron if MEMBRANE_QUANTIZERS[neuron.membrane_quantizer].shares_scale else None


def _integers(weight: LayerWeight) -> IntegerWeights | None:
    """The integers that the quantiser on this weight gives for its present value; None without a quantiser."""
    if not parametrize.is_parametrized(weight.module, weight.name):
        return None
    value = weight.trained
    for parametrisation in weight.module.parametrizations[weight.name]:  # type: ignore[index]
        if isinstance(parametrisation, QuantizedWeight):
            return parametrisation.to_integers(value)
        value = parametrisation(value)
    return None


def _untouched(configuration: Configuration, layer: str) -> bool:
    budget = configuration[layer]
    return budget.pruning_ratio == 0.0 and budget.weight_bits == FULL_PRECISION


def _weight(layer: str, modules: dict[str, nn.Module]) -> LayerWeight:
    if layer in modules and _owns(modules[layer], "weight"):
        return LayerWeight(modules[layer])
    owner, _, attribute = layer.rpartition(".")
    if owner in modules and _owns(modules[owner], attribute):
        return LayerWeight(modules[owner], attribute)
    raise InputError(
        f"layer {layer!r} computes with a weight that is not one whole parameter of a module, so it cannot be "
        "compressed; give each product a torch.nn layer of its own"
    )


def _owns(module: nn.Module, name: str) -> bool:
    return parametrize.is_parametrized(module, name) or name in dict(module.named_parameters(recurse=False))
