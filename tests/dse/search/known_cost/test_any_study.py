"""What users of Optuna do with a sampler: threads, fixed parameters, odd spaces, one sampler for several studies."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial, create_trial

from dse.search.known_cost import KnownCostSampler
from dse.search.known_cost.history import history_of
from dse.search.known_cost.problem import Problem

DIRECTIONS = ["maximize", "minimize"]
GRID: dict[str, BaseDistribution] = {"x": IntDistribution(0, 9), "y": IntDistribution(0, 9)}


def total(columns: Any) -> Any:
    return sum(np.asarray(column, dtype=float) for column in columns.values())


def grid_sampler() -> KnownCostSampler:
    return KnownCostSampler(GRID, {1: total}, seed=0)


def on_grid(trial: Trial) -> tuple[float, float]:
    x, y = trial.suggest_int("x", 0, 9), trial.suggest_int("y", 0, 9)
    return (x + y) / 20, x + y


def learned(told: list[float], sign: float) -> list[float]:
    space: dict[str, BaseDistribution] = {"x": IntDistribution(0, 9)}
    problem = Problem.of(space, {1: total}, {1: 1.0})
    trials = [
        create_trial(values=[value, 1.0], params={"x": place}, distributions=space) for place, value in enumerate(told)
    ]
    values: list[float] = history_of(problem, trials, {0: sign}, ()).values.ravel().tolist()
    return values


def test_threads_that_suggest_late_are_proposed_different_configurations() -> None:
    def slow(trial: Trial) -> tuple[float, float]:
        time.sleep(0.02)
        return on_grid(trial)

    study = optuna.create_study(directions=DIRECTIONS, sampler=grid_sampler())
    study.optimize(slow, n_trials=24, n_jobs=4)
    assert len({tuple(sorted(trial.params.items())) for trial in study.trials}) == 24


@pytest.mark.parametrize("told", [[-0.05, -0.01, 0.0, 0.05, 0.5, 0.9], [0.8, 0.9, 1.0, 1.1, 1.2], [0.0, 0.1, 0.5]])
def test_the_smaller_a_minimised_value_the_better_it_reads(told: list[float]) -> None:
    read = learned(told, -1.0)
    assert read == sorted(read, reverse=True)
    assert np.allclose(np.diff(read), -np.diff(told))


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_sampler_behind_one_that_fixes_a_parameter_serves_the_others_and_then_all_again() -> None:
    sampler = grid_sampler()
    study = optuna.create_study(directions=DIRECTIONS, sampler=sampler)
    study.optimize(on_grid, n_trials=2)
    study.sampler = optuna.samplers.PartialFixedSampler({"x": 3}, sampler)
    study.optimize(on_grid, n_trials=2)
    study.sampler = sampler
    study.optimize(on_grid, n_trials=2)
    assert [trial.params["x"] for trial in study.trials[2:4]] == [3, 3]
    assert all(trial.state.is_finished() and trial.values for trial in study.trials)


def test_where_all_that_fits_in_a_large_space_is_tried_it_goes_on_with_what_fits() -> None:
    space: dict[str, BaseDistribution] = {f"layer{index}/bits": IntDistribution(0, 9) for index in range(4)}
    sampler = KnownCostSampler(space, {1: total}, lambda columns: total(columns)[:, None] - 1.0, seed=0)
    study = optuna.create_study(directions=DIRECTIONS, sampler=sampler)
    for _ in range(8):  # five configurations fit
        trial = study.ask(space)
        cost = float(sum(trial.params.values()))
        study.tell(trial, (0.1 + 0.05 * cost, cost))
    tried = [tuple(trial.params.values()) for trial in study.trials]
    assert max(map(sum, tried)) <= 1
    assert len(set(tried[:5])) == 5


def test_what_fits_is_found_in_a_small_space_though_no_single_step_leads_there() -> None:
    sampler = KnownCostSampler(
        GRID,
        {1: total},
        lambda columns: np.abs(columns["x"] - columns["y"]) * 2.0 + np.maximum(5.0 - columns["x"], 0.0),
        seed=0,
    )
    trial = optuna.create_study(directions=DIRECTIONS, sampler=sampler).ask(GRID)
    assert trial.params["x"] == trial.params["y"] >= 5


def test_a_range_of_one_value_counts_once() -> None:
    space: dict[str, BaseDistribution] = {"x": FloatDistribution(1.0, 1.0), "y": IntDistribution(0, 19)}
    study = optuna.create_study(
        directions=DIRECTIONS, sampler=KnownCostSampler(space, {1: lambda columns: columns["y"] * 1.0}, seed=0)
    )
    for _ in range(15):
        trial = study.ask(space)
        study.tell(trial, (trial.params["y"] / 20, trial.params["y"]))
    assert len({trial.params["y"] for trial in study.trials}) == 15


@pytest.mark.filterwarnings("ignore:Choices for a categorical:UserWarning")
def test_known_costs_are_called_with_the_choices_themselves() -> None:
    bits: dict[Any, float] = {"binary": 1.0, 2: 2.0, 4: 4.0}
    space: dict[str, BaseDistribution] = {
        "bits": CategoricalDistribution(("binary", 2, 4)),
        "shape": CategoricalDistribution(((1, 2), (3, 4))),  # type: ignore[arg-type]
    }

    def cost(columns: Any) -> Any:
        assert columns["shape"].ndim == 1
        return np.array([bits[bit] + sum(shape) for bit, shape in zip(columns["bits"], columns["shape"], strict=True)])

    study = optuna.create_study(directions=DIRECTIONS, sampler=KnownCostSampler(space, {1: cost}, seed=0))
    for _ in range(5):
        trial = study.ask(space)
        price = bits[trial.params["bits"]] + sum(trial.params["shape"])
        study.tell(trial, (price / 20, price))
    assert len({(trial.params["bits"], trial.params["shape"]) for trial in study.trials}) == 5


def test_one_sampler_serves_studies_of_different_directions_as_a_fresh_one_would() -> None:
    def proposed(sampler: KnownCostSampler) -> list[dict[str, Any]]:
        study = optuna.create_study(directions=["maximize", "maximize"], sampler=sampler)
        study.optimize(on_grid, n_trials=8)
        return [trial.params for trial in study.trials]

    used = grid_sampler()
    optuna.create_study(directions=DIRECTIONS, sampler=used).optimize(on_grid, n_trials=2)
    assert proposed(used) == proposed(grid_sampler())


def test_parameters_outside_the_space_are_drawn_alike_in_one_go_and_in_two() -> None:
    def objective(trial: Trial) -> tuple[float, float]:
        trial.suggest_float("extra", 0.0, 1.0)
        return on_grid(trial)

    once = optuna.create_study(directions=DIRECTIONS, sampler=grid_sampler())
    once.optimize(objective, n_trials=8)
    twice = optuna.create_study(directions=DIRECTIONS, sampler=grid_sampler())
    twice.optimize(objective, n_trials=4)
    twice.sampler = grid_sampler()
    twice.optimize(objective, n_trials=4)
    assert [trial.params for trial in once.trials] == [trial.params for trial in twice.trials]
    assert len({trial.params["extra"] for trial in once.trials}) == 8
