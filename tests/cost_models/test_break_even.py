"""Break-even points are where the two curves cross; closed forms against the exact counts and the full estimate."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cost_models import (
    Configuration,
    ConfigurationBatch,
    Conventions,
    Layer,
    LayerBudget,
    Workload,
    break_even,
    estimate,
    hardware_names,
    load_hardware,
    losing,
    restore_to_dense,
    speed_break_even,
    spiking_against_dense,
    storage_break_even,
)
from cost_models.memory import STORAGE_FORMATS
from cost_models.sparse_execution import AreaModel, SparseSupport, sparse_time_factor

LAYER = Layer(
    "conv", "conv", (32, 16, 3, 3), 196, (16, 14, 14), (32, 14, 14), neurons=6272, neuron="n", input_density=0.1,
    spiking_input=True,
)  # fmt: skip
ALONE = Workload("one layer", (16, 14, 14), (LAYER,))


@pytest.mark.parametrize("name", [name for name in hardware_names() if load_hardware(name).sparse.zero_weights])
def test_at_the_speed_break_even_sparse_and_dense_take_the_same_time(name: str) -> None:
    sparse = load_hardware(name).sparse
    ratio = speed_break_even(sparse)
    assert sparse_time_factor(sparse, np.array([ratio]))[0] == pytest.approx(1.0, abs=1e-9)


@given(st.floats(0.2, 0.8), st.floats(0, 0.15), st.integers(2, 16), st.integers(2, 8), st.floats(1, 4))
def test_the_area_model_crosses_once(weights: float, features: float, bits: int, index: int, element: float) -> None:
    sparse = SparseSupport(zero_weights=True, area=AreaModel(weights, features, bits, index, element, 0.9))
    ratio = speed_break_even(sparse)
    assert ratio is not None
    assert (sparse_time_factor(sparse, np.linspace(ratio + 1e-6, 0.9999, 50)) <= 1.0).all()
    if ratio > 0:
        assert (sparse_time_factor(sparse, np.linspace(0.0, ratio - 1e-6, 50)) > 1.0).all()


@given(
    st.lists(st.integers(0, 49), min_size=2, max_size=6, unique=True).map(sorted),
    st.lists(st.integers(1, 40), min_size=6, max_size=6),
)
def test_from_the_break_even_of_a_curve_on_no_ratio_is_slower_and_just_below_it_one_is(
    fiftieths: list[int], tenths: list[int]
) -> None:
    """Any curve, falling pieces too, by brute force over a grid of ratios on which its points lie."""
    points = tuple((x / 50, y / 10) for x, y in zip(fiftieths, tenths, strict=False))
    sparse = SparseSupport(zero_weights=True, measured_speedup=points)
    ratio = speed_break_even(sparse)
    grid = np.arange(1000) / 1000
    slower = grid[sparse_time_factor(sparse, grid) > 1.0 + 1e-9]
    assert ratio is not None
    assert ratio == 0.0 or ratio < 1.0
    last = slower.max() if len(slower) else -1e-3
    assert last < ratio + 1e-9
    assert ratio <= last + 1e-3 + 1e-9


def test_a_curve_that_starts_above_one_pays_from_the_first_weight_on() -> None:
    sparse = SparseSupport(zero_weights=True, measured_speedup=((0.1, 1.2), (0.5, 2.0)))
    assert sparse_time_factor(sparse, np.array([0.05]))[0] < 1.0
    assert speed_break_even(sparse) == 0.0


@settings(max_examples=60)
@given(
    st.sampled_from([(32, 16, 3, 3), (10, 128), (128, 1152), (500, 800)]),
    st.sampled_from([1, 2, 4, 8, 16, 32]),
    st.sampled_from(["bitmap", "relative index", "csr", "csc", "n:8", "n:16"]),
)
def test_a_format_pays_from_its_break_even_on_and_not_one_weight_earlier(
    shape: tuple[int, ...], bits: int, storage_format: str
) -> None:
    layer = Layer("layer", "linear", shape)
    ratio = storage_break_even(layer, bits, storage_format)
    weights, rows = layer.weights, shape[0]

    def size(kept: float) -> float:
        values = (float(weights), kept, float(bits), float(rows), weights / rows)
        return float(sum(STORAGE_FORMATS[storage_format](*(np.array([value]) for value in values)))[0])

    if ratio is None:
        assert size(0) > weights * bits
        return
    kept = round((1 - ratio) * weights)
    assert size(kept) <= weights * bits
    assert kept == weights or size(kept + 1) > weights * bits


@pytest.mark.parametrize("bits", [2, 4, 8, 16, 32])
def test_the_bitmap_pays_from_one_over_the_bits_on(bits: int) -> None:
    layer = Layer("layer", "linear", (100, 3200))
    assert storage_break_even(layer, bits, "bitmap") == pytest.approx(1 / bits, abs=1e-5)


def test_csr_pays_where_its_closed_form_says() -> None:
    """d = (b - (rows + 1) p / n) / (b + c) with column indices of c and pointers of p bits."""
    layer = Layer("layer", "linear", (300, 784))
    n, b, c = 300 * 784, 8, 10
    ratio = storage_break_even(layer, b, "csr")
    assert ratio is not None
    p = math.ceil(math.log2((1 - ratio) * n + 1))
    assert 1 - ratio == pytest.approx((b - 301 * p / n) / (b + c), abs=2 / n)


@pytest.mark.parametrize(
    ("name", "time_steps"),
    [("edge_asic_45nm", 3), ("edge_asic_45nm", 4), ("sata", 4), ("sata", 8), ("cortex_m7", 4), ("cortex_m7", 8)],
)
def test_at_the_spiking_break_even_both_networks_take_the_same_energy(name: str, time_steps: int) -> None:
    """Against the ordinary estimate of the two networks, the counterpart with ceil(log2(T + 1))-bit activations."""
    hardware = load_hardware(name)
    point = break_even(ALONE, hardware, weight_bits=8, membrane_bits=8, time_steps=time_steps)[0].spiking
    assert point is not None
    assert point.spike_rate is not None
    assert 0 < point.spike_rate < 1
    spiking = replace(ALONE, layers=(replace(LAYER, input_density=point.spike_rate),))
    plain = replace(ALONE, layers=(replace(LAYER, spiking_input=False, neurons=0, neuron=None),))
    activation = math.ceil(math.log2(time_steps + 1))
    own = estimate(spiking, Configuration((LayerBudget("conv", 0, 8, 8),), time_steps), hardware)
    other = estimate(
        plain,
        Configuration((LayerBudget("conv", 0, 8),)),
        hardware,
        conventions=Conventions(activation_bits=activation),
    )
    assert own.total.energy_joules == pytest.approx(other.total.energy_joules, rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.floats(0, 1), st.sampled_from([2, 4, 8, 32]), st.sampled_from(hardware_names()))
def test_a_network_of_one_layer_has_the_break_even_of_the_layer(steps: int, rate: float, bits: int, name: str) -> None:
    hardware = load_hardware(name)
    workload = replace(ALONE, layers=(replace(LAYER, input_density=rate),))
    budget = LayerBudget("conv", 0, bits, 8)
    network = spiking_against_dense(workload, Configuration((budget,), steps), hardware)
    layer = break_even(workload, hardware, weight_bits=bits, membrane_bits=8, time_steps=steps)[0].spiking
    assert network is not None
    assert layer is not None
    assert network.break_even_spike_rate == layer.spike_rate
    if layer.most_time_steps >= steps:
        assert network.spiking_joules <= network.dense_joules
    elif layer.most_time_steps == steps - 1:
        assert network.spiking_joules > network.dense_joules


@pytest.mark.parametrize(("steps", "bits"), [(1, 1), (3, 2), (4, 3), (8, 4)])
def test_the_counterpart_of_a_network_keeps_the_image_at_8_bits_and_has_few_bits_between_layers(
    steps: int, bits: int
) -> None:
    """Against ordinary estimates, one for each layer alone; both networks fit on the chip."""
    hardware = load_hardware("edge_asic_45nm")
    image = Layer("image", "conv", (16, 3, 3, 3), 196, (3, 14, 14), (16, 14, 14), neurons=3136, neuron="m")
    workload = Workload("two layers", (3, 14, 14), (image, LAYER))
    configuration = Configuration((LayerBudget("image", 0.5, 4, 8), LayerBudget("conv", 0.75, 2, 8)), steps)
    found = spiking_against_dense(workload, configuration, hardware)
    expected = 0.0
    for layer, budget, width in zip((image, LAYER), configuration.budgets, (8, bits), strict=True):
        plain = replace(layer, neurons=0, neuron=None, spiking_input=False, input_density=1.0)
        alone = Workload(layer.name, layer.input_shape, (plain,))
        once = Configuration((replace(budget, membrane_bits=None),))
        conventions = Conventions(activation_bits=width)
        expected += estimate(alone, once, hardware, conventions=conventions).total.energy_joules
    assert found is not None
    assert found.activation_bits == bits
    assert found.dense_joules == pytest.approx(expected, rel=1e-12)


def test_more_time_steps_leave_less_room_for_spikes() -> None:
    hardware = load_hardware("edge_asic_45nm")
    rates = [break_even(ALONE, hardware, time_steps=steps)[0].spiking.spike_rate or 0.0 for steps in (3, 4, 5, 6)]
    assert rates[0] > 0
    assert rates == sorted(rates, reverse=True)


def test_the_largest_number_of_time_steps_is_the_last_that_pays() -> None:
    hardware = load_hardware("edge_asic_45nm")
    most = break_even(ALONE, hardware)[0].spiking.most_time_steps
    assert most > 0
    rates = [break_even(ALONE, hardware, time_steps=steps)[0].spiking.spike_rate or 0.0 for steps in (most, most + 1)]
    assert rates[0] >= LAYER.input_density > rates[1]


def test_a_layer_without_spikes_has_no_spiking_break_even() -> None:
    plain = replace(ALONE, layers=(replace(LAYER, spiking_input=False),))
    assert break_even(plain, load_hardware("sata"))[0].spiking is None


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 0.999), st.sampled_from([1, 2, 4, 8, 32]), st.sampled_from(hardware_names()))
def test_a_losing_layer_is_slower_or_larger_than_dense_and_no_other_is(ratio: float, bits: int, name: str) -> None:
    hardware = load_hardware(name)
    budget = LayerBudget("conv", ratio, bits, 8)
    lost = bool(losing(ALONE, ConfigurationBatch.of(ALONE, [Configuration((budget,), 1)]), hardware)[0, 0])
    speed = speed_break_even(hardware.sparse)
    formats = ["bitmap", "relative index", "csr", "csc", "run length"]
    ratios = [storage_break_even(LAYER, bits, storage_format) for storage_format in formats]
    kept = LAYER.weights - round(ratio * LAYER.weights)
    smaller = any(r is not None and kept <= round((1 - r) * LAYER.weights) for r in ratios)
    if speed is not None and abs(ratio - speed) < 1e-9:
        return
    assert lost == (kept < LAYER.weights and not (smaller and (speed is None or ratio >= speed)))


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 0.999), st.sampled_from([1, 2, 4, 8, 32]), st.sampled_from(hardware_names()))
def test_restoring_leaves_nothing_that_loses(ratio: float, bits: int, name: str) -> None:
    hardware = load_hardware(name)
    restored = restore_to_dense(ALONE, Configuration((LayerBudget("conv", ratio, bits, 8),), 2), hardware)
    assert not losing(ALONE, ConfigurationBatch.of(ALONE, [restored]), hardware).any()
    assert restored.budgets[0].pruning_ratio in (0.0, ratio)
