"""Hardware-aware ratios: as many weights as asked for, fewer operations, no layer left below its break-even."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cost_models import (
    Configuration,
    ConfigurationBatch,
    Layer,
    LayerBudget,
    Workload,
    estimate,
    load_hardware,
    spend_where_it_pays,
)
from cost_models.break_even import losing

HARDWARE = load_hardware("admm_nn_40nm")
LENET = Workload(
    "LeNet-5",
    (1, 28, 28),
    (
        Layer("conv1", "conv", (20, 1, 5, 5), 576),
        Layer("conv2", "conv", (50, 20, 5, 5), 64),
        Layer("fc1", "linear", (500, 800)),
        Layer("fc2", "linear", (10, 500)),
    ),
)


def asked(*ratios: float) -> Configuration:
    layers = LENET.compressible
    return Configuration(tuple(LayerBudget(layer.name, r, 8) for layer, r in zip(layers, ratios, strict=True)))


def kept(configuration: Configuration) -> dict[str, int]:
    return {b.layer: round((1 - b.pruning_ratio) * LENET[b.layer].weights) for b in configuration.budgets}


def macs(configuration: Configuration) -> float:
    return estimate(LENET, configuration, HARDWARE).total.macs


def losers(configuration: Configuration) -> list[bool]:
    return list(losing(LENET, ConfigurationBatch.of(LENET, [configuration]), HARDWARE)[0])


def test_where_every_layer_pays_the_same_number_of_weights_costs_fewer_operations() -> None:
    before = asked(0.8, 0.9, 0.95, 0.9)
    after = spend_where_it_pays(LENET, before, HARDWARE)
    assert sum(kept(after).values()) == pytest.approx(sum(kept(before).values()), abs=4)
    assert macs(after) < 0.85 * macs(before)
    assert kept(after)["conv2"] < kept(before)["conv2"]
    assert kept(after)["fc1"] > kept(before)["fc1"]


def test_a_layer_below_its_break_even_is_restored_to_dense_and_the_others_pay_for_it() -> None:
    before = asked(0.2, 0.9, 0.95, 0.9)
    after = spend_where_it_pays(LENET, before, HARDWARE)
    assert losers(before)[0]
    assert after["conv1"].pruning_ratio == 0.0
    assert sum(kept(after).values()) == pytest.approx(sum(kept(before).values()), abs=4)


def test_what_the_others_cannot_pay_is_kept_in_addition() -> None:
    before = asked(0.99, 0.99, 0.4, 0.99)  # fc1 must become dense: 160,000 weights more than are asked for
    after = spend_where_it_pays(LENET, before, HARDWARE)
    assert after["fc1"].pruning_ratio == 0.0
    others = [name for name in kept(before) if name != "fc1"]
    paid = sum(kept(after)[name] for name in others) / sum(kept(before)[name] for name in others)
    assert paid == pytest.approx(0.25, abs=0.03)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(0.0, 0.99), min_size=4, max_size=4))
def test_no_layer_is_left_below_its_break_even(ratios: list[float]) -> None:
    before = asked(*ratios)
    after = spend_where_it_pays(LENET, before, HARDWARE)
    assert not any(losers(after))
    for budget in before.budgets:
        assert replace(after[budget.layer], pruning_ratio=budget.pruning_ratio) == budget
        if budget.pruning_ratio == 0.0:
            assert after[budget.layer].pruning_ratio == 0.0
