"""The estimate: one equals many, totals equal sums, more pruning never costs more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cost_models import (
    Configuration,
    ConfigurationBatch,
    Conventions,
    InputError,
    Layer,
    LayerBudget,
    Workload,
    estimate,
    estimate_many,
    load_hardware,
)

HARDWARE = load_hardware("edge_asic_45nm")
WORKLOAD = Workload(
    "small",
    (1, 28, 28),
    (
        Layer("conv1", "conv", (16, 1, 3, 3), 784, (1, 28, 28), (16, 28, 28), neurons=12544, neuron="n1",
              static_input=True),
        Layer("norm", "norm", input_shape=(16, 28, 28), output_shape=(16, 28, 28), other_parameters=32),
        Layer("conv2", "conv", (32, 16, 3, 3), 196, (16, 14, 14), (32, 14, 14), other_parameters=32, neurons=6272,
              neuron="n2", input_density=0.2, spiking_input=True),
        Layer("fc", "linear", (10, 1568), 1, (1568,), (10,), other_parameters=10, input_density=0.1,
              spiking_input=True),
    ),
)  # fmt: skip
BITS = st.sampled_from([1.58, 1, 2, 3, 4, 6, 8, 16, 32])


@st.composite
def configurations(draw: st.DrawFn) -> Configuration:
    budgets = [
        LayerBudget(
            layer.name,
            draw(st.floats(0, 0.999)),
            draw(BITS),
            draw(BITS) if layer.neurons else None,
            draw(st.sampled_from(["weight", "weight", "channel"])),
        )
        for layer in WORKLOAD.compressible
    ]
    return Configuration(tuple(budgets), draw(st.integers(1, 8)))


@settings(max_examples=50, deadline=None)
@given(st.lists(configurations(), min_size=1, max_size=12))
def test_many_at_once_cost_the_same_bits_as_one_alone(batch: list[Configuration]) -> None:
    costs = estimate_many(WORKLOAD, ConfigurationBatch.of(WORKLOAD, batch), HARDWARE)
    for row, configuration in enumerate(batch):
        for name, value in estimate(WORKLOAD, configuration, HARDWARE).total.to_dict().items():
            assert getattr(costs, name)[row] == value


def test_a_batch_of_any_length_gives_the_same_bits() -> None:
    rng = np.random.default_rng(0)
    shape = (20_011, 3)
    batch = ConfigurationBatch(
        rng.random(shape), rng.choice([2, 4, 8, 32], shape), rng.choice([1.58, 8], shape), rng.integers(1, 9, shape[0])
    )
    whole = estimate_many(WORKLOAD, batch, HARDWARE)
    rows = slice(17_000, 17_003)
    part = estimate_many(WORKLOAD, batch[rows], HARDWARE)
    assert (whole.energy_joules[rows] == part.energy_joules).all()
    assert (whole.latency_seconds[rows] == part.latency_seconds).all()


@settings(max_examples=50, deadline=None)
@given(configurations())
def test_totals_are_the_sums_of_the_layers(configuration: Configuration) -> None:
    report = estimate(WORKLOAD, configuration, HARDWARE)
    for name, total in report.total.to_dict().items():
        if name != "memory_bytes":
            assert sum(getattr(layer, name) for layer in report.layers) == pytest.approx(total, rel=1e-12)
    parts = report.total.weight_memory_bytes + report.total.index_memory_bytes + report.total.membrane_memory_bytes
    assert report.total.memory_bytes == pytest.approx(parts, rel=1e-12)


@settings(max_examples=50, deadline=None)
@given(configurations(), st.sampled_from(["dense", "bitmap", "relative index", "csr", "csc"]), st.data())
def test_cost_never_rises_with_more_pruning_in_one_format(
    configuration: Configuration, storage_format: str, data: st.DataObject
) -> None:
    fixed = Conventions(storage_formats=(storage_format,))
    more = Configuration(
        tuple(
            LayerBudget(b.layer, data.draw(st.floats(b.pruning_ratio, 0.999)), b.weight_bits, b.membrane_bits)
            for b in configuration.budgets
        ),
        configuration.time_steps,
    )
    less = Configuration(
        tuple(LayerBudget(b.layer, b.pruning_ratio, b.weight_bits, b.membrane_bits) for b in configuration.budgets),
        configuration.time_steps,
    )
    before = estimate(WORKLOAD, less, HARDWARE, conventions=fixed).total
    after = estimate(WORKLOAD, more, HARDWARE, conventions=fixed).total
    slack = 1 + 1e-12
    assert after.memory_bytes <= before.memory_bytes * slack
    assert after.energy_joules <= before.energy_joules * slack
    assert after.latency_seconds <= before.latency_seconds * slack
    assert after.synops <= before.synops * slack


@settings(max_examples=50, deadline=None)
@given(configurations())
def test_the_chosen_format_is_never_larger_than_dense(configuration: Configuration) -> None:
    chosen = estimate(WORKLOAD, configuration, HARDWARE)
    dense = estimate(WORKLOAD, configuration, HARDWARE, conventions=Conventions(storage_formats=("dense",)))
    assert chosen.total.memory_bytes <= dense.total.memory_bytes


def test_the_dense_float_network_takes_four_bytes_a_parameter_and_a_neuron() -> None:
    total = estimate(WORKLOAD, Configuration.uniform(WORKLOAD), HARDWARE).total
    assert total.weight_memory_bytes == 4 * sum(layer.parameters for layer in WORKLOAD.layers)
    assert total.membrane_memory_bytes == 4 * (12544 + 6272)


def test_a_static_layer_is_computed_once_and_membranes_do_not_grow_with_time() -> None:
    one = estimate(WORKLOAD, Configuration.uniform(WORKLOAD, time_steps=1), HARDWARE)
    four = estimate(WORKLOAD, Configuration.uniform(WORKLOAD, time_steps=4), HARDWARE)
    assert four["conv1"].macs == one["conv1"].macs
    assert four["conv2"].synops == 4 * one["conv2"].synops
    assert four.total.membrane_memory_bytes == one.total.membrane_memory_bytes


def test_the_first_layer_costs_horowitz_figures() -> None:
    """conv1: 16 x 9 x 784 = 112,896 MACs of 0.23 pJ at 8 bit (0.2 multiply + 0.03 add), the rest of it traffic."""
    eight = Configuration.uniform(WORKLOAD, weight_bits=8, membrane_bits=8)
    wide = load_hardware("edge_asic_45nm")
    arithmetic = wide.arithmetic
    assert arithmetic.multiply_joules(8, 8) + arithmetic.add_joules(8) == pytest.approx(0.23e-12)
    assert estimate(WORKLOAD, eight, HARDWARE)["conv1"].energy_joules > 112_896 * 0.23e-12


@pytest.mark.parametrize(("kibibytes", "off_chip"), [(512, 0), (12, 1), (1, 3)])
def test_the_energy_of_a_layer_is_its_formula_in_figures_of_sata_sim(kibibytes: int, off_chip: int) -> None:
    """pJ by hand, 16 bits everywhere, 3 steps: 0.2779, 1.95 and 55.58 for 16 bits of scratchpad, SRAM and DRAM.

    The layer's 9 KiB of weights stay on the chip, come once for the input, or once a step.
    """
    layer = Layer("conv", "conv", (32, 16, 3, 3), 196, (16, 14, 14), (32, 14, 14), neurons=6272, neuron="n",
                  input_density=0.25, spiking_input=True)  # fmt: skip
    membranes = 6272 * 2  # bytes, so that 12 KiB hold the layer's weights but not the network
    spikes, updates, weights = 903_168 * 3 / 4, 6272 * 3, 4608 * 16
    by_hand = (
        spikes * (0.0389 + 0.000794)
        + updates * (0.00967 + 0.00309 + 2 * 0.00172 + 3 * 0.0301 + 0.00605)
        + spikes * (16 + 2 * 16) * 0.2779 / 16
        + (16 * 196 * 3 + updates + 2 * 16 * updates + 3 * weights + off_chip * weights) * 1.95 / 16
        + off_chip * weights * 55.58 / 16
    )
    hardware = load_hardware("sata")
    hardware = replace(hardware, sram=replace(hardware.sram, capacity_bytes=kibibytes * 1024.0))
    workload = Workload("one layer", (16, 14, 14), (layer,))
    configuration = Configuration((LayerBudget("conv", 0, 16, 16),), 3)
    plain = Conventions(weight_table="none")
    total = estimate(workload, configuration, hardware, conventions=plain).total
    assert total.memory_bytes == weights / 8 + membranes
    assert total.energy_joules == pytest.approx(by_hand * 1e-12, rel=1e-9)


def test_a_batch_for_another_network_is_refused() -> None:
    batch = ConfigurationBatch(np.zeros((1, 2)), np.full((1, 2), 8), np.full((1, 2), 8), np.ones(1))
    with pytest.raises(InputError, match=r"2 layers.*has 3"):
        estimate_many(WORKLOAD, batch, HARDWARE)
