"""What the search benchmark searches in: synthetic landscapes, and the table of really trained configurations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar, Protocol

import moocore
import numpy as np
from landscapes import CHANCE, LANDSCAPES, Floats, Landscape
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from trained_table import GRID, TABLE

from cost_models import estimate, load_hardware
from dse.evaluate import trace_study
from dse.search.forecast import CostForecast
from dse.search.known_cost import KnownCostSampler
from dse.search.limits import CostGate
from dse.search.samplers import SAMPLERS
from dse.search.suggest import SearchSpace
from studies import Evaluation, Measurement, State, Study, load_study

Choices = Mapping[str, Any]


@dataclass(frozen=True)
class Training:
    """What one training gives: objectives as told, and the values by which the search is scored (scaled costs).

    ``accuracy`` is what trainings of this configuration reach on average, ``reading`` what this one reached.
    """

    told: tuple[float, float, float]
    accuracy: float
    costs: tuple[float, float]

    @property
    def reading(self) -> float:
        return self.told[0]


class SearchProblem(Protocol):
    """Accuracy is to be maximised, two costs to be minimised; one search at a time."""

    name: str
    about: str
    space: dict[str, BaseDistribution]
    trained: bool

    def excess(self, choices: Choices) -> float:
        """How far the limit is exceeded, before any training; at most zero where it is kept."""

    def train(self, choices: Choices, generator: np.random.Generator) -> Training:
        """One training; ``generator`` is its noise."""

    def known_cost(self, seed: int, trainings: list[tuple[Choices, Training]], probed: bool) -> BaseSampler:
        """Our sampler for the next proposal; ``probed`` tells it sensitivities that were seen before the search."""


class Synthetic:
    """A landscape of ``landscapes.py``; scored by the accuracy without noise."""

    trained = False

    def __init__(self, landscape: Landscape) -> None:
        self.name, self.about, self.space = landscape.name, landscape.about, landscape.space
        self._landscape = landscape
        self._sampler: KnownCostSampler | None = None

    def excess(self, choices: Choices) -> float:
        return float(self._landscape.limits(_columns(choices))[0, 0])

    def train(self, choices: Choices, generator: np.random.Generator) -> Training:
        columns, reference = _columns(choices), self._landscape.reference
        costs = float(self._landscape.memory(columns)[0]), float(self._landscape.operations(columns)[0])
        reading = float(self._landscape.reading(columns, generator)[0])
        true = float(self._landscape.accuracy(columns)[0])
        return Training((reading, *costs), true, (costs[0] / reference[0], costs[1] / reference[1]))

    def known_cost(self, seed: int, trainings: list[tuple[Choices, Training]], probed: bool) -> BaseSampler:
        if not trainings or self._sampler is None:
            known = {1: self._landscape.memory, 2: self._landscape.operations}
            limits = self._landscape.limits if self._landscape.limit else None
            measured = self._landscape.probed(np.random.default_rng([seed, 2])) if probed else None
            self._sampler = KnownCostSampler(self.space, known, limits, seed, chance=CHANCE, measured=measured)
        return self._sampler


@dataclass
class Trained:
    """The table of trained configurations, searched through the tool's own sampler, gate and forecast of energy."""

    name: str
    about: str
    table: Path
    limit: float | None = None
    measured: Mapping[str, float] | None = None
    trained: ClassVar[bool] = True

    @cached_property
    def study(self) -> Study:
        study = load_study(GRID)
        return replace(study, constraints={"memory_bytes": self.limit}) if self.limit else study

    @cached_property
    def gate(self) -> CostGate:
        workload = trace_study(self.study)
        space = SearchSpace.of(self.study.space, workload)
        baseline = self._lines[()]
        return CostGate(
            space,
            workload.with_densities(baseline["densities"]),
            load_hardware(self.study.hardware),
            self.study.constraints,
        )

    @cached_property
    def space(self) -> dict[str, BaseDistribution]:
        return self.gate.space.distributions()

    @cached_property
    def _lines(self) -> dict[tuple[Any, ...], dict[str, Any]]:
        lines = [json.loads(text) for text in self.table.read_text().splitlines()]
        return {tuple(sorted(line["choices"].items())): line for line in lines}

    @cached_property
    def _expected(self) -> dict[int, float]:
        """The accuracy of each configuration on average, by its number: what all trainings of the table say of it."""
        lines = [line for key, line in self._lines.items() if key]
        fitted = pairwise_fit([line["choices"] for line in lines], [line["curve"][-1] for line in lines])
        return {line["number"]: value for line, value in zip(lines, fitted.tolist(), strict=True)}

    @cached_property
    def _largest(self) -> tuple[float, float]:
        lines = [line for key, line in self._lines.items() if key]
        inside = [line for line in lines if not self.limit or line["memory_bytes"] <= self.limit]
        memory = self.limit or max(line["memory_bytes"] for line in lines)
        return memory, max(line["energy_joules"] for line in inside)

    def excess(self, choices: Choices) -> float:
        row = self.gate.space.indices(choices)
        return max(self.gate.excesses(row).values(), default=-1.0)

    def train(self, choices: Choices, generator: np.random.Generator | None = None) -> Training:
        line = self._line(choices)
        told = line["curve"][-1], line["memory_bytes"], line["energy_joules"]
        costs = told[1] / self._largest[0], told[2] / self._largest[1]
        return Training(told, self._expected[line["number"]], costs)

    def best_possible(self) -> float:
        """The hypervolume of all configurations that keep the limit."""
        every = [dict(key) for key in self._lines if key]
        found = [self.train(choices) for choices in every if self.excess(choices) <= 0]
        return hypervolume([(-one.accuracy, *one.costs) for one in found])

    def known_cost(self, seed: int, trainings: list[tuple[Choices, Training]], probed: bool) -> BaseSampler:
        forecast = CostForecast(self.gate, [self._evaluation(choices) for choices, _ in trainings])
        return SAMPLERS["known_cost"](self.study, seed, forecast, self._lines[()]["sensitivities"] if probed else None)

    def _line(self, choices: Choices) -> dict[str, Any]:
        row = self.gate.space.choices(self.gate.space.indices(choices))
        return self._lines[tuple(sorted(row.items()))]

    @cached_property
    def _evaluations(self) -> dict[int, Evaluation]:
        return {}

    def _evaluation(self, choices: Choices) -> Evaluation:
        line = self._line(choices)
        if line["number"] not in self._evaluations:
            self._evaluations[line["number"]] = self._made(choices, line)
        return self._evaluations[line["number"]]

    def _made(self, choices: Choices, line: Mapping[str, Any]) -> Evaluation:
        configuration = self.gate.space.configuration(choices)
        workload = self.gate.workload.with_densities(line["densities"])
        return Evaluation(
            trial=line["number"],
            seed=0,
            state=State.COMPLETE,
            asked=configuration,
            choices=dict(choices),
            realised=configuration,
            workload=workload,
            cost=estimate(workload, configuration, self.gate.hardware),
            measurements=(Measurement("validation", "accuracy", 0, line["curve"][-1]),),
        )


def hypervolume(points: Sequence[tuple[float, float, float]]) -> float:
    """The share of the box between (1, no cost) and (chance, reference costs) that (-accuracy, costs) dominate."""
    return float(moocore.hypervolume(np.array(points), ref=[-CHANCE, 1.0, 1.0])) / (1.0 - CHANCE) if points else 0.0


def pairwise_fit(choices: Sequence[Choices], accuracies: Sequence[float]) -> Floats:
    """Accuracies (n,) smoothed: the least-squares fit of their logits by an effect of each value and pair of values."""
    effects = []
    for name in choices[0]:
        values = [one[name] for one in choices]
        place = np.unique(values, return_inverse=True)[1]
        indicator = np.eye(place.max() + 1)[place]
        effects.append(indicator[:, 1:] - indicator[:, :1])
    pairs = [np.einsum("ni,nj->nij", *pair).reshape(len(choices), -1) for pair in combinations(effects, 2)]
    design = np.concatenate([np.ones((len(choices), 1)), *effects, *pairs], axis=1)
    logits = np.log(np.array(accuracies) / (1.0 - np.array(accuracies)))
    fitted = design @ np.linalg.lstsq(design, logits, rcond=None)[0]
    return np.asarray(1.0 / (1.0 + np.exp(-fitted)))


def _columns(choices: Choices) -> dict[str, Any]:
    return {name: np.array([value]) for name, value in choices.items()}


def problems() -> dict[str, SearchProblem]:
    """All problems by name; those of the table only where there is one."""
    found: dict[str, SearchProblem] = {name: Synthetic(landscape) for name, landscape in LANDSCAPES.items()}
    if TABLE.exists():
        about = "768 trained spiking networks (digits), the whole space"
        found["trained"] = Trained("trained", f"{about}, no limit", TABLE)
        found["trained-tight"] = Trained("trained-tight", f"{about}, at most 6 KiB", TABLE, 6.0 * 1024)
    return found
