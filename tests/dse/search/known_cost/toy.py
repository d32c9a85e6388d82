"""A small search of which everything is known: three layers with a ratio and bits each, and time steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler

from dse.search.known_cost import KnownCostSampler
from dse.search.known_cost.axes import Columns
from dse.search.known_cost.problem import Problem

Floats = NDArray[np.float64]

LAYERS = ("a", "b", "c")
WEIGHTS = {"a": 100.0, "b": 400.0, "c": 200.0}
SENSITIVITY = {"a": 1.5, "b": 0.15, "c": 0.5}
LIMIT = 1800.0


def space() -> dict[str, BaseDistribution]:
    found: dict[str, BaseDistribution] = {}
    for layer in LAYERS:
        found[f"{layer}/ratio"] = FloatDistribution(0.0, 0.9, step=0.1)
        found[f"{layer}/bits"] = CategoricalDistribution((2, 3, 4, 8))
    return {**found, "steps": IntDistribution(1, 4)}


def memory(columns: Columns) -> Floats:
    return sum(WEIGHTS[layer] * (1.0 - columns[f"{layer}/ratio"]) * columns[f"{layer}/bits"] for layer in LAYERS)


def operations(columns: Columns) -> Floats:
    kept = sum(WEIGHTS[layer] * (1.0 - columns[f"{layer}/ratio"]) for layer in LAYERS)
    return np.asarray(columns["steps"] * kept, dtype=float)


def limits(columns: Columns) -> Floats:
    return (memory(columns) / LIMIT - 1.0)[:, None]


def accuracy(params: dict[str, Any], number: int = 0) -> float:
    damage = sum(
        SENSITIVITY[layer] * (params[f"{layer}/ratio"] ** 3 + 3.0 * 2.0 ** -params[f"{layer}/bits"]) for layer in LAYERS
    )
    noise = np.random.default_rng(number).normal(0.0, 0.003)
    return float(0.1 + 0.85 * np.exp(-damage - 0.1 / params["steps"]) + noise)


def problem() -> Problem:
    return Problem.of(space(), {1: memory, 2: operations}, {1: 1.0, 2: 1.0}, limits)


def sampler(seed: int = 0, **settings: Any) -> KnownCostSampler:
    given = {"known": {1: memory, 2: operations}, "constraints": limits, "seed": seed, "chance": 0.1}
    return KnownCostSampler(space(), **{**given, **settings})


def study(sampler: BaseSampler) -> optuna.Study:
    return optuna.create_study(directions=["maximize", "minimize", "minimize"], sampler=sampler)


def objectives(params: dict[str, Any], number: int = 0) -> list[float]:
    columns = {name: np.array([value]) for name, value in params.items()}
    return [accuracy(params, number), float(memory(columns)[0]), float(operations(columns)[0])]


def searched(sampler: BaseSampler, trials: int) -> optuna.Study:
    found = study(sampler)
    for _ in range(trials):
        trial = found.ask(space())
        found.tell(trial, objectives(trial.params, trial.number))
    return found


def memory_and_operations(columns: Columns) -> Floats:
    return memory(columns) + operations(columns)
