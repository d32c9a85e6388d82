"""Costs of the layers as arrays, and what is read off them: sums over the network, and reports layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from cost_models.bits import FULL_PRECISION
from cost_models.configuration import Configuration
from cost_models.layer_costs import Storage, sum_rows
from cost_models.memory import Numbers
from cost_models.operations import LayerColumns, Operations
from cost_models.report import LayerCost
from cost_models.workload import Workload

Variants: TypeAlias = npt.NDArray[np.intp] | slice


@dataclass(frozen=True, slots=True, eq=False)
class CostRows:
    """The costs of some layers, arrays (layers, n); ``variant`` (n,) says which column belongs to a configuration.

    ``whole`` are the layers of the uncompressed network, ``columns`` those without removed channels.
    """

    whole: LayerColumns
    columns: LayerColumns
    operations: Operations
    storage: Storage
    energy: Numbers
    latency: Numbers
    variant: Variants

    def total(self, rows: Numbers) -> Numbers:
        """Sums over the layers (n,)."""
        total = sum_rows(rows)
        return total if len(total) == 1 else total[self.variant]

    @property
    def removed(self) -> Numbers:
        """Parameters that are pruned or gone with their channels (layers, n)."""
        biases = self.whole.other_parameters - self.columns.other_parameters
        return self.whole.weights - self.operations.kept + biases

    def by_configuration(self, rows: Numbers) -> list[list[float]]:
        """The layers' values for each configuration."""
        values: list[list[float]] = np.broadcast_to(rows, self.energy.shape)[:, self.variant].T.tolist()
        return values


def totals_of(weighted: CostRows, others: CostRows) -> dict[str, Numbers]:
    """Sums over all layers by the fields of :class:`cost_models.report.Totals`, arrays (n,) in SI units."""

    def total(read: str, source: str) -> Numbers:
        rows = [part.total(getattr(getattr(part, source), read)) for part in (weighted, others)]
        return rows[0] + rows[1]

    parameters = total("weights", "whole") + total("other_parameters", "whole")
    weight, index = total("weight_bits", "storage") / 8.0, total("index_bits", "storage") / 8.0
    membrane = total("membrane_bits", "storage") / 8.0
    return {
        "macs_dense": total("macs_dense", "operations"),
        "macs": total("macs", "operations"),
        "synops": total("synops", "operations"),
        "parameters": parameters,
        "parameters_kept": parameters - (weighted.total(weighted.removed) + others.total(others.removed)),
        "neurons": total("neurons", "columns"),
        "weight_memory_bytes": weight,
        "index_memory_bytes": index,
        "membrane_memory_bytes": membrane,
        "memory_bytes": weight + index + membrane,
        "energy_joules": weighted.total(weighted.energy) + others.total(others.energy),
        "latency_seconds": weighted.total(weighted.latency) + others.total(others.latency),
    }


def costs_by_layer(
    workload: Workload,
    configurations: Sequence[Configuration],
    weighted: CostRows,
    others: CostRows,
    break_even: float | None,
) -> Iterator[tuple[LayerCost, ...]]:
    """The layers' costs for each configuration, in the order of the workload."""
    with_budget, without = _values(weighted), _values(others)
    names, codes = weighted.storage.format_names, weighted.storage.format_index.T.tolist()
    fixed = [(layer.name, layer.kind, layer.compressible, layer.parameters) for layer in workload.layers]
    for row, configuration in enumerate(configurations):
        budgets = {budget.layer: budget for budget in configuration.budgets}
        rows, plain = _columns(with_budget, row), _columns(without, row)
        formats = iter(codes[row])
        costs = []
        for name, kind, compressible, parameters in fixed:
            macs_dense, macs, synops, removed, neurons, weight, index, membrane, energy, latency = next(
                rows if compressible else plain
            )
            budget = budgets[name] if compressible else None
            width = budget.membrane_bits if budget else None
            costs.append(
                LayerCost(
                    name,
                    kind,
                    macs_dense,
                    macs,
                    synops,
                    parameters,
                    parameters - int(removed),
                    int(neurons),
                    budget.pruning_ratio if budget else 0.0,
                    budget.weight_bits if budget else None,
                    (width or FULL_PRECISION) if neurons else None,
                    names[next(formats)] if budget else "dense",
                    weight,
                    index,
                    membrane,
                    (break_even if budget.granularity == "weight" else 0.0) if budget else None,
                    energy,
                    latency,
                )
            )
        yield tuple(costs)


def _columns(values: list[list[list[float]]], row: int) -> Iterator[tuple[float, ...]]:
    return zip(*(column[row] for column in values), strict=True)


def _values(rows: CostRows) -> list[list[list[float]]]:
    arrays = (
        rows.operations.macs_dense,
        rows.operations.macs,
        rows.operations.synops,
        rows.removed,
        rows.columns.neurons,
        rows.storage.weight_bits / 8.0,
        rows.storage.index_bits / 8.0,
        rows.storage.membrane_bits / 8.0,
        rows.energy,
        rows.latency,
    )
    return [rows.by_configuration(values) for values in arrays]
