"""The one computation behind :func:`estimate` and :func:`estimate_many`: costs of some layers as arrays (layers, n).

Only elementwise arithmetic that IEEE 754 rounds in one way is used, and sums run layer by layer, so that one
configuration costs the same bits alone and among thousands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cost_models.bits import FULL_PRECISION, TERNARY
from cost_models.conventions import Conventions
from cost_models.energy import Traffic, layer_energy, operation_energies
from cost_models.hardware import HardwareProfile
from cost_models.latency import layer_latency
from cost_models.memory import Numbers
from cost_models.operations import LayerColumns, Operations, count_operations
from cost_models.sparse_execution import sparse_time_factor

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """What is asked of some layers: arrays (layers, n), ``time_steps`` (n,); ``wide`` where activations are floats.

    ``lost_weights`` is what went with removed output channels (None: nowhere any); the columns and the pruning ratio
    that go with it are of the layers that are left (:mod:`cost_models.channel_removal`). ``computed`` is the share of
    outputs that is computed at all.
    """

    pruning_ratio: Numbers
    weight_bits: Numbers
    membrane_bits: Numbers
    time_steps: Numbers
    input_density: Numbers
    lost_weights: Numbers | None
    wide: Flags
    computed: Numbers | float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Storage:
    """Bits in memory, arrays (layers, n); ``format_index`` points into the compared formats."""

    format_names: tuple[str, ...]
    format_index: npt.NDArray[np.intp]
    weight_bits: Numbers
    index_bits: Numbers
    membrane_bits: Numbers
    stored_width: Numbers
    membrane_width: Numbers

    @property
    def dense(self) -> Flags:
        """Where the dense format was chosen."""
        if "dense" not in self.format_names:
            return np.zeros(self.format_index.shape, dtype=np.bool_)
        chosen: Flags = self.format_index == self.format_names.index("dense")
        return chosen

    @property
    def bits(self) -> Numbers:
        """All bits of each layer."""
        return self.weight_bits + self.index_bits + self.membrane_bits


def stored_widths(bits: Numbers) -> Numbers:
    """Bits that one value takes: the width, 2 for a ternary value (:func:`cost_models.bits.stored_bits`)."""
    return np.where(bits == TERNARY, 2.0, bits)


def layer_storage(
    columns: LayerColumns, kept: Numbers, proposal: Proposal, names: tuple[str, ...], conventions: Conventions
) -> Storage:
    """The cheapest of the formats ``names`` for each layer and configuration, and the membrane beside it."""
    width = stored_widths(proposal.weight_bits)
    lost = proposal.lost_weights
    if lost is not None:
        names = (*(name for name in names if name != "channel"), "channel")
    best_data: Numbers | None = None
    for number, name in enumerate(names):
        data, index = conventions.format_bits(name)(columns.weights, kept, width, columns.rows, columns.columns)
        if lost is not None and name == "channel":  # at most what is saved: the zeros could stay in place
            index = np.where(lost > 0, np.minimum(columns.channels, lost * width), np.inf)
        elif lost is not None:
            index = np.where(lost > 0, np.inf, index)
        if best_data is None:
            best_data, best_index = data, index
            chosen = np.zeros(data.shape, dtype=np.intp)
            continue
        better = data + index < best_data + best_index
        best_data, best_index = np.where(better, data, best_data), np.where(better, index, best_index)
        chosen = np.where(better, number, chosen)
    assert best_data is not None  # there is at least one name
    parameters = columns.folded_parameters if conventions.fold_norms else columns.other_parameters
    membrane_width = stored_widths(proposal.membrane_bits)
    return Storage(
        format_names=names,
        format_index=chosen,
        weight_bits=best_data
        + _table_bits(columns, proposal, width, conventions)
        + parameters * conventions.parameter_bits,
        index_bits=best_index,
        membrane_bits=columns.neurons * (membrane_width + conventions.partial_sum_bits),
        stored_width=width,
        membrane_width=membrane_width,
    )


def _table_bits(columns: LayerColumns, proposal: Proposal, width: Numbers, conventions: Conventions) -> Numbers:
    """Bits of what quantised weights need beside them: scales or a codebook; none for floats."""
    if conventions.weight_table == "none":
        entries: Numbers = np.zeros_like(width)
    elif conventions.weight_table == "channel scale":
        entries = columns.rows + 0.0 * width
    elif conventions.weight_table == "codebook":
        entries = np.exp2(np.minimum(width, FULL_PRECISION - 1.0))
    else:
        entries = np.ones_like(width)
    quantised = (proposal.weight_bits < FULL_PRECISION) & (columns.weights > 0)
    return np.where(quantised, entries * conventions.table_bits, 0.0)


def run_sparse(
    columns: LayerColumns,
    proposal: Proposal,
    kept: Numbers,
    storage: Storage,
    joules_per_operation: Numbers,
    hardware: HardwareProfile,
    conventions: Conventions,
) -> tuple[Flags, Numbers]:
    """Which layers are executed sparse, and the time they then take over dense time.

    A layer stored dense has no index to skip by and runs dense. Unless told otherwise a pruned layer runs sparse
    where that is neither slower nor costs more energy than running it dense with its zeros in place: with n weights, k
    of them kept, e joules an operation and e_i joules to decode an index, where the time factor
    (:func:`cost_models.sparse_execution.sparse_time_factor`) is at most 1 and ``k e_i <= (n - k) e``. Rule: ours.
    """
    factor = sparse_time_factor(hardware.sparse, proposal.pruning_ratio)
    pruned = (proposal.pruning_ratio > 0) & (columns.weights > 0)
    if not hardware.sparse.zero_weights or conventions.execution == "dense":
        pruned = np.zeros_like(pruned)
    elif conventions.execution == "cheapest":
        saved = (columns.weights - kept) * joules_per_operation
        spent = kept * hardware.sparse.index_decode_joules
        pruned = pruned & (factor <= 1.0) & (spent <= saved) & ~storage.dense
    return pruned, np.where(pruned, factor, 1.0)


def energy_and_latency(
    columns: LayerColumns,
    operations: Operations,
    storage: Storage,
    proposal: Proposal,
    resident: Flags,
    hardware: HardwareProfile,
    conventions: Conventions,
) -> tuple[Numbers, Numbers]:
    """Joules and seconds of each layer; ``resident`` (n,) tells where the whole network fits on the chip.

    With N the operations executed (kept ones where the layer runs sparse, else all that belong to computed outputs;
    times the input density where the chip skips silent inputs of a layer that reads spikes), G those of its gate, e
    joules each, e_i joules to decode an index (sparse only), U neuron updates, W and m stored bits of a weight and of a
    membrane (32 for a layer without neurons), e_r, e_s, e_d joules per bit of register, SRAM and DRAM:

    ``E = N (e + e_i) + G e_mac + U e_update + N (W + 2 m) e_r + SRAM bits * e_s + DRAM bits * e_d``

    N (W + 2 m): each operation reads its weight, reads a partial sum as wide as the membrane and writes it back (ours).
    Bits of SRAM and DRAM: :func:`_traffic`; seconds: :func:`cost_models.latency.layer_latency`.
    """
    energies = operation_energies(hardware.arithmetic, conventions.activation_bits)
    width = storage.stored_width.astype(np.intp)
    width = np.where(proposal.wide, FULL_PRECISION, width) if not columns.weights.any() else width
    active = proposal.input_density if hardware.sparse.zero_inputs else 1.0
    active = np.where(columns.spiking, active, 1.0)
    joules = np.where(columns.spiking, energies.accumulate[width], energies.multiply_accumulate[width])
    sparse, time_factor = run_sparse(columns, proposal, operations.kept, storage, joules, hardware, conventions)
    # Outputs that are not computed are left out on any hardware, as whole rows or positions of the loop.
    executed = np.where(sparse, operations.macs_kept, operations.macs_dense * proposal.computed) * active
    joules = joules + np.where(sparse, hardware.sparse.index_decode_joules, 0.0)
    traffic = _traffic(columns, operations, storage, proposal, resident, executed, hardware, conventions)
    membrane_add = energies.accumulate[storage.membrane_width.astype(np.intp)]
    register_bits = executed * (storage.stored_width + 2.0 * storage.membrane_width)
    energy = layer_energy(
        hardware, executed, joules, operations.neuron_updates, membrane_add, register_bits, traffic
    )  # fmt: skip
    energy = energy + operations.gate * energies.multiply_accumulate[width]
    cycles = operations.macs_dense * proposal.computed * active * time_factor + operations.gate
    cycles = cycles / hardware.processing_elements
    return energy, layer_latency(hardware, cycles, operations.neuron_updates, traffic)


def _traffic(
    columns: LayerColumns,
    operations: Operations,
    storage: Storage,
    proposal: Proposal,
    resident: Flags,
    executed: Numbers,
    hardware: HardwareProfile,
    conventions: Conventions,
) -> Traffic:
    """Bits that SRAM and DRAM move for one input over all its passes P (ours).

    With I inputs, O outputs, a bits of an activation, U neuron updates, m membrane bits, S bits of the weights with all
    that is stored beside them, X of these the index, N operations executed and W bits of a weight:

    - read: ``I P`` bits of spikes, or ``I a P`` of activations; written: ``U`` bits of spikes, one for each update, or
      ``O a P`` of activations; the membrane of each update is read and written, ``2 m U``.
    - weights: ``S P``, or ``N W + X P`` on a chip that fetches them for each operation.
    - DRAM: weights alone, as activations and membranes never leave the chip; nothing where the whole network fits, else
      ``S``, or ``S P`` for a layer that does not fit alone. What comes from DRAM is written to SRAM once more.
    """
    stored = storage.weight_bits + storage.index_bits
    activation = np.where(proposal.wide, float(FULL_PRECISION), float(conventions.activation_bits))
    read = columns.input_elements * np.where(columns.spiking, 1.0, activation) * operations.passes
    written = np.where(
        columns.neurons > 0, operations.neuron_updates, columns.output_elements * activation * operations.passes
    )
    if hardware.weight_reads == "operation":
        fetched = executed * storage.stored_width + storage.index_bits * operations.passes
    else:
        fetched = stored * operations.passes
    membrane = 2.0 * storage.membrane_width * operations.neuron_updates
    # Steps follow each other within a layer, so its weights are fetched from outside once, unless they do not fit.
    loads = np.where(stored > 8.0 * hardware.sram.capacity_bytes, operations.passes, 1.0)
    off_chip = np.where(resident, 0.0, stored * loads)
    return Traffic(sram_bits=read + written + fetched + membrane + off_chip, dram_bits=off_chip)


def all_operations(columns: LayerColumns, proposal: Proposal) -> Operations:
    """The operations of a proposal (see :func:`count_operations`)."""
    return count_operations(
        columns, proposal.pruning_ratio, proposal.input_density, proposal.time_steps, proposal.computed
    )


def sum_rows(rows: Numbers) -> Numbers:
    """Sum over layers in order, one row after the other, so that the length of the batch cannot change a bit."""
    if rows.shape[1] < 64 and len(rows):
        total: Numbers = np.add.accumulate(rows, axis=0)[-1]
        return total
    total = np.zeros(rows.shape[1])
    for row in rows:
        total += row
    return total
