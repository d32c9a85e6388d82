"""Evaluations and fronts from the rows of the tables: what is read, a table at a time and not a trial at a time."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache, partial
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from cost_models import Configuration, CostReport, InputError, LayerBudget, LayerCost, Totals, Workload
from studies.evaluation import Evaluation, Measurement, State
from studies.pareto import FrontSnapshot
from studies.tables import (
    Base,
    BudgetRow,
    CostRow,
    CurvePointRow,
    DensityRow,
    FrontMemberRow,
    FrontRow,
    LayerCostRow,
    MeasurementRow,
    TrialRow,
    WorkloadRow,
)

T = TypeVar("T")
#: What our own types raise for values that they never held: somebody else wrote them.
_UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_BUDGET = tuple(item.name for item in fields(LayerBudget))
_LAYER_COST = tuple(item.name for item in fields(LayerCost))
_BITS = (_LAYER_COST.index("weight_bits"), _LAYER_COST.index("membrane_bits"))
_TOTALS = ("network", "hardware", "time_steps", *(item.name for item in fields(Totals)))
_MEASUREMENT = tuple(item.name for item in fields(Measurement))


@dataclass(frozen=True, slots=True)
class _Pieces:
    """What the tables hold about some trials, each by the key of its trial."""

    asked: Mapping[int, tuple[LayerBudget, ...]]
    realised: Mapping[int, tuple[LayerBudget, ...]]
    densities: Mapping[int, tuple[float, ...]]
    costs: Mapping[int, tuple[Any, ...]]
    layer_costs: Mapping[int, tuple[LayerCost, ...]]
    measurements: Mapping[int, tuple[Measurement, ...]]
    curves: Mapping[int, tuple[float, ...]]
    workloads: Mapping[int, Workload]


def read_evaluations(
    session: Session, study_id: int, which: ColumnElement[bool], *, layer_costs: bool = True
) -> list[Evaluation]:
    """The evaluations of one study for which ``which`` holds, by trial number.

    Without ``layer_costs`` their costs are read in total only: the most rows by far are those of single layers.
    """
    chosen = (TrialRow.study_id == study_id, which)
    trials = session.scalars(select(TrialRow).where(*chosen).order_by(TrialRow.number)).all()
    if not trials:
        return []
    rows = partial(_rows, session, chosen)
    numbers = {row.id: row.number for row in trials}

    def read(key: int, make: Callable[[], T]) -> T:
        """What ``make`` makes of the rows of one trial, which is named where they are not what we write."""
        try:
            return make()
        except _UNREADABLE as error:
            number = numbers[key]
            trial = "the uncompressed network" if number is None else f"trial {number}"
            raise InputError(f"{trial} cannot be read ({error}); restore a copy, or delete the trial") from error

    budgets = _budgets(rows, read)
    pieces = _Pieces(
        asked=budgets["asked"],
        realised=budgets["realised"],
        densities={
            key: tuple(value for (value,) in own) for key, own in rows(DensityRow, ("input_density",), "position")
        },
        costs={
            key: read(key, lambda own=own: _checked_totals(own[0]))  # type: ignore[misc]
            for key, own in rows(CostRow, _TOTALS)
        },
        layer_costs={
            key: read(key, lambda own=own: tuple(map(_layer_cost, own)))  # type: ignore[misc]
            for key, own in rows(LayerCostRow, _LAYER_COST, "position")
        }
        if layer_costs
        else {},
        measurements={
            key: read(key, lambda own=own: tuple(map(_measurement, own)))  # type: ignore[misc]
            for key, own in rows(MeasurementRow, _MEASUREMENT, "split", "metric", "seed")
        },
        curves={
            key: read(key, lambda own=own: tuple(float(value) for (value,) in own))  # type: ignore[misc]
            for key, own in rows(CurvePointRow, ("accuracy",), "epoch")
        },
        workloads={
            row.id: _workload(row.structure)
            for row in session.scalars(select(WorkloadRow).where(WorkloadRow.study_id == study_id))
        },
    )
    return [read(row.id, lambda row=row: _evaluation(row, pieces)) for row in trials]  # type: ignore[misc]


def _rows(
    session: Session,
    chosen: Sequence[ColumnElement[bool]],
    table: type[Base],
    names: Sequence[str],
    *order: str,
    where: Sequence[ColumnElement[bool]] = (),
) -> Iterator[tuple[int, list[Any]]]:
    """The columns ``names`` of all rows of ``table`` about the ``chosen`` trials, for one trial after the other."""
    columns = [getattr(table, name) for name in ("trial_id", *names)]
    statement = select(*columns).join(TrialRow, TrialRow.id == columns[0]).where(*chosen, *where)
    found = session.execute(statement.order_by(*(getattr(table, key) for key in ("trial_id", *order))))
    for trial_id, group in groupby(found, key=itemgetter(0)):
        yield trial_id, [row[1:] for row in group]


def _budgets(
    rows: Callable[..., Iterator[tuple[int, list[Any]]]], read: Callable[[int, Callable[[], T]], T]
) -> dict[str, dict[int, tuple[LayerBudget, ...]]]:
    """By role ("asked", "realised") the budgets of each trial."""
    budget = cache(LayerBudget)  # a search chooses among few values: most budgets are seen again

    def of(role: str) -> dict[int, tuple[LayerBudget, ...]]:
        found = rows(BudgetRow, _BUDGET, "position", where=[BudgetRow.role == role])
        return {key: read(key, lambda own=own: tuple(budget(*values) for values in own)) for key, own in found}  # type: ignore[arg-type,misc]

    return {role: of(role) for role in ("asked", "realised")}


def _evaluation(row: TrialRow, pieces: _Pieces) -> Evaluation:
    realised = cost = workload = None
    if row.realised_time_steps is not None:
        realised = Configuration(pieces.realised.get(row.id, ()), row.realised_time_steps)
    if row.id in pieces.costs:
        network, hardware, time_steps, *sums = pieces.costs[row.id]
        cost = CostReport(network, hardware, time_steps, pieces.layer_costs.get(row.id, ()), Totals(*sums))
    if row.workload_id is not None:
        workload = pieces.workloads[row.workload_id].with_density_of_each(pieces.densities.get(row.id, ()))
    return Evaluation(
        trial=row.number,
        seed=row.seed,
        state=State(row.state),
        asked=Configuration(pieces.asked.get(row.id, ()), row.asked_time_steps),
        choices=json.loads(row.choices),
        realised=realised,
        workload=workload,
        cost=cost,
        measurements=pieces.measurements.get(row.id, ()),
        reason=row.reason,
        seconds=row.seconds,
        optuna_attributes=json.loads(row.optuna_attributes),
        curve=pieces.curves.get(row.id, ()),
        expected_accuracy=row.expected_accuracy,
    )


def _workload(structure: str) -> Workload:
    try:
        return Workload.from_dict(json.loads(structure))
    except _UNREADABLE as error:
        raise InputError(f"the layers of its network cannot be read ({error}); restore a copy") from error


def _checked_totals(values: tuple[Any, ...]) -> tuple[Any, ...]:
    for name, value in zip(_TOTALS[2:], values[2:], strict=True):
        if not isinstance(value, int | float | None):
            raise InputError(f"{name} is {value!r} and no number")
    return values


def _layer_cost(values: Sequence[Any]) -> LayerCost:
    own = list(values)
    for index in _BITS:
        own[index] = _whole(own[index])
    return LayerCost(*own)


def _whole(bits: float | None) -> float | None:
    """A bit width as it was before a column of doubles held it: 8, not 8.0."""
    return int(bits) if bits is not None and bits == int(bits) else bits


def _measurement(values: Sequence[Any]) -> Measurement:
    split, metric, seed, value = values
    return Measurement(split, metric, seed, math.nan if value is None else float(value))


def read_fronts(session: Session, study_id: int) -> list[FrontSnapshot]:
    """All fronts of one study by the number of finished trials."""
    members: defaultdict[int, list[int]] = defaultdict(list)
    found = session.execute(
        select(FrontMemberRow.front_id, FrontMemberRow.number)
        .join(FrontRow, FrontRow.id == FrontMemberRow.front_id)
        .where(FrontRow.study_id == study_id)
        .order_by(FrontMemberRow.front_id, FrontMemberRow.position)
    )
    for front_id, number in found:
        members[front_id].append(number)
    rows = session.scalars(select(FrontRow).where(FrontRow.study_id == study_id).order_by(FrontRow.finished))
    return [
        FrontSnapshot(row.finished, row.hypervolume, tuple(json.loads(row.reference_point)), tuple(members[row.id]))
        for row in rows
    ]
