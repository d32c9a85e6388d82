from __future__ import annotations

import dataclasses

import optuna
import pytest

from cost_models import InputError
from dse.search.samplers import SAMPLERS, KnownCostSampler
from studies import Method
from tests.dse.search.conftest import Run
from tests.dse.search.synthetic import make_study


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("known_cost", KnownCostSampler),
        ("tpe", optuna.samplers.TPESampler),
        ("nsga2", optuna.samplers.NSGAIISampler),
        ("nsga3", optuna.samplers.NSGAIIISampler),
        ("gp", optuna.samplers.GPSampler),
        ("qmc", optuna.samplers.QMCSampler),
        ("random", optuna.samplers.RandomSampler),
    ],
)
def test_a_name_stands_for_a_sampler(name: str, expected: type) -> None:
    assert isinstance(SAMPLERS[name](make_study(sampler=name), 0), expected)


def test_options_reach_the_sampler() -> None:
    study = make_study(sampler="nsga2", options={"population_size": 7})
    assert SAMPLERS["nsga2"](study, 0).population_size == 7  # type: ignore[attr-defined]


@pytest.mark.parametrize("options", [{"population_sise": 7}, {"population_size": 1}, {"seed": 3}])
def test_a_wrong_option_is_refused_in_one_sentence(options: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"search\.options of 'nsga2'"):
        SAMPLERS["nsga2"](make_study(sampler="nsga2", options=options), 0)


def test_ratios_that_are_found_in_training_are_refused_to_the_sampler_that_must_know_the_costs() -> None:
    study = make_study(sampler="known_cost")
    own = dataclasses.replace(study, method=Method(pruning="autoprune", options={"autoprune": {"ratios": "own"}}))
    with pytest.raises(InputError, match=r"method\.autoprune .* only lower bounds: use search\.sampler = 'tpe'"):
        SAMPLERS["known_cost"](own, 0)
    proposed = dataclasses.replace(study, method=Method(pruning="autoprune"))
    assert isinstance(SAMPLERS["known_cost"](proposed, 0), KnownCostSampler)


def test_the_gaussian_process_proposes_new_configurations(run: Run) -> None:
    assert run(make_study(trials=4, sampler="gp", options={"n_startup_trials": 2})).finished == 4


def test_nsga2_builds_generations_from_the_trials_that_it_was_told(run: Run) -> None:
    results = run(make_study(trials=9, sampler="nsga2", options={"population_size": 3}))
    generations = [e.optuna_attributes["trial"]["NSGAIISampler:generation"] for e in results.evaluations]
    assert generations[0] == 0
    assert generations[-1] >= 2
