from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cost_models import Configuration, InputError, Layer, LayerBudget, Workload
from studies import Choices, DesignSpace, LayerChoices
from tests import strategies

WORKLOAD = Workload(
    "net",
    (1, 8, 8),
    (
        Layer("conv1", "conv", (4, 1, 3, 3), positions=64, neurons=256),
        Layer("norm", "norm"),
        Layer("fc", "linear", (10, 256)),
    ),
)


@given(strategies.design_spaces, strategies.layer_names)
def test_a_layer_has_its_own_choices_or_the_general_ones(space: DesignSpace, name: str) -> None:
    own = space.layers.get(name, LayerChoices())
    for parameter, choices in space.for_layer(name).items():
        assert choices in (getattr(own, parameter), getattr(space, parameter))


@given(st.lists(strategies.bits, min_size=1))
def test_choices_are_sorted_and_without_duplicates(values: list[float]) -> None:
    assert Choices(tuple(values)).values == tuple(sorted(set(values)))


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 7))
def test_a_whole_range_is_pythons_own(low: int, length: int, step: int) -> None:
    values = Choices.from_range(low, low + length, step).values
    assert values == tuple(range(low, low + length + 1, step))
    assert all(isinstance(value, int) for value in values)


def test_a_range_stops_below_an_end_that_it_does_not_meet() -> None:
    assert Choices.from_range(0.0, 0.95, 0.3).values == (0.0, 0.3, 0.6, 0.9)


@given(strategies.design_spaces, st.data())
def test_a_space_contains_what_is_drawn_from_it(space: DesignSpace, data: st.DataObject) -> None:
    def one(choices: Choices) -> float:
        return data.draw(st.sampled_from(choices.values))

    chosen = {
        layer.name: {key: one(own) for key, own in space.for_layer(layer.name).items()}
        for layer in WORKLOAD.compressible
    }
    budgets = tuple(LayerBudget(name, **values) for name, values in chosen.items())
    assert space.contains(Configuration(budgets, int(one(space.time_steps))))


def test_a_space_does_not_contain_other_values() -> None:
    space = DesignSpace(weight_bits=Choices((2, 4)))
    assert not space.contains(Configuration((LayerBudget("fc", weight_bits=3),), 4))
    assert not space.contains(Configuration((LayerBudget("fc", weight_bits=2),), 5))
    assert not space.contains(Configuration((LayerBudget("fc", 0.5, weight_bits=2),), 4))
    assert not space.contains(Configuration((LayerBudget("fc", weight_bits=2, membrane_bits=8),), 4))


def test_a_misspelt_layer_is_named_with_the_nearest_one() -> None:
    space = DesignSpace(layers={"conv2": LayerChoices(weight_bits=Choices((8,)))})
    with pytest.raises(
        InputError, match=r"space\.layer: unknown layer 'conv2'; did you mean 'conv1'\? known: conv1, fc"
    ):
        space.check_against(WORKLOAD)


def test_a_layer_without_weights_cannot_have_choices() -> None:
    with pytest.raises(InputError, match="unknown layer 'norm'"):
        DesignSpace(layers={"norm": LayerChoices()}).check_against(WORKLOAD)


def test_membrane_bits_need_a_neuron() -> None:
    space = DesignSpace(layers={"fc": LayerChoices(membrane_bits=Choices((8,)))})
    with pytest.raises(InputError, match=r"space\.layer\.fc\.membrane_bits: no spiking neuron follows"):
        space.check_against(WORKLOAD)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Choices(()), "at least one value"),
        (lambda: Choices((True,)), "a choice is True"),
        (lambda: Choices(("4", 8)), "a choice is '4'"),  # type: ignore[arg-type]
        (lambda: Choices((float("nan"),)), "a choice is nan"),
        (lambda: DesignSpace(pruning_ratio=Choices((1.0,))), r"space\.pruning_ratio is 1\.0"),
        (lambda: DesignSpace(time_steps=Choices((0,))), r"space\.time_steps is 0"),
        (lambda: LayerChoices(weight_bits=Choices((40,))), "weight_bits is 40"),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_python_too(make: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        make()  # type: ignore[operator]
