"""The entrance: what a configuration costs (:func:`estimate`), and what thousands cost (:func:`estimate_many`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace

import numpy as np

from cost_models.bits import FULL_PRECISION
from cost_models.channel_removal import remove_channels
from cost_models.configuration import Configuration
from cost_models.configuration_batch import ConfigurationBatch, CostArrays
from cost_models.conventions import Conventions
from cost_models.cost_rows import CostRows, Variants, costs_by_layer, totals_of
from cost_models.errors import InputError
from cost_models.hardware import HardwareProfile
from cost_models.layer_costs import (
    Flags,
    Proposal,
    all_operations,
    energy_and_latency,
    layer_storage,
    sum_rows,
)
from cost_models.memory import Numbers
from cost_models.operations import LayerColumns, dense_operations, layer_columns
from cost_models.report import CostReport, Totals
from cost_models.sparse_execution import speed_break_even
from cost_models.workload import Workload

#: Numbers in one array of a chunk: small enough for the cache, large enough that numpy's call costs nothing.
_CHUNK = 65_536
_DEFAULT = Conventions()


def estimate_many(
    workload: Workload,
    batch: ConfigurationBatch,
    hardware: HardwareProfile,
    *,
    conventions: Conventions = _DEFAULT,
) -> CostArrays:
    """The totals of many configurations, each equal to the last bit to :func:`estimate` of it alone.

    The result holds one array (n,) for each field of :class:`Totals`, in SI units. Raises :class:`InputError` if the
    batch is for another number of layers than ``workload.compressible``.
    """
    result = {field.name: np.empty(len(batch)) for field in fields(CostArrays)}
    for part, weighted, others in _chunks(workload, batch, hardware, conventions):
        for name, values in totals_of(weighted, others).items():
            result[name][part] = values
    return CostArrays(**result)


def estimate(
    workload: Workload,
    configuration: Configuration,
    hardware: HardwareProfile,
    *,
    conventions: Conventions = _DEFAULT,
) -> CostReport:
    """What ``configuration`` costs for one input over all its time steps, layer by layer and in total, in SI units.

    Raises :class:`InputError` if the configuration does not have exactly one budget for each compressible layer.
    """
    return estimate_reports(workload, [configuration], hardware, conventions=conventions)[0]


def estimate_reports(
    workload: Workload,
    configurations: Sequence[Configuration],
    hardware: HardwareProfile,
    *,
    measured: Sequence[Workload] | None = None,
    conventions: Conventions = _DEFAULT,
) -> list[CostReport]:
    """One :func:`estimate` for each configuration, computed together.

    ``measured`` has one workload for each configuration, the same network with the activity measured after training:
    stored trials are priced anew on other hardware this way. Raises :class:`InputError` if one does not fit.
    """
    batch = ConfigurationBatch.of(workload, configurations)
    if measured is not None:
        batch = batch.with_measured(workload, measured)
    reports: list[CostReport] = []
    for part, weighted, others in _chunks(workload, batch, hardware, conventions):
        totals = totals_of(weighted, others)
        counts = {name: totals.pop(name).astype(np.int64) for name in ("parameters", "parameters_kept", "neurons")}
        chunk = configurations[part]
        arrays = {**totals, **counts}
        lists = {name: np.broadcast_to(values, len(chunk)).tolist() for name, values in arrays.items()}
        layers = costs_by_layer(workload, chunk, weighted, others, speed_break_even(hardware.sparse))
        for row, (configuration, costs) in enumerate(zip(chunk, layers, strict=True)):
            total = Totals(**{name: values[row] for name, values in lists.items()})
            reports.append(CostReport(workload.network, hardware.name, configuration.time_steps, costs, total))
    return reports


def _chunks(
    workload: Workload, batch: ConfigurationBatch, hardware: HardwareProfile, conventions: Conventions
) -> Iterator[tuple[slice, CostRows, CostRows]]:
    layers = len(workload.compressible)
    if batch.pruning_ratio.shape[1] != layers:
        raise InputError(
            f"the batch is for {batch.pruning_ratio.shape[1]} layers; "
            f"network {workload.network!r} has {layers} compressible ones"
        )
    step = max(1, _CHUNK // max(1, layers))
    columns = layer_columns(workload)
    for start in range(0, len(batch), step):
        part = slice(start, start + step)
        yield part, *_costs(workload, *columns, batch[part], hardware, conventions)


def _costs(
    workload: Workload,
    whole: LayerColumns,
    whole_others: LayerColumns,
    batch: ConfigurationBatch,
    hardware: HardwareProfile,
    conventions: Conventions,
) -> tuple[CostRows, CostRows]:
    columns, other_columns = whole, whole_others
    formats = conventions.formats_on(hardware)
    proposal = _proposal(whole, batch)
    if batch.channel is not None:
        columns, other_columns, ratio, lost = remove_channels(workload, batch, whole, whole_others)
        ratio = ratio if batch.output is None else np.where(batch.output.T, 0.0, ratio)
        proposal = replace(proposal, pruning_ratio=ratio, lost_weights=lost)
    operations = all_operations(columns, proposal)
    storage = layer_storage(columns, operations.kept, proposal, formats, conventions)
    wide: Flags = np.logical_and.reduce(proposal.wide, axis=0)
    fixed = _unbudgeted(other_columns, np.ones(1), np.ones(1, dtype=np.bool_))
    fixed_storage = layer_storage(other_columns, other_columns.weights, fixed, ("dense",), conventions)
    bits = sum_rows(storage.bits) + sum_rows(fixed_storage.bits)
    resident = bits <= 8.0 * hardware.sram.capacity_bytes
    energy, latency = energy_and_latency(columns, operations, storage, proposal, resident, hardware, conventions)
    if batch.channel is not None:  # dense counts are those of the whole network
        operations = replace(operations, macs_dense=dense_operations(whole, operations.passes))
    weighted = CostRows(whole, columns, operations, storage, energy, latency, slice(None))
    # Layers without a budget differ only by time steps, by where the network fits, by the kind of activations, and by
    # the channels that are left; without the last there are few variants of them.
    steps: Numbers = batch.time_steps
    variant: Variants = slice(None)
    if batch.channel is None:
        codes, variant = np.unique(4.0 * steps + 2.0 * resident + wide, return_inverse=True)
        steps = np.floor(codes / 4.0)
        wide, resident = np.equal(codes % 2.0, 1.0), np.greater_equal(codes % 4.0, 2.0)
    others = _unbudgeted(other_columns, steps, wide)
    other_operations = all_operations(other_columns, others)
    energy, latency = energy_and_latency(
        other_columns, other_operations, fixed_storage, others, resident, hardware, conventions
    )
    return weighted, CostRows(whole_others, other_columns, other_operations, fixed_storage, energy, latency, variant)


def _proposal(columns: LayerColumns, batch: ConfigurationBatch) -> Proposal:
    weight_bits = np.ascontiguousarray(batch.weight_bits.T)
    membrane_bits = np.ascontiguousarray(batch.membrane_bits.T)
    ratio = np.ascontiguousarray(batch.pruning_ratio.T)
    computed = columns.output_density if batch.output_density is None else batch.output_density.T
    computed = np.where(columns.static, 1.0, computed)  # a static input is computed once, before anything is known
    if batch.output is not None:
        computed = computed * np.where(batch.output.T, 1.0 - ratio, 1.0)
        ratio = np.where(batch.output.T, 0.0, ratio)
    return Proposal(
        pruning_ratio=ratio,
        weight_bits=weight_bits,
        membrane_bits=np.where(np.isnan(membrane_bits), float(FULL_PRECISION), membrane_bits),
        time_steps=batch.time_steps,
        input_density=columns.input_density if batch.input_density is None else batch.input_density.T,
        lost_weights=None,
        wide=weight_bits == FULL_PRECISION,
        computed=computed,
    )


def _unbudgeted(columns: LayerColumns, time_steps: Numbers, wide: Flags) -> Proposal:
    full = np.full(columns.weights.shape, float(FULL_PRECISION))
    shape = (columns.weights.shape[0], len(time_steps))
    none = np.zeros(columns.weights.shape)
    return Proposal(none, full, full, time_steps, columns.input_density, None, np.broadcast_to(wide, shape))
