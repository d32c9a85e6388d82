"""Break-even points: from where on zeros pay in time and in storage, and spikes against ordinary activations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cost_models.bits import check_bits, stored_bits
from cost_models.configuration import Configuration
from cost_models.configuration_batch import ConfigurationBatch
from cost_models.errors import check_count
from cost_models.hardware import HardwareProfile
from cost_models.layer_costs import Flags, stored_widths
from cost_models.memory import STORAGE_FORMATS, formats_for
from cost_models.operations import kept_weights, layer_columns
from cost_models.sparse_execution import sparse_time_factor, speed_break_even
from cost_models.spiking_break_even import SpikingBreakEven, spiking_break_even
from cost_models.workload import Layer, Workload


@dataclass(frozen=True, slots=True)
class LayerBreakEven:
    """Where sparsity starts to pay in one layer: pruning ratio for time, and for storage in each format (None: never).

    ``spiking`` is None for a layer whose input is not spikes.
    """

    layer: str
    speed: float | None
    storage: Mapping[str, float | None]
    spiking: SpikingBreakEven | None = None


def break_even(
    workload: Workload,
    hardware: HardwareProfile,
    *,
    weight_bits: float = 8,
    membrane_bits: float | None = None,
    time_steps: int = 4,
) -> tuple[LayerBreakEven, ...]:
    """Every break-even point of each compressible layer of ``workload`` at these widths.

    ``membrane_bits`` (default: ``weight_bits``) and ``time_steps`` matter for the spiking comparison only.
    """
    check_bits("weight_bits", weight_bits)
    check_count("time_steps", time_steps, at_least=1)
    speed = speed_break_even(hardware.sparse)
    formats = formats_for("any", "groups")
    return tuple(
        LayerBreakEven(
            layer.name,
            speed,
            {name: storage_break_even(layer, weight_bits, name) for name in formats},
            spiking_break_even(layer, hardware, weight_bits, membrane_bits or weight_bits, time_steps),
        )
        for layer in workload.compressible
    )


def storage_break_even(layer: Layer, weight_bits: float, storage_format: str) -> float | None:
    """The smallest pruning ratio from which on the format takes no more bits than dense storage; None: it never does.

    n weights of b bits, density d. Bitmap: n + n d b <= n b, so d <= 1 - 1/b and the ratio is 1/b. CSR with column
    indices of c bits and pointers of p bits: n d (b + c) + (rows + 1) p <= n b, so d <= (b - (rows + 1) p / n) / (b +
    c). Relative index of k bits: d F(d) (b + k) <= b with F the entries for each kept weight, which has no closed form.
    All of them (and N:M, run length) are found the same way, by bisection over whole kept weights in the exact counts
    of :mod:`cost_models.memory`, so that the answer holds to the weight.
    """
    weights = float(layer.weights)
    rows = float(layer.weight_shape[0]) if layer.weight_shape else 1.0
    width = float(stored_bits(weight_bits))
    bits_of = STORAGE_FORMATS[storage_format]

    def pays(kept: int) -> bool:
        arrays = (np.array([value]) for value in (weights, float(kept), width, rows, weights / rows))
        data, overhead = bits_of(*arrays)
        return bool(data[0] + overhead[0] <= weights * width)

    if not layer.weights or not pays(0):
        return None
    low, high = 0, layer.weights + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if pays(middle) else (low, middle)
    return 1.0 - low / weights


def losing(workload: Workload, batch: ConfigurationBatch, hardware: HardwareProfile) -> Flags:
    """Which layers (n, L) are pruned and yet slower or larger than dense; a search can exclude that band.

    Slower: sparse execution on hardware that skips zero weights takes longer than dense execution. Larger: every format
    for single zeros (of those that the hardware reads) takes more bits than dense storage. Layers with whole channels
    removed are smaller dense layers and never lose, nor do those that leave out single outputs. The first follows Ren
    et al. 2019 (ADMM-NN), whose break-even ratio is one of speed at the same area; the second is ours.
    """
    columns, _ = layer_columns(workload)
    ratio = batch.pruning_ratio.T
    kept = kept_weights(columns.weights, ratio)
    width = stored_widths(batch.weight_bits.T)
    dense = columns.weights * width
    smallest = np.full(ratio.shape, np.inf)
    formats = [name for name in formats_for("any") if name in (hardware.storage_formats or STORAGE_FORMATS)]
    for name in formats:
        data, overhead = STORAGE_FORMATS[name](columns.weights, kept, width, columns.rows, columns.columns)
        smallest = np.minimum(smallest, data + overhead)
    loses = (smallest > dense) if formats else np.zeros(ratio.shape, dtype=np.bool_)
    if hardware.sparse.zero_weights:
        loses = loses | (sparse_time_factor(hardware.sparse, ratio) > 1.0)
    loses = loses & (kept < columns.weights)
    for unit in (batch.channel, batch.output):
        if unit is not None:
            loses = loses & ~unit.T
    result: Flags = loses.T
    return result


def restored(workload: Workload, batch: ConfigurationBatch, hardware: HardwareProfile) -> ConfigurationBatch:
    """The batch with every losing layer (:func:`losing`) unpruned; see :func:`restore_to_dense`."""
    return replace(batch, pruning_ratio=np.where(losing(workload, batch, hardware), 0.0, batch.pruning_ratio))


def losing_layers(workload: Workload, configuration: Configuration, hardware: HardwareProfile) -> tuple[str, ...]:
    """The names of the layers that are pruned and yet slower or larger than dense (:func:`losing`)."""
    loses = losing(workload, ConfigurationBatch.of(workload, [configuration]), hardware)[0]
    return tuple(layer.name for layer, flag in zip(workload.compressible, loses, strict=True) if flag)


def restore_to_dense(workload: Workload, configuration: Configuration, hardware: HardwareProfile) -> Configuration:
    """The configuration with every losing layer (:func:`losing`) unpruned, after ADMM-NN's hardware-aware algorithm.

    Ren et al. 2019 restore a layer below its break-even pruning ratio, which they define by speed at the same silicon
    area. Restoring layers that are only larger in storage is ours.
    """
    lost = losing_layers(workload, configuration, hardware)
    return replace(
        configuration,
        budgets=tuple(
            replace(budget, pruning_ratio=0.0) if budget.layer in lost else budget for budget in configuration.budgets
        ),
    )


def overall_speedup(operations: Sequence[float], speedups: Sequence[float]) -> float:
    """Speed-up of a network from those of its layers, weighted by dense operations: sum(o) / sum(o / s).

    Reproduces the five overall figures of ADMM-NN's Table 9 from its per-layer ones (inferred; the paper does not state
    the rule).
    """
    return sum(operations) / sum(count / speedup for count, speedup in zip(operations, speedups, strict=True))
