"""Replays the learning curves of really trained configurations in any order, under any rule that ends them early."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from trained_table import GRID

from cost_models import Configuration, CostReport, Totals, load_hardware
from dse.curve_forecast import FEWEST_CURVES, CurveModel, features
from dse.evaluate import trace_study
from dse.search.limits import CostGate
from dse.search.stopping import EarlyStopping
from dse.search.suggest import SearchSpace
from studies import Evaluation, Measurement, ParetoFront, State, Study, load_study
from studies.membership import log_error

#: Ends a training early: the curve so far -> whether to stop.
Stops = Callable[[Sequence[float]], bool]
#: Begins a training: (the trial, all trials before it) -> what may end it.
Start = Callable[[Evaluation, Sequence[Evaluation]], Stops]


@dataclass(frozen=True, eq=False)
class Table:
    """Every configuration of a small space, really trained; ``trials`` in the order of the file."""

    study: Study
    gate: CostGate
    baseline: Evaluation
    trials: tuple[Evaluation, ...]

    @classmethod
    def load(cls, path: Path) -> Table:
        study = load_study(GRID)
        workload = trace_study(study)
        space = SearchSpace.of(study.space, workload)
        lines = [json.loads(text) for text in path.read_text().splitlines()]
        first = next(line for line in lines if line["number"] is None)
        gate = CostGate(
            space, workload.with_densities(first["densities"]), load_hardware(study.hardware), study.constraints
        )
        trials = tuple(
            _trial(number, space.configuration(line["choices"]), line, gate)
            for number, line in enumerate(line for line in lines if line["number"] is not None)
        )
        plain = Configuration.uniform(workload, time_steps=max(trial.asked.time_steps for trial in trials))
        return cls(study, gate, replace(_trial(0, plain, first, gate), trial=None), trials)

    @property
    def epochs(self) -> int:
        return self.study.training.epochs

    @cached_property
    def reference(self) -> tuple[float, ...]:
        assert self.baseline.cost is not None
        return (0.0, self.baseline.cost.total.memory_bytes, self.baseline.cost.total.energy_joules)

    @cached_property
    def curves(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """All curves (trials, epochs)."""
        return np.array([trial.curve for trial in self.trials])

    @cached_property
    def features(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """What a forecast sees of all configurations (trials, features)."""
        return np.array([features(trial.asked) for trial in self.trials])

    def redrawn(self, seed: int) -> Table:
        """The same configurations trained once more, in effect: the errors around what they let expect are shuffled.

        Each training gets all epochs of the error of another one, taken from a model of the whole table that left it
        out; readings are rounded to those that the validation images allow.
        """
        errors = self.errors
        drawn = np.random.default_rng(seed).integers(0, len(errors), len(errors))
        readings = log_error(self.curves) - errors + errors[drawn]
        step = float(np.diff(np.unique(self.curves.round(4))).min())
        curves = np.clip(np.round((1.01 - np.exp(-readings)) / step) * step, 0.0, 1.0)
        trials = [_with_curve(trial, curve) for trial, curve in zip(self.trials, curves.tolist(), strict=True)]
        return Table(self.study, self.gate, self.baseline, tuple(trials))

    @cached_property
    def model(self) -> CurveModel:
        """What all trainings of the table teach."""
        found = CurveModel.fit(self.curves, self.features)
        assert found is not None
        return found

    @cached_property
    def errors(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """By how much each reading (trials, epochs) differs from what all others let expect of its configuration."""
        kernel = self.model.kernel
        found: np.ndarray[Any, np.dtype[np.float64]] = kernel.weights / np.diag(kernel.inverse)[:, None]
        return found


def _trial(number: int, asked: Configuration, line: dict[str, Any], gate: CostGate) -> Evaluation:
    total = Totals(memory_bytes=line["memory_bytes"], energy_joules=line["energy_joules"])
    known = Evaluation(
        number,
        number,
        State.COMPLETE,
        asked,
        choices=line["choices"],
        realised=asked,
        workload=gate.workload.with_densities(line["densities"]),
        cost=CostReport("", "", asked.time_steps, (), total),
    )
    return _with_curve(known, line["curve"])


def _with_curve(trial: Evaluation, curve: Sequence[float]) -> Evaluation:
    measured = (Measurement("validation", "accuracy", trial.seed, curve[-1]),)
    return replace(trial, measurements=measured, curve=tuple(curve))


@dataclass
class Replay:
    """Trainings of a table one after the other, each to its end or stopped; ``history`` is (epochs, hypervolume)."""

    table: Table
    known: list[Evaluation]
    epochs: int
    history: list[tuple[int, float]]
    front: ParetoFront

    @classmethod
    def run(cls, table: Table, order: Iterable[int], start: Start) -> Replay:
        replay = cls(table, [], 0, [], ParetoFront(table.study.objectives.names))
        volume = 0.0
        for number in order:
            trial = table.trials[number]
            stops = start(trial, replay.known)
            used = next((e for e in range(1, table.epochs) if stops(trial.curve[:e])), table.epochs)
            replay.epochs += used
            if used < table.epochs:
                replay.known.append(replace(trial, state=State.STOPPED, measurements=(), curve=trial.curve[:used]))
            else:
                replay.known.append(trial)
                front = ParetoFront.of([*replay.front, trial], table.study.objectives)
                if front.trials != replay.front.trials:
                    replay.front, volume = front, front.hypervolume(table.reference)
            replay.history.append((replay.epochs, volume))
        return replay

    @property
    def finished(self) -> list[int | None]:
        return [trial.trial for trial in self.known if trial.state is State.COMPLETE]

    @property
    def stopped_after(self) -> list[int]:
        """How many trainings were stopped after each epoch but the last."""
        lengths = [len(trial.curve) for trial in self.known if trial.state is State.STOPPED]
        return [lengths.count(epoch) for epoch in range(1, self.table.epochs)]

    def epochs_to(self, volume: float) -> int | None:
        return next((epochs for epochs, reached in self.history if reached >= volume * (1 - 1e-12)), None)

    def volume_at(self, epochs: int) -> float:
        return max((volume for spent, volume in self.history if spent <= epochs), default=0.0)


def never(trial: Evaluation, known: Sequence[Evaluation]) -> Stops:
    return lambda curve: False


def ours(table: Table, risk: float) -> Start:
    """The tool's own rule."""
    return _started(EarlyStopping(table.study, table.gate, risk))


def noise_known(table: Table, risk: float) -> Start:
    """The same rule with a model of the whole table: what it would save if only the noise of trainings were unknown."""
    return _started(_Informed(table.study, table.gate, risk, model=table.model))


@dataclass(frozen=True)
class _Informed(EarlyStopping):
    model: CurveModel | None = None

    def _model(self, finished: Sequence[Evaluation]) -> CurveModel | None:
        return self.model


def _started(stopping: EarlyStopping) -> Start:
    def start(trial: Evaluation, known: Sequence[Evaluation]) -> Stops:
        rule = stopping.rule(trial.asked, known)
        return (lambda curve: False) if rule is None else rule.stops

    return start


def all_known(table: Table) -> Start:
    """Knows where every training will end, and still trains one epoch of those that cannot join the front."""
    stopping = EarlyStopping(table.study, table.gate)

    def start(trial: Evaluation, known: Sequence[Evaluation]) -> Stops:
        rule = stopping.rule(trial.asked, known) if len(known) >= FEWEST_CURVES else None
        return lambda curve: rule is not None and trial.curve[-1] <= rule.needed

    return start
