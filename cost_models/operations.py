"""Operations of each layer: dense and effective multiply-accumulates, synaptic operations, neuron updates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from cost_models.memory import Numbers
from cost_models.workload import Layer, Workload


@dataclass(frozen=True, slots=True, eq=False)
class LayerColumns:
    """The shapes and activity of some layers as columns of shape (layers, 1), ready for (layers, n) arithmetic.

    Where channels are removed the counts differ from configuration to configuration and have the shape (layers, n);
    ``channels`` stays the number of output channels before.
    """

    weights: Numbers
    channels: Numbers
    rows: Numbers
    columns: Numbers
    positions: Numbers
    product_macs: Numbers
    other_parameters: Numbers
    folded_parameters: Numbers
    neurons: Numbers
    input_density: Numbers
    output_density: Numbers
    gate_macs: Numbers
    input_elements: Numbers
    output_elements: Numbers
    spiking: npt.NDArray[np.bool_]
    static: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, layers: tuple[Layer, ...], folded: Mapping[str, int]) -> LayerColumns:
        """The columns of these layers, in order; ``folded`` has the parameters that folding norms leaves, by name."""

        def column(values: list[float]) -> Numbers:
            return np.array(values, dtype=np.float64).reshape(len(layers), 1)

        def flags(values: list[bool]) -> npt.NDArray[np.bool_]:
            return np.array(values, dtype=np.bool_).reshape(len(layers), 1)

        rows = [layer.weight_shape[0] if layer.weight_shape else 0 for layer in layers]
        return cls(
            weights=column([layer.weights for layer in layers]),
            channels=column([layer.channels for layer in layers]),
            rows=column(list(rows)),
            columns=column([layer.weights / max(row, 1) for layer, row in zip(layers, rows, strict=True)]),
            positions=column([0 if layer.kind == "embedding" else layer.positions for layer in layers]),
            product_macs=column([layer.product_macs for layer in layers]),
            other_parameters=column([layer.other_parameters for layer in layers]),
            folded_parameters=column([folded[layer.name] for layer in layers]),
            neurons=column([layer.neurons for layer in layers]),
            input_density=column([layer.input_density for layer in layers]),
            output_density=column([layer.output_density for layer in layers]),
            gate_macs=column([layer.gate_macs for layer in layers]),
            input_elements=column([math.prod(layer.input_shape) if layer.input_shape else 0 for layer in layers]),
            output_elements=column([math.prod(layer.output_shape) if layer.output_shape else 0 for layer in layers]),
            spiking=flags([layer.spiking_input for layer in layers]),
            static=flags([layer.static_input for layer in layers]),
        )


@lru_cache(maxsize=64)
def layer_columns(workload: Workload) -> tuple[LayerColumns, LayerColumns]:
    """The columns of the compressible layers and those of all others."""
    others = tuple(layer for layer in workload.layers if not layer.compressible)
    folded = parameters_after_folding(workload)
    return LayerColumns.of(workload.compressible, folded), LayerColumns.of(others, folded)


def parameters_after_folding(workload: Workload) -> dict[str, int]:
    """Parameters other than weights that each layer keeps when norms are folded into the layers before them.

    A batch norm computes ``scale * x + shift`` for each channel. The scale goes into the weights of the layer before,
    the shift into its bias; where that layer has no bias the shift remains as one. A norm whose channels are not those
    of the compressible layer before it cannot be folded and keeps its parameters.
    """
    folded = {layer.name: layer.other_parameters for layer in workload.layers}
    before: Layer | None = None
    for layer in workload.layers:
        if layer.compressible:
            before = layer
        elif layer.kind == "norm" and before is not None and layer.output_shape[:1] == before.output_shape[:1]:
            channels = layer.output_shape[0] if layer.output_shape else 0
            if layer.other_parameters == 2 * channels:
                folded[layer.name] = 0 if before.other_parameters else channels
    return folded


@dataclass(frozen=True, slots=True, eq=False)
class Operations:
    """Operations for one input over all time steps, arrays of shape (layers, n).

    ``passes`` is how often the layer is computed: once for an input that is the same in every step (direct coding),
    else once a step. ``kept`` is the number of weights that are not pruned. ``gate`` are the multiply-accumulates of
    what decides which outputs are computed; they are among ``macs``.
    """

    passes: Numbers
    kept: Numbers
    macs_dense: Numbers
    macs_kept: Numbers
    macs: Numbers
    synops: Numbers
    neuron_updates: Numbers
    gate: Numbers


def removed_units(units: Numbers, pruning_ratio: Numbers) -> Numbers:
    """How many weights (or channels) a ratio removes: the nearest whole number (half to even), but never all of them.

    The one rule for prices and for pruning methods, so that a network that is trained has what was priced.

    >>> removed_units(np.array([100.0, 9.0, 0.0]), np.array([0.955, 0.95, 0.5])).tolist()
    [96.0, 8.0, 0.0]
    """
    return np.minimum(np.rint(pruning_ratio * units), np.maximum(units - 1.0, 0.0))


def kept_weights(weights: Numbers, pruning_ratio: Numbers) -> Numbers:
    """Weights left at a pruning ratio (:func:`removed_units`); at least one, where there is one."""
    return weights - removed_units(weights, pruning_ratio)


def count_operations(
    columns: LayerColumns,
    pruning_ratio: Numbers,
    input_density: Numbers,
    time_steps: Numbers,
    computed: Numbers | float = 1.0,
) -> Operations:
    """Count the operations of layers pruned to ``pruning_ratio`` (layers, n) over ``time_steps`` (n,).

    A synaptic operation is the work of one spike at one kept weight: positions x kept weights x passes x input density
    (NeuroBench's effective accumulates). An ordinary input counts a multiply-accumulate for each kept weight whether
    the input is zero or not, as a direct-coded image does. ``computed`` is the share of outputs that dynamic pruning
    leaves to compute.
    """
    passes = np.where(columns.static, 1.0, time_steps)
    kept = kept_weights(columns.weights, pruning_ratio)
    left = (kept * columns.positions + columns.product_macs) * passes * computed
    gate = columns.gate_macs * passes
    return Operations(
        passes=passes,
        kept=kept,
        macs_dense=dense_operations(columns, passes),
        macs_kept=left,
        macs=np.where(columns.spiking, 0.0, left) + gate,
        synops=np.where(columns.spiking, left * input_density, 0.0),
        neuron_updates=columns.neurons * time_steps,
        gate=gate,
    )


def dense_operations(columns: LayerColumns, passes: Numbers) -> Numbers:
    """Multiply-accumulates over all ``passes`` with every weight and every input."""
    dense: Numbers = (columns.weights * columns.positions + columns.product_macs) * passes
    return dense
