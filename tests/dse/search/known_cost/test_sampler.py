from __future__ import annotations

from typing import Any

import moocore
import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

import dse
from dse.search.known_cost import KnownCostSampler
from tests.dse.search.known_cost import toy


def proposals(study: optuna.Study) -> list[dict[str, Any]]:
    return [trial.params for trial in study.trials]


def test_it_is_public_under_its_name() -> None:
    assert dse.samplers.KnownCostSampler is KnownCostSampler


def test_no_proposal_breaks_the_limit_or_repeats_another() -> None:
    params = proposals(toy.searched(toy.sampler(), 30))
    assert len({tuple(one.values()) for one in params}) == 30
    columns = {name: np.array([one[name] for one in params]) for name in toy.space()}
    assert (toy.limits(columns) <= 0).all()


def test_the_same_seed_gives_the_same_proposals_and_another_seed_others() -> None:
    first = proposals(toy.searched(toy.sampler(seed=1), 10))
    assert first == proposals(toy.searched(toy.sampler(seed=1), 10))
    assert first != proposals(toy.searched(toy.sampler(seed=2), 10))


def test_a_sampler_that_is_made_anew_goes_on_as_the_old_one_would() -> None:
    whole = toy.searched(toy.sampler(), 14)
    part = toy.searched(toy.sampler(), 9)
    part.sampler = toy.sampler()
    for _ in range(5):
        trial = part.ask(toy.space())
        part.tell(trial, toy.objectives(trial.params, trial.number))
    assert proposals(part) == proposals(whole)


def test_running_trials_are_not_proposed_again() -> None:
    study = toy.searched(toy.sampler(), 8)
    running = [study.ask(toy.space()).params for _ in range(6)]
    assert len({tuple(one.values()) for one in [*running, *proposals(study)[:8]]}) == 14


def test_twenty_trainings_dominate_more_than_two_hundred_random_ones() -> None:
    def volume(study: optuna.Study) -> float:
        kept = [t.values for t in study.trials if t.values[1] <= toy.LIMIT]
        table = np.array([[-a, m / toy.LIMIT, o / 2800.0] for a, m, o in kept])
        return float(moocore.hypervolume(table, ref=[-0.1, 1.0, 1.0]))

    ours = [volume(toy.searched(toy.sampler(seed=seed), 20)) for seed in range(2)]
    random = [volume(toy.searched(optuna.samplers.RandomSampler(seed=seed), 200)) for seed in range(2)]
    assert min(ours) > max(random)


def test_a_small_space_is_used_up_without_a_repeat_and_then_drawn_from() -> None:
    space: dict[str, BaseDistribution] = {"a/bits": IntDistribution(1, 3), "b/bits": IntDistribution(1, 3)}
    sampler = KnownCostSampler(space, {1: lambda columns: columns["a/bits"] + columns["b/bits"]}, seed=0)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    for _ in range(11):
        trial = study.ask(space)
        total = trial.params["a/bits"] + trial.params["b/bits"]
        study.tell(trial, [0.1 * total, total])
    assert len({tuple(one.values()) for one in proposals(study)[:9]}) == 9


def test_a_stopped_training_teaches_and_a_failed_one_is_not_repeated() -> None:
    study = toy.searched(toy.sampler(), 8)
    stopped = study.ask(toy.space())
    study._storage.set_trial_intermediate_value(stopped._trial_id, 3, 0.2)
    study.tell(stopped, state=optuna.trial.TrialState.PRUNED)
    failed = study.ask(toy.space())
    study.tell(failed, state=optuna.trial.TrialState.FAIL)
    following = study.ask(toy.space()).params
    assert following not in (stopped.params, failed.params)


SPACE: dict[str, BaseDistribution] = {
    "bits_1": IntDistribution(1, 8),
    "bits_2": IntDistribution(1, 8),
    "rate": FloatDistribution(1e-4, 1e-1, log=True),
    "method": CategoricalDistribution(("slr", "admm", "magnitude")),
}


def _bits(columns: dict[str, Any]) -> Any:
    return columns["bits_1"] + columns["bits_2"]


def _error(params: dict[str, Any]) -> float:
    off = 0.05 * np.log10(params["rate"] / 1e-2) ** 2 + {"slr": 0.0, "admm": 0.1, "magnitude": 0.2}[params["method"]]
    return float(min(0.9, 0.02 + off + 0.4 / params["bits_1"] + 0.1 / params["bits_2"]))


@pytest.mark.parametrize(
    ("directions", "known", "values"),
    [
        (["minimize", "minimize"], {1: _bits}, lambda p: [_error(p), _bits(p)]),
        (["minimize", "maximize"], {0: _bits}, lambda p: [_bits(p), 100.0 - 300.0 * _error(p)]),
        (["maximize"], {}, lambda p: [1.0 - _error(p)]),
        (["minimize"], {0: _bits}, lambda p: [_bits(p)]),
        (["maximize", "maximize", "minimize"], {2: _bits}, lambda p: [1 - _error(p), p["bits_2"] / 8, _bits(p)]),
        (["maximize", "maximize"], {1: lambda c: -_bits(c)}, lambda p: [1 - _error(p), -_bits(p)]),
    ],
    ids=["error", "a score and its cost first", "one objective", "nothing to learn", "two learned", "maximised cost"],
)
def test_any_study_with_known_objectives_can_use_it(directions: list[str], known: Any, values: Any) -> None:
    study = optuna.create_study(directions=directions, sampler=KnownCostSampler(SPACE, known, seed=0))
    for _ in range(12):
        trial = study.ask(SPACE)
        study.tell(trial, [float(value) for value in values(trial.params)])
    assert len({tuple(one.values()) for one in proposals(study)}) == 12


def test_the_best_of_unordered_choices_and_the_middle_of_a_free_range_are_found() -> None:
    sampler = KnownCostSampler(SPACE, {1: _bits}, seed=0)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    for _ in range(40):
        trial = study.ask(SPACE)
        study.tell(trial, [_error(trial.params), float(_bits(trial.params))])
    late = proposals(study)[25:]
    assert np.mean([one["method"] == "slr" for one in late]) > 0.7
    assert 2e-3 < np.exp(np.median(np.log([one["rate"] for one in late]))) < 5e-2


def test_a_parameter_outside_the_search_space_is_drawn() -> None:
    sampler = KnownCostSampler(SPACE, {1: _bits}, seed=0)
    trial = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler).ask(SPACE)
    assert 0 <= trial.suggest_int("layers", 0, 5) <= 5


def test_a_known_objective_that_the_study_does_not_have_is_refused() -> None:
    study = optuna.create_study(directions=["maximize"], sampler=KnownCostSampler(SPACE, {1: _bits}, seed=0))
    with pytest.raises(ValueError, match="known names objective 1"):
        study.ask(SPACE)
