"""Operation counts as published work counts them; the same network gives different numbers under each name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np

from cost_models.channel_removal import remove_channels
from cost_models.configuration import Configuration
from cost_models.configuration_batch import ConfigurationBatch
from cost_models.operations import kept_weights, layer_columns
from cost_models.registry import Registry
from cost_models.workload import Layer, Workload

Counter: TypeAlias = Callable[[Workload, Configuration], float]


def _passes(layer: Layer, configuration: Configuration) -> int:
    return 1 if layer.static_input else configuration.time_steps


def _left(workload: Workload, configuration: Configuration) -> Iterator[tuple[Layer, float, float]]:
    """Each layer with the MACs of one pass over its kept weights and its neurons, without removed channels."""
    batch = ConfigurationBatch.of(workload, [configuration])
    columns, others = layer_columns(workload)
    ratio = batch.pruning_ratio.T
    if batch.channel is not None:
        columns, others, ratio, _ = remove_channels(workload, batch, columns, others)
    if batch.output is not None:  # outputs that are left out take no weight along
        ratio = np.where(batch.output.T, 0.0, ratio)
    kept = kept_weights(columns.weights, ratio)
    for part, own, weights in (
        (columns, workload.compressible, kept),
        (others, [layer for layer in workload.layers if not layer.compressible], others.weights),
    ):
        macs = weights * part.positions + part.product_macs
        yield from zip(own, macs[:, 0].tolist(), part.neurons[:, 0].tolist(), strict=True)


def _computed(layer: Layer, configuration: Configuration, *, once: bool = False) -> float:
    """The share of outputs that dynamic pruning leaves to compute; ``once``: a static input is computed once."""
    measured = 1.0 if once and layer.static_input else layer.output_density
    if not layer.compressible or configuration[layer.name].granularity != "output":
        return measured
    return measured * (1.0 - configuration[layer.name].pruning_ratio)


def dense_macs(workload: Workload, configuration: Configuration) -> float:
    """Multiply-accumulates with every weight and every input; half of PyTorch's ``FlopCounterMode`` FLOPs."""
    return float(sum(layer.macs * _passes(layer, configuration) for layer in workload.layers))


def kept_dense_flops(workload: Workload, configuration: Configuration) -> float:
    """FLOPs after SpQuant-SNN: one for each kept weight and position, one for each neuron and step; inputs are dense.

    T * sum over layers of (kept MACs of a pass * share of outputs that is computed + operations of the gate + neurons).
    As in SpQuant-SNN's released code a static image is computed anew in every step, no firing rate enters, and one
    membrane update is one operation; outputs that are not computed do not count, what decides about them does. Two
    deviations are ours:

    - The released code counts the membranes of kept channels that are not zero. We count every neuron in every step, an
      upper bound that needs no measurement. A ratio of two such counts comes out smaller where neurons shrink less than
      MACs do and the pruned network has no larger a share of membranes that are not zero.
    - The released code charges its predictor 2 (C_in / 4) C_out H W, as for a map at every place. It decides once for
      each step, so we charge the sums over places and the linear map once, (C_in / 4) (H_in W_in + C_out): less for a
      network with such gates; a network without has nothing of either.
    """
    return configuration.time_steps * sum(
        macs * _computed(layer, configuration) + layer.gate_macs + neurons
        for layer, macs, neurons in _left(workload, configuration)
    )


def effective_macs(workload: Workload, configuration: Configuration) -> float:
    """NeuroBench's effective MACs: kept weights times non-zero inputs where the input is not binary; gates included."""
    gates = sum(layer.gate_macs * _passes(layer, configuration) for layer in workload.layers)
    return gates + sum(
        macs * layer.input_density * _computed(layer, configuration, once=True) * _passes(layer, configuration)
        for layer, macs, _ in _left(workload, configuration)
        if not layer.spiking_input
    )


def effective_acs(workload: Workload, configuration: Configuration) -> float:
    """NeuroBench's effective ACs, the synaptic operations: kept weights times spikes."""
    return sum(
        macs * layer.input_density * _computed(layer, configuration, once=True) * _passes(layer, configuration)
        for layer, macs, _ in _left(workload, configuration)
        if layer.spiking_input
    )


def spike_aware_synops(workload: Workload, configuration: Configuration) -> float:
    """Effective MACs and ACs together, NeuroBench's synaptic operations."""
    return effective_macs(workload, configuration) + effective_acs(workload, configuration)


#: Counts by name; all are for one input over all time steps.
OPERATION_CONVENTIONS: Registry[Counter] = Registry(
    "operation convention",
    {
        "dense MACs": dense_macs,
        "kept-dense FLOPs": kept_dense_flops,
        "effective MACs": effective_macs,
        "effective ACs": effective_acs,
        "SynOps": spike_aware_synops,
    },
)
