"""The band 'pruned, yet slower or larger than dense' in a search: allowed, restored to dense, or left out."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from cost_models import Configuration, ConfigurationBatch, InputError, estimate_many, load_hardware, losing_layers
from dse.documents import trial_document
from dse.search.limits import CostGate
from dse.search.prepare import prepare
from dse.search.suggest import SearchSpace
from studies import Choices, DesignSpace, Evaluation, State, Study, study_from_dict
from studies.design_space import Identity
from tests.dse.search.conftest import Run
from tests.dse.search.synthetic import SPACE, WORKLOAD, make_study, trace_study

NAME = "admm_nn_40nm"  # pays from a pruning ratio of 55.7 % on
HARDWARE = load_hardware(NAME)
BAND = 0.3


def study(choice: str, **search: object) -> Study:
    return replace(make_study(trials=8, **search), hardware=NAME, below_break_even=choice)


def trained(evaluations: tuple[Evaluation, ...]) -> list[Configuration]:
    return [one.asked for one in evaluations if one.state is State.COMPLETE]


def losers(configurations: list[Configuration]) -> set[str]:
    return {name for one in configurations for name in losing_layers(WORKLOAD, one, HARDWARE)}


def test_by_default_the_band_is_trained(run: Run) -> None:
    assert losers(trained(run(study("allow")).evaluations))


@pytest.mark.parametrize("sampler", ["known_cost", "random", "tpe"])
def test_restored_layers_are_trained_dense_and_the_trial_says_which(run: Run, sampler: str) -> None:
    results = run(study("restore", sampler=sampler))
    assert len(trained(results.evaluations)) == 8
    assert not losers(trained(results.evaluations))
    told = 0
    for one in results.evaluations:
        proposed = {layer.name: one.choices[f"{layer.name}/pruning_ratio"] for layer in WORKLOAD.compressible}
        band = [name for name, ratio in proposed.items() if ratio == pytest.approx(BAND)]
        assert trial_document(results.study, one)["restored_to_dense"] == band
        expected = {name: 0.0 if name in band else ratio for name, ratio in proposed.items()}
        assert {budget.layer: budget.pruning_ratio for budget in one.asked.budgets} == pytest.approx(expected)
        told += len(band)
    assert told


def test_skipped_proposals_tell_the_layer_and_cost_no_training(run: Run) -> None:
    results = run(study("skip"))
    assert len(trained(results.evaluations)) == 8
    assert not losers(trained(results.evaluations))
    skipped = [one for one in results.evaluations if one.state is State.SKIPPED]
    assert skipped
    for one in skipped:
        layer = one.reason.partition(" ")[0]
        assert one.reason == f"{layer} is pruned, yet slower or larger than dense on {NAME}"
        assert layer in losing_layers(WORKLOAD, one.asked, HARDWARE)


def test_a_batch_of_restored_proposals_is_that_of_their_configurations() -> None:
    space = SearchSpace.of(SPACE, WORKLOAD, restores_on=HARDWARE)
    rows = space.random_rows(200, np.random.default_rng(0))
    one_by_one = ConfigurationBatch.of(WORKLOAD, [space.configuration_at(row) for row in rows])
    np.testing.assert_array_equal(space.batch(rows).pruning_ratio, one_by_one.pruning_ratio)
    costs = [estimate_many(WORKLOAD, batch, HARDWARE).energy_joules for batch in (space.batch(rows), one_by_one)]
    np.testing.assert_array_equal(*costs)


@pytest.mark.parametrize("limits", [{}, {"memory_bytes": 3000.0}])
def test_nothing_in_the_band_is_ever_drawn(limits: dict[str, float]) -> None:
    small = DesignSpace(Choices((BAND, 0.6)), Choices((8,)), Choices((4,)), Choices((1, 2)))
    space = SearchSpace.of(small, WORKLOAD)
    gate = CostGate(space, WORKLOAD, HARDWARE, limits, skips_losing=True)
    every = np.array(list(itertools.product(*(range(len(p.values)) for p in space.free))), dtype=np.intp)
    fitting = every[gate.fits(every)]
    assert not losers([space.configuration_at(row) for row in fitting])
    assert len(fitting) == 2
    taken: set[Identity] = set()
    for _ in range(len(fitting)):
        row = gate.draw(taken, np.random.default_rng(len(taken)))
        assert row is not None
        taken.add(space.identity_at(row))
    assert taken == {space.identity_at(row) for row in fitting}
    assert gate.draw(taken, np.random.default_rng(9)) is None


def test_a_space_in_which_nothing_pays_is_refused_before_anything_runs() -> None:
    hopeless = replace(study("skip"), space=DesignSpace(Choices((0.1, BAND)), Choices((8,))))
    with pytest.raises(InputError, match=r"every choice for layer 'conv1' is pruned.*a pruning ratio of 0"):
        prepare(hopeless, trace_study)
    prepare(replace(hopeless, below_break_even="restore"), trace_study)


def test_the_study_file_names_what_becomes_of_the_band() -> None:
    table = {"name": "mine", "hardware": {"profile": NAME, "below_break_even": "restore"}}
    assert study_from_dict(table).below_break_even == "restore"
    with pytest.raises(InputError, match=r"hardware.below_break_even: .*did you mean 'restore'"):
        study_from_dict({"name": "mine", "hardware": {"below_break_even": "restored"}})


@pytest.mark.parametrize("limits", [{}, {"energy_joules": 1e-2}])
def test_known_costs_propose_nothing_that_is_to_be_skipped(run: Run, limits: dict[str, float]) -> None:
    space = DesignSpace(Choices((0.0, BAND)), Choices((2, 4, 8)), Choices((2, 4, 8)), Choices((1, 2, 4)))
    result = run(replace(study("skip", sampler="known_cost", constraints=limits), space=space))
    assert result.counts["complete"] == 8
    assert result.counts["skipped"] == 0
    assert not losers(trained(result.evaluations))
