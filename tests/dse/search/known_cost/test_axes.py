from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from dse.search.known_cost.axes import MOST_LEVELS, axes_of, levels_of, split_name
from tests.dse.search.known_cost import toy


@pytest.mark.parametrize(
    ("name", "layer", "role"),
    [
        ("conv1/weight_bits", "conv1", "weight_bits"),
        ("features.3/pruning_ratio", "features.3", "pruning_ratio"),
        ("block.1.bits", "block.1", "bits"),
        ("bits_12", "12", "bits"),
        ("bits3", "3", "bits"),
        ("fc1_bits", "fc1", "bits"),
        ("steps", None, "steps"),
    ],
)
def test_a_name_tells_layer_and_role(name: str, layer: str | None, role: str) -> None:
    assert split_name(name) == (layer, role)


def test_a_parameter_without_siblings_is_about_the_whole_network() -> None:
    axes = {axis.name: axis for axis in toy.problem().axes.axes}
    assert axes["steps"].layer is None
    assert axes["b/bits"].layer == "b"
    assert axes["b/bits"].role == axes["a/bits"].role == "bits"


def test_the_cheapest_level_comes_first_whatever_way_the_numbers_run() -> None:
    axes = {axis.name: axis for axis in toy.problem().axes.axes}
    assert axes["a/ratio"].levels[0] == pytest.approx(0.9)
    assert axes["a/bits"].levels == (2, 3, 4, 8)
    assert axes["a/bits"].generosity == pytest.approx((0.0, 1 / 6, 2 / 6, 1.0))


def test_what_does_not_change_the_price_is_free_and_names_have_no_order() -> None:
    space: dict[str, BaseDistribution] = {
        "bits": IntDistribution(2, 8),
        "rate": FloatDistribution(1e-4, 1e-1, log=True),
        "method": CategoricalDistribution(("slr", "admm")),
    }
    kinds = {axis.name: axis.kind for axis in axes_of(space, lambda columns: columns["bits"].astype(float)).axes}
    assert kinds == {"bits": "monotone", "rate": "free", "method": "unordered"}


@pytest.mark.parametrize(
    "distribution",
    [
        FloatDistribution(0.0, 0.95, step=0.05),
        FloatDistribution(-1.0, 1.0),
        FloatDistribution(1e-5, 1.0, log=True),
        IntDistribution(1, 8),
        IntDistribution(0, 9_999, step=3),
        IntDistribution(1, 4096, log=True),
        CategoricalDistribution((2, 3, 4, 6, 8)),
        CategoricalDistribution(("lif", None)),
    ],
)
def test_every_level_belongs_to_the_distribution(distribution: BaseDistribution) -> None:
    levels = levels_of(distribution)
    assert 2 <= len(levels) <= MOST_LEVELS
    assert len(set(levels)) == len(levels)
    assert all(distribution._contains(distribution.to_internal_repr(level)) for level in levels)


@given(st.data())
def test_rows_and_choices_say_the_same(data: st.DataObject) -> None:
    axes = toy.problem().axes
    row = np.array([data.draw(st.integers(0, size - 1)) for size in axes.sizes.tolist()], dtype=np.intp)
    assert np.array_equal(axes.row(axes.choices(row)), row)
    assert np.array_equal(axes.nearest(axes.generosity(row[None, :])), row[None, :])


def test_no_two_rows_share_a_key() -> None:
    rows = toy.problem().axes.random(20_000, np.random.default_rng(0))
    assert len(np.unique(toy.problem().axes.keys(rows))) == len(np.unique(rows, axis=0))
