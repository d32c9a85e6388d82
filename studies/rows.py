"""Evaluations as rows of the tables: what is written."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from cost_models import LayerCost, Totals, Workload
from studies.evaluation import Evaluation, Measurement, State
from studies.tables import Base, BudgetRow, CostRow, CurvePointRow, DensityRow, LayerCostRow, MeasurementRow

Row = dict[str, Any]


def to_json(value: object) -> str:
    """JSON text; numbers of numpy count as numbers."""
    return json.dumps(value, ensure_ascii=False, default=lambda number: number.item())


def sound(evaluation: Evaluation) -> Evaluation:
    """The evaluation as it may be stored: without a cost that is not finite, and not complete with such a number.

    A measurement that is not a finite number stays in place (it becomes NULL); the evaluation then is a failed one.
    """
    broken = [
        f"{measurement.metric} on {measurement.split} is {measurement.value}"
        for measurement in evaluation.measurements
        if not math.isfinite(measurement.value)
    ]
    seconds = evaluation.seconds if math.isfinite(evaluation.seconds) else 0.0
    cost = evaluation.cost
    if cost is not None:
        parts: list[Totals | LayerCost] = [cost.total, *cost.layers]
        odd = [
            f"{name} is {value}"
            for part in parts
            for name, value in part.to_dict().items()
            if isinstance(value, float) and not math.isfinite(value)
        ]
        broken += odd
        cost = None if odd else cost
    if not broken and seconds == evaluation.seconds:
        return evaluation
    state, reason = evaluation.state, evaluation.reason
    if broken and state in (State.COMPLETE, State.STOPPED):
        state, reason = State.FAILED, f"not a finite number: {broken[0]}"
    return replace(evaluation, state=state, reason=reason, cost=cost, seconds=seconds)


def trial_row(evaluation: Evaluation) -> Row:
    """The columns of one trial, but for the keys of its study and workload."""
    return {
        "number": evaluation.trial,
        "seed": evaluation.seed,
        "state": evaluation.state.value,
        "reason": evaluation.reason,
        "seconds": float(evaluation.seconds),
        "asked_time_steps": evaluation.asked.time_steps,
        "realised_time_steps": evaluation.realised.time_steps if evaluation.realised else None,
        "choices": to_json(dict(evaluation.choices)),
        "optuna_attributes": to_json(dict(evaluation.optuna_attributes)),
        "expected_accuracy": evaluation.expected_accuracy,
    }


def child_rows(evaluation: Evaluation, trial_id: int) -> list[tuple[type[Base], list[Row]]]:
    """The rows that belong to one trial, by table; tables without rows are left out."""
    key = {"trial_id": trial_id}
    budgets = [
        key | {"role": role, "position": position, "layer": budget.layer} | budget.to_dict()
        for role, configuration in (("asked", evaluation.asked), ("realised", evaluation.realised))
        if configuration is not None
        for position, budget in enumerate(configuration.budgets)
    ]
    densities = [
        key | {"position": position, "layer": layer.name, "input_density": layer.input_density}
        for position, layer in enumerate(evaluation.workload.layers if evaluation.workload else ())
    ]
    totals, layer_costs = [], []
    if cost := evaluation.cost:
        own = {"network": cost.network, "hardware": cost.hardware, "time_steps": cost.time_steps}
        totals = [key | own | cost.total.to_dict()]
        layer_costs = [key | {"position": index} | layer.to_dict() for index, layer in enumerate(cost.layers)]
    curve = [key | {"epoch": epoch, "accuracy": accuracy} for epoch, accuracy in enumerate(evaluation.curve, start=1)]
    tables: list[tuple[type[Base], list[Row]]] = [
        (BudgetRow, budgets),
        (DensityRow, densities),
        (CostRow, totals),
        (LayerCostRow, layer_costs),
        (MeasurementRow, measurement_rows(evaluation.measurements, trial_id)),
        (CurvePointRow, curve),
    ]
    return [(table, rows) for table, rows in tables if rows]


def measurement_rows(measurements: Iterable[Measurement], trial_id: int) -> list[Row]:
    """One row for each split, metric and seed; the last one counts, and what is not finite becomes NULL."""
    last = {(item.split, item.metric, item.seed): item for item in measurements}
    return [
        {
            "trial_id": trial_id,
            "split": item.split,
            "metric": item.metric,
            "seed": item.seed,
            "value": float(item.value) if math.isfinite(item.value) else None,
        }
        for item in last.values()
    ]


def workload_structure(workload: Workload) -> tuple[str, str]:
    """A workload without its densities as JSON, and the digest of that."""
    layers = [layer.to_dict() | {"input_density": 1.0} for layer in workload.layers]
    structure = to_json(workload.to_dict() | {"layers": layers})
    return structure, hashlib.sha256(structure.encode()).hexdigest()
