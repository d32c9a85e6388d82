"""A study's results as pandas frames, one row a thing. Pure: nothing here draws, and no cost is computed anew."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import fmean, stdev
from typing import Any

import pandas as pd

from studies.evaluation import Evaluation, State
from studies.objectives import OBJECTIVES
from studies.pareto import fits
from studies.results import StudyResults

#: What a trial is in the drawings.
FRONT, DOMINATED, OVER_LIMIT = "front", "dominated", "over a limit"
_COSTS = (
    "parameters",
    "parameters_kept",
    "macs",
    "synops",
    "weight_memory_bytes",
    "index_memory_bytes",
    "membrane_memory_bytes",
    "memory_bytes",
    "energy_joules",
    "latency_seconds",
)
_ACCURACIES = tuple(f"{split}_{what}" for split in ("validation", "test") for what in ("mean", "std", "seeds"))
TRIAL_COLUMNS = ("trial", "role", "time_steps", "seconds", *_COSTS, *_ACCURACIES)
LAYER_COLUMNS = (
    "trial",
    "position",
    "layer",
    "pruning_ratio",
    "weight_bits",
    "membrane_bits",
    "storage_format",
    "break_even_pruning_ratio",
    "parameters",
)
_PARTS = ("weight_memory_bytes", "index_memory_bytes", "membrane_memory_bytes")
COST_COLUMNS = ("trial", "layer", "group", "memory_bytes", *_PARTS, "energy_joules", "latency_seconds")


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as dictionaries by column."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def front_members(results: StudyResults) -> tuple[Evaluation, ...]:
    """The front's evaluations, best in the first objective first."""
    return tuple(results.front.members)


def accuracies(evaluation: Evaluation, metric: str = "accuracy") -> dict[str, float | int | None]:
    """Mean, standard deviation (of the sample; None for fewer than two seeds) and number of seeds, by split."""
    row: dict[str, float | int | None] = {}
    for split in ("validation", "test"):
        values = [value for value in evaluation.values(split, metric).values() if math.isfinite(value)]
        row[f"{split}_mean"] = fmean(values) if values else None
        row[f"{split}_std"] = stdev(values) if len(values) > 1 else None
        row[f"{split}_seeds"] = len(values)
    return row


def objective_values(evaluation: Evaluation, names: tuple[str, ...]) -> dict[str, float]:
    """The value of each objective on the validation split; NaN where it was not measured."""
    return {name: OBJECTIVES[name].read(evaluation) for name in names}


def trials_frame(results: StudyResults) -> pd.DataFrame:
    """One row for each complete trial: its role, costs, accuracies and the study's objectives, in the trials' order."""
    on_front = {member.trial for member in front_members(results)}
    rows = [
        _trial_row(evaluation, results, _role(evaluation, results, on_front))
        for evaluation in results.evaluations
        if evaluation.state is State.COMPLETE and evaluation.cost is not None
    ]
    return _frame(rows, (*TRIAL_COLUMNS, *results.study.objectives.names))


def front_frame(results: StudyResults) -> pd.DataFrame:
    """One row for each member of the front, best in the first objective first; columns as in :func:`trials_frame`."""
    rows = [_trial_row(member, results, FRONT) for member in front_members(results)]
    return _frame(rows, (*TRIAL_COLUMNS, *results.study.objectives.names))


def baseline_row(results: StudyResults) -> dict[str, Any] | None:
    """The dense float network as a row of :func:`trials_frame`; None if it is not there or was not priced."""
    if results.baseline is None or results.baseline.cost is None:
        return None
    return _trial_row(results.baseline, results, "baseline")


def front_layers_frame(results: StudyResults) -> pd.DataFrame:
    """One row for each layer of each member of the front: its realised configuration and break-even ratio."""
    return _frame([row for member in front_members(results) for row in _layer_rows(member)], LAYER_COLUMNS)


def front_costs_frame(results: StudyResults) -> pd.DataFrame:
    """One row for each priced layer of each member of the front, so that a member's rows sum to its total cost.

    ``group`` is the name of a layer that the search configures; the others, such as norms, follow and go by their kind.
    """
    return _frame([row for member in front_members(results) for row in _cost_rows(member)], COST_COLUMNS)


def _frame(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(dict.fromkeys(columns)))
    texts = ("role", "layer", "group", "storage_format")
    return frame.assign(**{name: pd.to_numeric(frame[name]) for name in frame.columns if name not in texts})


def _role(evaluation: Evaluation, results: StudyResults, on_front: set[int | None]) -> str:
    if evaluation.trial in on_front:
        return FRONT
    return DOMINATED if fits(evaluation, results.study.constraints) else OVER_LIMIT


def _trial_row(evaluation: Evaluation, results: StudyResults, role: str) -> dict[str, Any]:
    costs = evaluation.cost.total.to_dict() if evaluation.cost else {}
    return {
        "trial": evaluation.trial,
        "role": role,
        "time_steps": (evaluation.realised or evaluation.asked).time_steps,
        "seconds": evaluation.seconds,
        **{name: costs.get(name) for name in _COSTS},
        **accuracies(evaluation),
        **objective_values(evaluation, results.study.objectives.names),
    }


def _layer_rows(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    configuration = evaluation.realised or evaluation.asked
    costs = {cost.name: cost.to_dict() for cost in evaluation.cost.layers} if evaluation.cost else {}
    for position, budget in enumerate(configuration.budgets):
        cost = costs.get(budget.layer, {})
        yield {
            **{name: cost.get(name) for name in LAYER_COLUMNS},
            "trial": evaluation.trial,
            "position": position,
            "layer": budget.layer,
            "pruning_ratio": budget.pruning_ratio,
            "weight_bits": budget.weight_bits,
            "membrane_bits": budget.membrane_bits,
        }


def _cost_rows(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    configured = {budget.layer for budget in (evaluation.realised or evaluation.asked).budgets}
    layers = evaluation.cost.layers if evaluation.cost else ()
    for layer in sorted(layers, key=lambda layer: layer.name not in configured):
        cost = layer.to_dict()
        yield {
            **{name: cost.get(name) for name in COST_COLUMNS},
            "trial": evaluation.trial,
            "layer": layer.name,
            "group": layer.name if layer.name in configured else f"{layer.kind} layers",
            "memory_bytes": sum(cost[part] for part in _PARTS),
        }
