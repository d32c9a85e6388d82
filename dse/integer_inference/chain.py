"""A trained spiking network read as a chain: weights, batch norm, neurons, pool, and so on to the read-out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import fx, nn

from cost_models import InputError
from dse.integer_inference.exact_sum import ExactSum
from dse.neurons import LIF, SpikingNeuron
from dse.spiking_network import SpikingNetwork

#: What may stand in the chain without changing a number in evaluation mode.
TRANSPARENT = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d)


class NotExactError(InputError):
    """This network cannot be run with integers alone and give the same spikes; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Rearrangement:
    """What happens to spikes between two layers: ``"flatten"``, or ``"average"`` or ``"max"`` over size x size."""

    kind: str
    size: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """One weighted layer with what belongs to it; ``neuron`` is None for the read-out. Paths lead from the body on."""

    path: str
    layer: nn.Conv2d | nn.Linear | ExactSum
    before: tuple[Rearrangement, ...] = ()
    norm_path: str | None = None
    norm: nn.Module | None = None
    neuron_path: str | None = None
    neuron: LIF | None = None


def read_chain(network: nn.Module) -> tuple[Stage, ...]:
    """The stages of a spiking network in order; raises :class:`NotExactError` for one that is no such chain."""
    if not isinstance(network, SpikingNetwork):
        raise NotExactError("integer inference is for spiking networks; this one has no spiking neurons")
    stages: list[Stage] = []
    waiting: list[Rearrangement] = []
    for path, module in _modules_in_order(network.body):
        last = stages[-1] if stages else None
        if isinstance(module, TRANSPARENT):
            continue
        if isinstance(module, nn.Conv2d | nn.Linear | ExactSum):
            if last is not None and last.neuron is None:
                raise NotExactError(f"layer {path!r} follows layer {last.path!r} without spiking neurons between them")
            stages.append(Stage(path, module, tuple(waiting)))
            waiting = []
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            if last is None or last.norm is not None or last.neuron is not None or waiting:
                raise NotExactError(f"batch norm {path!r} does not follow a convolution or a linear layer")
            stages[-1] = Stage(last.path, last.layer, last.before, path, module)
        elif isinstance(module, LIF):
            if last is None or last.neuron is not None or waiting:
                raise NotExactError(f"the neurons {path!r} do not follow a layer with weights")
            stages[-1] = Stage(last.path, last.layer, last.before, last.norm_path, last.norm, path, module)
        else:
            if last is not None and last.neuron is None:
                raise NotExactError(f"{path!r} ({type(module).__name__}) stands between a layer and its neurons")
            waiting.append(_rearrangement(path, module))
    if not stages or waiting:
        raise NotExactError("the network does not end with a layer or with spiking neurons")
    return tuple(stages)


def _rearrangement(path: str, module: nn.Module) -> Rearrangement:
    if isinstance(module, nn.Flatten) and module.start_dim == 1 and module.end_dim == -1:
        return Rearrangement("flatten")
    if isinstance(module, nn.AvgPool2d | nn.MaxPool2d):
        sizes = {size for given in (module.kernel_size, module.stride) for size in _pair(given)}
        plain = not (
            module.ceil_mode or any(_pair(module.padding)) or any(_pair(getattr(module, "dilation", 1))[1:]) > 1
        )
        if len(sizes) == 1 and plain:
            return Rearrangement("average" if isinstance(module, nn.AvgPool2d) else "max", sizes.pop())
    raise NotExactError(
        f"{path!r} ({type(module).__name__}) has no integer form; known are convolutions, linear layers, batch norm, "
        "LIF neurons, square pools without overlap and flatten"
    )


def _pair(size: int | tuple[int, ...]) -> tuple[int, ...]:
    return size if isinstance(size, tuple) else (size, size)


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        known = isinstance(m, SpikingNeuron | ExactSum)
        return known or (type(m).__module__.startswith("torch.nn") and not isinstance(m, nn.Sequential))


def _modules_in_order(body: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The leaf modules by their paths in the order in which the only tensor runs through them."""
    modules = dict(body.named_modules())
    if "" in modules and isinstance(body, nn.Conv2d | nn.Linear | SpikingNeuron):
        yield "", body
        return
    try:
        nodes = list(_Tracer().trace(body).nodes)
    except Exception as error:
        raise NotExactError(f"the network's forward cannot be followed step by step ({type(error).__name__})") from None
    seen: set[str] = set()
    for before, node in pairwise(nodes):
        if node.op == "output":
            if node.args[0] is not before:
                raise NotExactError("the network returns something else than its last layer gives")
            return
        if node.op == "call_module" and node.args == (before,) and not node.kwargs:
            path = str(node.target)
            if path in seen:
                raise NotExactError(f"{path!r} is used twice in one pass")
            seen.add(path)
            yield path, modules[path]
        elif _flattens(node, before):
            yield node.name, nn.Flatten()
        else:
            raise NotExactError(f"the network is no chain of layers: {node.name!r} is not one layer behind another")


def _flattens(node: fx.Node, before: fx.Node) -> bool:
    called = (node.op == "call_function" and node.target is torch.flatten) or (
        node.op == "call_method" and node.target == "flatten"
    )
    return called and node.args == (before, 1) and not node.kwargs
