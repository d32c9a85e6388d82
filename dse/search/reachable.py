"""Whether limits can be kept at all, found before any training; what cannot be is explained with the layers that bind.

Several limits together are a multiple-choice knapsack: they are called out of reach only where every configuration was
looked at, or where a bound proves it (:meth:`CostGate.weighed`). What is named as reachable is the cost of a real
configuration: in a large space there may be a slightly better one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cost_models import InputError, LayerCost, estimate, losing_layers
from dse.search.limits import MEMORY, CostGate, in_units
from dse.search.suggest import TIME_STEPS, Indices

#: Layers that are named in an explanation, the heaviest first.
NAMED_LAYERS = 3
#: How far one limit at a time is raised to see what becomes possible, in a space that is too large to be listed.
_RAISES = (1.1, 1.25, 1.5, 2.0, 3.0, 6.0)
_MEMORY = ("weight_memory_bytes", "index_memory_bytes", "membrane_memory_bytes")


@dataclass(frozen=True, slots=True)
class Conflict:
    """Limits that cannot be kept together. No configuration has a largest cost / limit below ``bound``.

    ``row`` comes nearest: its largest cost / limit is ``factor``. ``alone`` holds, for each limit, the smallest cost
    found while all others are kept.
    """

    row: Indices
    factor: float
    bound: float
    alone: dict[str, float]


def check_reachable(gate: CostGate, where: str) -> None:
    """Raise :class:`InputError` if a limit, or all of them together, cannot be kept, with the layers that bind."""
    for name, limit in gate.limits.items():
        row = gate.cheapest({name: 1.0})
        smallest = float(gate.totals(row[None, :], (name,))[name][0])
        if smallest > limit:
            raise InputError(
                f"{where}: {name} is {in_units(name, limit)}, but the smallest that this space can reach on "
                f"{gate.hardware.name} is {in_units(name, smallest)}{_binding(gate, row, name)}; raise the limit or "
                "widen the space"
            )
    conflict = find_conflict(gate)
    if conflict is not None and conflict.bound > 1.0:
        raise InputError(f"{where}: {_explained(gate, conflict)}")


def check_something_pays(gate: CostGate) -> None:
    """Raise :class:`InputError` if losing layers are skipped and every choice of one of them loses."""
    if not gate.skips_losing:
        return
    configuration = gate.space.configuration_at(gate.cheapest({MEMORY: 1.0}))
    lost = losing_layers(gate.workload, configuration, gate.hardware)
    if lost:
        raise InputError(
            f"hardware.below_break_even is 'skip', but every choice for layer {lost[0]!r} is pruned, yet slower or "
            f"larger than dense on {gate.hardware.name}; allow a pruning ratio of 0, or one above its break-even"
        )


def find_conflict(gate: CostGate) -> Conflict | None:
    """How limits exclude each other that can each be kept alone; None where a configuration keeps them all."""
    if len(gate.limits) < 2 or gate.corner is not None:
        return None
    rows, bound = gate.every_row(), 0.0
    if not len(rows):
        rows, bound = _near_rows(gate)
    ratios = _ratios(gate, rows)
    factors = ratios.max(axis=1)
    best = int(np.argmin(factors))
    alone = {}
    for index, (name, limit) in enumerate(gate.limits.items()):
        kept = np.delete(ratios, index, axis=1).max(axis=1) <= 1.0
        if kept.any():
            alone[name] = float(ratios[kept, index].min()) * limit
    return Conflict(rows[best], float(factors[best]), bound or float(factors[best]), alone)


def contributions(gate: CostGate, row: Indices, name: str) -> tuple[tuple[str, float], ...]:
    """What each layer adds to the cost ``name`` of the configuration at ``row``, the largest first, in SI units."""
    if name == TIME_STEPS:
        return ()
    report = estimate(gate.workload, gate.space.configuration_at(row), gate.hardware)
    parts = [(layer.name, _of_layer(layer, name)) for layer in report.layers]
    return tuple(sorted(((layer, value) for layer, value in parts if value > 0.0), key=lambda part: -part[1]))


def _near_rows(gate: CostGate) -> tuple[Indices, float]:
    """Rows that come near to keeping the limits, or all but one; and the bound on what any row can reach."""
    near = list(gate.weighed(gate.limits))
    raised = [
        row
        for name, limit in gate.limits.items()
        for factor in _RAISES
        for row, _ in gate.weighed({**gate.limits, name: limit * factor})
    ]
    rows = np.array([*(row for row, _ in near), *raised], dtype=np.intp)
    return np.unique(rows, axis=0), max(bound for _, bound in near)


def _ratios(gate: CostGate, rows: Indices) -> NDArray[np.float64]:
    costs = gate.totals(rows, tuple(gate.limits))
    return np.stack([costs[name] / limit for name, limit in gate.limits.items()], axis=1)


def _of_layer(layer: LayerCost, name: str) -> float:
    parts = _MEMORY if name == "memory_bytes" else (name,)
    return float(sum(getattr(layer, part) for part in parts))


def _binding(gate: CostGate, row: Indices, name: str) -> str:
    """The heaviest layers at ``row`` with what each adds: `` (fc1 12 KiB, 61%; conv2 4 KiB, 20%; 3 others 19%)``."""
    parts = contributions(gate, row, name)
    whole = sum(value for _, value in parts)
    if not whole:
        return ""
    shown = [f"{layer} {in_units(name, value)}, {value / whole:.0%}" for layer, value in parts[:NAMED_LAYERS]]
    rest = parts[NAMED_LAYERS:]
    if rest:
        share = sum(value for _, value in rest) / whole
        shown.append(f"{len(rest)} other{'s' if len(rest) > 1 else ''} {share:.0%}")
    return f" ({'; '.join(shown)})"


def _explained(gate: CostGate, conflict: Conflict) -> str:
    costs = gate.totals(conflict.row[None, :], tuple(gate.limits))
    names = list(gate.limits)
    nearest = [f"{name} {in_units(name, float(costs[name][0]))}{_binding(gate, conflict.row, name)}" for name in names]
    others = "the other limit is" if len(names) == 2 else "all other limits are"
    alone = [f"{name} comes down to {in_units(name, value)}" for name, value in conflict.alone.items()]
    lower = f"; where {others} kept, {' and '.join(alone)}" if alone else ""
    return (
        f"each of {', '.join(names)} can be met alone but not all together: the nearest that this space reaches on "
        f"{gate.hardware.name} is {conflict.factor:.3g} times the limits, with {' and '.join(nearest)}{lower}; raise "
        "one of them or widen the space"
    )
