from __future__ import annotations

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cost_models import Configuration, ConfigurationBatch
from dse.search.suggest import Parameter, SearchSpace
from studies import Choices, DesignSpace, LayerChoices
from tests.dse.search.synthetic import SPACE, WORKLOAD

SEARCH_SPACE = SearchSpace.of(SPACE, WORKLOAD)
rows = st.integers(0, 2**32 - 1).map(lambda seed: SEARCH_SPACE.random_rows(1, np.random.default_rng(seed))[0])


def test_parameters_are_named_after_layer_and_field() -> None:
    names = [parameter.name for parameter in SEARCH_SPACE.parameters]
    assert names[:3] == ["conv1/pruning_ratio", "conv1/weight_bits", "conv1/membrane_bits"]
    assert names[-1] == "time_steps"


def test_a_layer_without_spiking_neurons_has_no_membrane_bits() -> None:
    assert "fc/membrane_bits" not in SEARCH_SPACE.distributions()


def test_a_single_value_is_fixed_and_not_searched() -> None:
    space = SearchSpace.of(DesignSpace(weight_bits=Choices((2, 4)), time_steps=Choices((3,))), WORKLOAD)
    assert set(space.distributions()) == {"conv1/weight_bits", "conv2/weight_bits", "fc/weight_bits"}
    assert space.configuration(dict.fromkeys(space.distributions(), 2)).time_steps == 3


def test_a_layers_own_choices_replace_the_general_ones() -> None:
    own = DesignSpace(weight_bits=Choices((2, 4)), layers={"fc": LayerChoices(weight_bits=Choices((8,)))})
    assert "fc/weight_bits" not in SearchSpace.of(own, WORKLOAD).distributions()


def test_the_size_of_the_space_is_the_product_of_its_choices() -> None:
    assert SEARCH_SPACE.size == (4 * 3 * 3) * (4 * 3 * 3) * (4 * 3) * 3


def test_evenly_spaced_numbers_keep_their_order_in_optuna() -> None:
    ratio = Parameter("a", "l", "pruning_ratio", (0.0, 0.05, 0.1, 0.15)).distribution()
    assert ratio == optuna.distributions.FloatDistribution(0.0, 0.15, step=0.05)
    steps = Parameter("t", None, "time_steps", (1, 2, 3)).distribution()
    assert steps == optuna.distributions.IntDistribution(1, 3)


def test_other_lists_of_numbers_are_categories_in_optuna() -> None:
    bits = Parameter("b", "l", "weight_bits", (1.58, 2, 4, 8)).distribution()
    assert bits == optuna.distributions.CategoricalDistribution((1.58, 2, 4, 8))


@pytest.mark.parametrize(
    "values", [(0.0, 0.95), (2, 3, 4, 6, 8), (1, 2), tuple(round(0.05 * i, 10) for i in range(20))]
)
def test_what_optuna_suggests_is_one_of_the_choices(values: tuple[float, ...]) -> None:
    parameter = Parameter("p", "l", "pruning_ratio", values)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(60):
        suggested = study.ask({"p": parameter.distribution()}).params["p"]
        assert parameter.values[parameter.nearest(suggested)] == pytest.approx(suggested, abs=1e-9)


@given(rows)
def test_a_row_survives_the_way_through_optunas_values(row: np.ndarray) -> None:
    assert SEARCH_SPACE.indices(SEARCH_SPACE.choices(row)).tolist() == row.tolist()


@given(rows)
def test_every_configuration_lies_in_the_design_space(row: np.ndarray) -> None:
    assert SPACE.contains(SEARCH_SPACE.configuration_at(row))


@given(st.lists(rows, min_size=1, max_size=5))
def test_a_batch_holds_the_same_configurations_as_they_are_one_by_one(many: list[np.ndarray]) -> None:
    batch = SEARCH_SPACE.batch(np.array(many))
    expected = ConfigurationBatch.of(WORKLOAD, [SEARCH_SPACE.configuration_at(row) for row in many])
    for field in ("pruning_ratio", "weight_bits", "membrane_bits", "time_steps"):
        np.testing.assert_array_equal(getattr(batch, field), getattr(expected, field))


def test_a_network_that_does_not_spike_has_one_time_step() -> None:
    from dataclasses import replace

    silent = replace(WORKLOAD, layers=tuple(replace(layer, neurons=0) for layer in WORKLOAD.layers))
    space = SearchSpace.of(SPACE, silent)
    row = np.zeros(len(space.free), dtype=np.intp)
    assert space.configuration_at(row) == Configuration.uniform(silent, weight_bits=2)
