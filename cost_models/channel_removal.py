"""What is left of a network when whole output channels are removed: a smaller dense network.

Convention. A layer with granularity "channel" and pruning ratio r loses round(r x channels) output channels, at least
one stays. With a channel go its weights, its bias, its neurons with their membranes and partial sums, the batch norm
parameters behind it, and the weights of every layer that reads it: a following layer keeps weights x (channels left /
channels) of those that it had. What is left is dense, so it runs as a smaller dense layer on any hardware, without an
index; one bit for each channel says which ones are there (storage format "channel").

A network's trace says who reads whom (:attr:`cost_models.Layer.reads`). Behind a residual sum, a concatenation or
attention a removed channel is not taken to shrink anything, which never counts too little. A depthwise convolution
passes on the channels that it reads; where it loses channels of its own, these are taken to be the same ones (as
structured pruning chooses them), so that the fewer of both are left.

A pruning method of this granularity has to silence the channel (the shift of a norm included) for the trained network
to be the one that is priced here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cost_models.configuration import Configuration
from cost_models.configuration_batch import ConfigurationBatch
from cost_models.memory import Numbers
from cost_models.operations import LayerColumns, removed_units
from cost_models.workload import Layer, Workload


def in_whole_channels(workload: Workload, batch: ConfigurationBatch) -> ConfigurationBatch:
    """The batch with each ratio at which channels are removed moved to the one that whole channels give.

    A layer of 16 channels knows seventeen ratios, so the nearest is up to 3.1 points away; all costs stay the same.
    """
    if batch.channel is None:
        return batch
    channels = np.array([float(max(layer.channels, 1)) for layer in workload.compressible])
    whole = removed_units(channels, batch.pruning_ratio) / channels
    return replace(batch, pruning_ratio=np.where(batch.channel, whole, batch.pruning_ratio))


def to_whole_channels(workload: Workload, configuration: Configuration) -> Configuration:
    """The configuration that :func:`in_whole_channels` makes of this one: what a network can realise exactly."""
    batch = ConfigurationBatch.of(workload, [configuration])
    names = [layer.name for layer in workload.compressible]
    ratios = dict(zip(names, in_whole_channels(workload, batch).pruning_ratio[0].tolist(), strict=True))
    budgets = tuple(replace(budget, pruning_ratio=ratios[budget.layer]) for budget in configuration.budgets)
    return replace(configuration, budgets=budgets)


@dataclass(frozen=True, slots=True)
class _Left:
    """The share of a layer's output channels, of what it reads and of its neurons that is left: arrays (n,)."""

    output: Numbers
    source: Numbers
    neurons: Numbers


def remove_channels(
    workload: Workload, batch: ConfigurationBatch, columns: LayerColumns, others: LayerColumns
) -> tuple[LayerColumns, LayerColumns, Numbers, Numbers]:
    """The layers without the channels that ``batch`` removes; counts have the shape (layers, n).

    ``columns`` and ``others`` are those of the compressible and of all other layers of the whole network. Returned with
    them: the pruning ratio of what is left (0 in a layer that loses channels: it is a dense one), and the weights that
    went with a layer's own channels.
    """
    assert batch.channel is not None
    left = channels_left(workload, batch)
    budgeted = [left[layer.name] for layer in workload.compressible]
    rest = [left[layer.name] for layer in workload.layers if not layer.compressible]
    ratio = np.where(batch.channel.T, 0.0, batch.pruning_ratio.T)
    shrunk, lost = _shrunk(workload.compressible, columns, budgeted)
    return shrunk, _shrunk_others(others, rest, len(batch)), ratio, lost


def channels_left(workload: Workload, batch: ConfigurationBatch) -> Mapping[str, _Left]:
    """What is left of each layer's outputs and inputs, by the layer's name."""
    assert batch.channel is not None
    ones = np.ones(len(batch))
    place = {layer.name: index for index, layer in enumerate(workload.compressible)}
    left: dict[str, _Left] = {}
    for layer in workload.layers:
        source = left[layer.reads].output if layer.reads in left else ones
        if not layer.compressible:
            left[layer.name] = _Left(source, source, source)
            continue
        channels, index = float(layer.channels), place[layer.name]
        lost = removed_units(np.array(channels), batch.pruning_ratio[:, index])
        kept = np.where(batch.channel[:, index], channels - lost, channels)
        if _depthwise(layer):
            kept = np.minimum(kept, np.rint(channels * source))
        output = kept / channels if channels else ones
        neurons = output if layer.neurons_per_channel else ones
        left[layer.name] = _Left(output, source, neurons)
    return left


def live_input_shares(workload: Workload, configuration: Configuration) -> dict[str, float]:
    """The share of each compressible layer's inputs that removed channels leave.

    A density measured over all inputs of a network whose removed channels are silent, divided by this share, is the
    density of the inputs that are there, which is what a workload holds.
    """
    batch = ConfigurationBatch.of(workload, [configuration])
    if batch.channel is None:
        return {layer.name: 1.0 for layer in workload.compressible}
    left = channels_left(workload, batch)
    return {layer.name: float(left[layer.name].source[0]) for layer in workload.compressible}


def neurons_left(workload: Workload, configuration: Configuration) -> dict[str, float]:
    """The neurons of each layer that removed channels leave, by the layer's name."""
    batch = ConfigurationBatch.of(workload, [configuration])
    if batch.channel is None:
        return {layer.name: float(layer.neurons) for layer in workload.layers}
    left = channels_left(workload, batch)
    return {layer.name: layer.neurons * float(left[layer.name].neurons[0]) for layer in workload.layers}


def _depthwise(layer: Layer) -> bool:
    """Whether each output channel reads one input channel only."""
    return layer.groups > 1 and layer.kind == "conv" and layer.weight_shape[1] == 1


def _shrunk(layers: tuple[Layer, ...], columns: LayerColumns, left: list[_Left]) -> tuple[LayerColumns, Numbers]:
    output, source = (np.stack([getattr(own, name) for own in left]) for name in ("output", "source"))
    neurons = np.stack([own.neurons for own in left])
    # A depthwise filter goes as a whole with the one channel that it reads, which its own channels tell already.
    inputs = np.where(_flags([_depthwise(layer) for layer in layers]), 1.0, source)
    transposed = _flags([layer.kind == "conv_transpose" for layer in layers])
    weights = np.rint(columns.weights * output * inputs)
    shrunk = replace(
        columns,
        weights=weights,
        rows=np.rint(columns.rows * np.where(transposed, inputs, output)),
        columns=np.rint(columns.columns * np.where(transposed, output, inputs)),
        other_parameters=np.rint(columns.other_parameters * output),
        folded_parameters=np.rint(columns.folded_parameters * output),
        neurons=np.rint(columns.neurons * neurons),
        input_elements=np.rint(columns.input_elements * source),
        output_elements=np.rint(columns.output_elements * output),
    )
    return shrunk, np.rint(columns.weights * source) - weights


def _shrunk_others(columns: LayerColumns, left: list[_Left], count: int) -> LayerColumns:
    source = np.stack([own.source for own in left]) if left else np.ones((0, count))
    fields = ("other_parameters", "folded_parameters", "neurons", "input_elements", "output_elements")
    return replace(columns, **{name: np.rint(getattr(columns, name) * source) for name in fields})


def _flags(values: list[bool]) -> npt.NDArray[np.bool_]:
    return np.array(values, dtype=np.bool_).reshape(-1, 1)
