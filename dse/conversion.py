"""Any network with activation functions as a spiking one: neurons take the place of the activations."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from cost_models import InputError
from dse.networks.network import NeuronFactory
from dse.neurons import LIF, SpikingNeuron, spiking_neurons
from dse.spiking_network import SpikingNetwork

#: Activation functions as modules; softmax and its like are no activations but read-outs, and stay.
ACTIVATION_MODULES: tuple[type[nn.Module], ...] = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish),
    *(nn.Softplus, nn.Hardswish, nn.Hardtanh, nn.Hardsigmoid, nn.Tanh, nn.Sigmoid),
)
_NAMES = (
    *("relu", "relu_", "relu6", "leaky_relu", "leaky_relu_", "elu", "elu_", "celu", "selu", "gelu", "silu", "mish"),
    *("softplus", "hardswish", "hardtanh", "hardsigmoid", "tanh", "tanh_", "sigmoid", "sigmoid_"),
)
#: The same as functions, and as methods of a tensor.
ACTIVATION_FUNCTIONS: frozenset[Callable[..., Any]] = frozenset(
    getattr(home, name) for home in (functional, torch) for name in _NAMES if hasattr(home, name)
)


class _Tracer(fx.Tracer):
    """Goes into modules only as far as activations written as functions lie."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return type(m).__module__.startswith("torch.nn") and not isinstance(m, nn.Sequential)


def spiking(
    network: nn.Module,
    *,
    neuron: NeuronFactory = LIF,
    time_steps: int = 4,
    input_ndim: int | None = None,
    readout: str = "logits",
) -> SpikingNetwork:
    """``network`` with a layer of ``neuron`` in place of each activation function, run over ``time_steps`` steps.

    Works on a copy; weights are kept, so that a trained network can be trained on as a spiking one. Activations may be
    modules (``nn.ReLU``, ``nn.GELU``, ...) or functions (``F.relu``, ``x.relu()``): the forward pass is then followed
    once with :mod:`torch.fx`. Each place gets neurons of its own, also where one module serves several places. What
    reads the input shape off the batch (``x.view(len(x), -1)``) keeps working, as time is folded into the batch.
    ``readout`` and ``input_ndim`` are those of :class:`SpikingNetwork`. Raises :class:`cost_models.InputError` for a
    network without activations, or whose forward pass depends on values.

    >>> spiking(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), time_steps=3)(torch.ones(5, 4)).shape
    torch.Size([5, 2])
    """
    body = copy.deepcopy(network)
    if spiking_neurons(body):
        raise InputError("the network has spiking neurons already; put it into dse.SpikingNetwork as it is")
    body = _with_modules_replaced(body, neuron) if _modules_are_enough(body) else _with_places_replaced(body, neuron)
    if not spiking_neurons(body):
        raise InputError(
            f"the network {type(network).__name__} has no activation function to put neurons in place of; write one "
            "between its layers, such as nn.ReLU()"
        )
    return SpikingNetwork(body, time_steps, input_ndim, readout, neuron)


def _activations(body: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for path, module in body.named_modules(remove_duplicate=False):
        if isinstance(module, ACTIVATION_MODULES):
            yield path, module


def _modules_are_enough(body: nn.Module) -> bool:
    """Whether all modules are torch's own, in sequence: then no function can hide an activation."""
    return all(type(module).__module__.startswith("torch.nn") for module in body.modules())


def _with_modules_replaced(body: nn.Module, neuron: NeuronFactory) -> nn.Module:
    paths = [path for path, _ in _activations(body)]
    for path in paths:
        if not path:
            return neuron()
        body.set_submodule(path, neuron())
    return body


def _with_places_replaced(body: nn.Module, neuron: NeuronFactory) -> nn.Module:
    """Follow the forward pass and put neurons wherever an activation is computed."""
    try:
        graph = _Tracer().trace(body)
    except Exception as error:
        raise InputError(
            f"the forward pass of {type(body).__name__} cannot be followed ({type(error).__name__}: "
            f"{' '.join(str(error).split())[:160]}); put dse.LIF() where neurons belong and use dse.SpikingNetwork"
        ) from None
    modules = dict(body.named_modules())
    taken: set[str] = set()
    for node in list(graph.nodes):
        if node.op == "call_function" and node.target in (functional.dropout, functional.dropout2d):
            raise InputError(
                f"{type(body).__name__} calls dropout as a function, which has no modes to follow; use nn.Dropout"
            )
        if not _is_activation(node, modules):
            continue
        name = str(node.target) if node.op == "call_module" else f"{node.name}_neuron"
        path = name if name not in taken else f"{name}_{len(taken)}"
        taken.add(path)
        _put(body, path, neuron())
        with graph.inserting_before(node):
            replaced = graph.call_module(path, (node.args[0],))
        node.replace_all_uses_with(replaced)
        graph.erase_node(node)
    graph.lint()
    return fx.GraphModule(body, graph)


def _is_activation(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    if node.op == "call_module":
        return isinstance(modules[str(node.target)], ACTIVATION_MODULES)
    if node.op == "call_function":
        return node.target in ACTIVATION_FUNCTIONS
    return node.op == "call_method" and node.target in _NAMES


def _put(body: nn.Module, path: str, neuron: SpikingNeuron) -> None:
    owner, _, name = path.rpartition(".")
    body.get_submodule(owner).add_module(name, neuron)
