"""What an Optuna study has tried so far, as arrays."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from dse.search.known_cost.axes import Floats, Rows
from dse.search.known_cost.problem import Problem
from dse.search.known_cost.readings import Readings

#: What a training that was stopped early says is this much noisier than what a finished one says.
STOPPED_NOISE = 3.0


@dataclass(frozen=True)
class History:
    """Trials with a reading, in order; those that still run; and all rows that were ever proposed.

    ``values`` (n, learned) are the readings, larger is better. ``costs`` (n, known) are on the problem's scale,
    measured where they are only nearly known. ``counts`` (n,) says which may be on the front: finished, limits kept.
    """

    rows: Rows
    values: Floats
    stopped: NDArray[np.bool_]
    costs: Floats
    counts: NDArray[np.bool_]
    running: Rows
    taken: NDArray[np.uint64]

    @property
    def started(self) -> int:
        """The number of trials that were trained or are being trained."""
        return len(self.rows) + len(self.running)

    def readings(self, index: int, chance: float | None) -> Readings:
        """The readings of one learned objective, with values outside [0, 1] scaled into it."""
        value = self.values[:, index]
        noise = np.where(self.stopped, STOPPED_NOISE, 1.0)
        if value.min() >= 0.0 and value.max() <= 1.0:
            return Readings(self.rows, value, noise, chance)
        return Readings(self.rows, (value - value.min()) / (np.ptp(value) or 1.0), noise, shares=False)


def history_of(
    problem: Problem,
    trials: Sequence[FrozenTrial],
    signs: Mapping[int, float],
    nearly_known: Collection[int],
) -> History:
    """The history of these trials; ``signs`` maps each learned objective to 1 (maximised) or -1."""
    axes = problem.axes
    rows, values, stopped, measured, inside, running, every = [], [], [], [], [], [], []
    for trial in trials:
        row = axes.row(trial.params)
        every.append(row)
        if trial.state is TrialState.RUNNING:
            running.append(row)
        reading = _reading(trial, signs)
        if reading is None:
            continue
        rows.append(row)
        values.append(reading)
        complete = trial.state is TrialState.COMPLETE
        stopped.append(not complete)
        measured.append([trial.values[index] if complete else np.nan for index in problem.known])
        inside.append(complete and all(value <= 0 for value in trial.constraints.values()))
    table = _rows(rows, len(axes))
    return History(
        table,
        _upright(np.array(values, dtype=float).reshape(len(rows), len(signs)), list(signs.values())),
        np.array(stopped, dtype=bool),
        _costs(problem, table, np.array(measured, dtype=float).reshape(len(rows), len(problem.known)), nearly_known),
        np.array(inside, dtype=bool) & problem.fits(table) if len(rows) else np.zeros(0, dtype=bool),
        _rows(running, len(axes)),
        axes.keys(_rows(every, len(axes))),
    )


def _reading(trial: FrozenTrial, signs: Mapping[int, float]) -> list[float] | None:
    """The learned values of a finished trial; of a stopped one the last that it reported, where only one is learned."""
    if trial.state is TrialState.COMPLETE:
        found = [sign * trial.values[index] for index, sign in signs.items()]
    elif trial.state is TrialState.PRUNED and trial.intermediate_values and len(signs) == 1:
        last = trial.intermediate_values[max(trial.intermediate_values)]
        found = [sign * last for sign in signs.values()]
    else:
        return None
    return found if np.isfinite(found).all() else None


def _upright(values: Floats, signs: Sequence[float]) -> Floats:
    """A share that is to be small, an error say, as the share that is right: all of a column or none."""
    shares = ((values >= -1.0) & (values <= 0.0)).all(axis=0) & (np.array(signs) < 0.0)
    return np.where(shares, values + 1.0, values)


def _costs(problem: Problem, rows: Rows, measured: Floats, nearly_known: Collection[int]) -> Floats:
    if not len(rows):
        return np.zeros((0, len(problem.known)))
    costs = problem.raw_costs(rows)
    for place, index in enumerate(problem.known):
        if index in nearly_known:
            values = problem.signs[index] * measured[:, place]
            costs[:, place] = np.where(np.isnan(values), costs[:, place], values)
    return problem.scaled(costs)


def _rows(rows: Sequence[Rows], width: int) -> Rows:
    return np.array(rows, dtype=np.intp).reshape(len(rows), width)
