"""Takes whole channels out of a trained network, so that what is left trains at the speed of its size.

The library's static masks silence the same channels and leave the tensors as they are; the two give the same outputs.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from cost_models import Workload
from dse.compression import layer_weights, modules_by_name
from dse.pruning.selection import smallest
from dse.pruning.static_channels import channel_scores, surroundings


def keep_channels(network: nn.Module, workload: Workload, kept: Mapping[str, int]) -> None:
    """Leave the ``kept[layer]`` most important output channels of each named layer, in place.

    ``workload`` is the trace of the whole network; it has to be traced anew afterwards.
    """
    modules, weights = modules_by_name(network), layer_weights(network, workload)
    picked = {}
    for layer in workload.compressible:
        if layer.name in kept:
            around = surroundings(layer, workload, modules, weights)
            scores = channel_scores(weights[layer.name].trained, around)
            picked[layer.name] = (~smallest(scores, layer.channels - kept[layer.name])).nonzero().squeeze(1)
    for layer in workload.layers:
        module = modules[layer.name]
        if layer.kind == "norm" and layer.reads in picked:
            _slice(module, ("weight", "bias", "running_mean", "running_var"), picked[layer.reads])
            module.num_features = len(picked[layer.reads])  # type: ignore[assignment]
        if layer.compressible:
            if layer.reads in picked:
                _keep_inputs(module, picked[layer.reads], workload[layer.reads].channels)
            if layer.name in picked:
                _slice(module, ("weight", "bias"), picked[layer.name])


def _slice(module: nn.Module, names: tuple[str, ...], places: Tensor) -> None:
    for name in names:
        values = getattr(module, name, None)
        if isinstance(values, nn.Parameter):
            setattr(module, name, nn.Parameter(values.detach()[places].clone()))
        elif isinstance(values, Tensor):
            setattr(module, name, values[places].clone())


def _keep_inputs(module: nn.Module, places: Tensor, channels: int) -> None:
    """The weights of a reader that are left; a linear layer behind a flattened map reads a channel at many places."""
    weight = module.weight.detach()  # type: ignore[operator]
    blocks = weight.reshape(len(weight), channels, -1)[:, places]
    module.weight = nn.Parameter(blocks.reshape(len(weight), -1, *weight.shape[2:]).clone())
