"""Removed channels: the smaller network that is left costs what a network built that small costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cost_models import (
    OPERATION_CONVENTIONS,
    Configuration,
    ConfigurationBatch,
    CostReport,
    HardwareProfile,
    LayerBudget,
    Workload,
    estimate,
    estimate_many,
    hardware_names,
    live_input_shares,
    load_hardware,
    speed_break_even,
    to_whole_channels,
)
from dse.neurons import LIF
from dse.spiking_network import SpikingNetwork
from dse.trace import trace

HARDWARE = load_hardware("edge_asic_45nm")


def spiking(first: int, second: int, hidden: int) -> Workload:
    """A small network with a norm, pools and a flattening between its layers, by its widths."""
    body = nn.Sequential(
        nn.Conv2d(1, first, 3, padding=1),
        nn.BatchNorm2d(first),
        LIF(pool=2),
        nn.Conv2d(first, second, 3, padding=1, bias=False),
        LIF(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(second * 4, hidden),
        LIF(),
        nn.Linear(hidden, 10),
    )
    return trace(SpikingNetwork(body, 4), (1, 8, 8))


def mobile(width: int) -> Workload:
    """A depthwise convolution between two others."""
    return trace(
        nn.Sequential(nn.Conv2d(3, width, 3), nn.Conv2d(width, width, 3, groups=width), nn.Conv2d(width, 8, 1)),
        (3, 9, 9),
    )


def removing(
    workload: Workload,
    ratios: dict[str, float],
    bits: float = 4,
    steps: int = 3,
    hardware: HardwareProfile = HARDWARE,
    granularity: str = "channel",
) -> CostReport:
    budgets = tuple(
        LayerBudget(layer.name, ratios.get(layer.name, 0.0), bits, bits if layer.neurons else None, granularity)
        for layer in workload.compressible
    )
    return estimate(workload, Configuration(budgets, steps), hardware)


def same(left: CostReport, small: CostReport, presence_bits: int) -> None:
    """Equal but for the dense counts, which are those of the network before, and the bits that name the channels."""
    for name in ("macs", "synops", "parameters_kept", "neurons", "weight_memory_bytes", "membrane_memory_bytes"):
        assert getattr(left.total, name) == pytest.approx(getattr(small.total, name), rel=1e-12), name
    assert 8 * left.total.index_memory_bytes == presence_bits
    for one, other in zip(left.layers, small.layers, strict=True):
        assert one.neurons == other.neurons
        assert one.energy_joules >= other.energy_joules * (1 - 1e-12)
        assert one.energy_joules == pytest.approx(other.energy_joules, rel=2e-2)
        assert one.latency_seconds == pytest.approx(other.latency_seconds, rel=2e-2)


def test_what_is_left_costs_what_a_network_of_that_size_costs() -> None:
    left = removing(spiking(16, 32, 64), {"0": 0.25, "3": 0.5, "7": 0.75})
    same(left, removing(spiking(12, 16, 16), {}), presence_bits=16 + 32 + 64)


@pytest.mark.parametrize("profile", hardware_names())
def test_a_layer_pays_from_its_first_removed_channel_on(profile: str) -> None:
    workload, hardware = spiking(16, 32, 64), load_hardware(profile)
    one_less, dense = (removing(workload, {"3": ratio}, 8, hardware=hardware) for ratio in (1 / 32, 0.0))
    assert one_less.total.energy_joules < dense.total.energy_joules
    assert one_less.total.latency_seconds <= dense.total.latency_seconds
    assert one_less["3"].break_even_pruning_ratio == 0.0
    single = removing(workload, {"3": 1 / 32}, 8, hardware=hardware, granularity="weight")
    assert single["3"].break_even_pruning_ratio == speed_break_even(hardware.sparse)


def test_a_depthwise_convolution_passes_on_what_is_left() -> None:
    left = removing(mobile(16), {"0": 0.5})
    same(left, removing(mobile(8), {}), presence_bits=16)
    assert removing(mobile(16), {"0": 0.5, "1": 0.5})["1"].parameters_kept == left["1"].parameters_kept


def test_parameters_kept_count_biases_and_norms_that_go_along() -> None:
    left = removing(spiking(16, 32, 64), {"0": 0.25})
    assert left["0"].parameters_kept == 12 * 9 + 12
    assert left["1"].parameters_kept == 2 * 12
    assert left["3"].parameters_kept == 32 * 12 * 9
    assert left.total.parameters_kept == sum(layer.parameters_kept for layer in left.layers)


class Residual(nn.Module):
    """The neuron behind the sum fires on both branches."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.first = nn.Conv2d(1, 8, 3, padding=1), LIF()
        self.branch, self.second = nn.Conv2d(8, 8, 3, padding=1), LIF()
        self.head = nn.Conv2d(8, 4, 1)

    def forward(self, x):  # type: ignore[no-untyped-def]
        x = self.first(self.stem(x))
        return self.head(self.second(self.branch(x) + x))


def test_behind_a_residual_sum_nothing_shrinks() -> None:
    workload = trace(SpikingNetwork(Residual(), 2), (1, 6, 6))
    assert [layer.reads for layer in workload.compressible] == [None, "stem", None]
    left = removing(workload, {"branch": 0.5})
    assert (left["branch"].neurons, left["branch"].parameters_kept) == (8 * 36, 4 * 8 * 9 + 4)
    assert left["head"].parameters_kept == left["head"].parameters


def test_unstructured_pruning_behind_removed_channels_keeps_its_share_of_what_is_there() -> None:
    workload = spiking(16, 32, 64)
    plain = Configuration.uniform(workload, pruning_ratio=0.5, weight_bits=4, membrane_bits=4, time_steps=2)
    first = LayerBudget("0", 0.5, 4, 4, "channel")
    mixed = replace(plain, budgets=(first, *plain.budgets[1:]))
    assert estimate(workload, mixed, HARDWARE)["3"].parameters_kept == 32 * 8 * 9 / 2


def test_inputs_of_removed_channels_are_not_among_those_that_are_there() -> None:
    workload = spiking(16, 32, 64)
    budgets = tuple(
        LayerBudget(layer.name, ratio, 8, 8 if layer.neurons else None, "channel")
        for layer, ratio in zip(workload.compressible, (0.25, 0.5, 0.0, 0.0), strict=True)
    )
    assert live_input_shares(workload, Configuration(budgets)) == {"0": 1.0, "3": 0.75, "7": 0.5, "9": 1.0}


def test_published_counts_are_those_of_the_network_that_is_left() -> None:
    names = ("kept-dense FLOPs", "effective MACs", "SynOps")
    workload, small = spiking(16, 32, 64), spiking(12, 16, 16)
    ratios = (0.25, 0.5, 0.75, 0.0)
    budgets = tuple(
        LayerBudget(layer.name, ratio, 8, 8 if layer.neurons else None, "channel")
        for layer, ratio in zip(workload.compressible, ratios, strict=True)
    )
    for name in names:
        count = OPERATION_CONVENTIONS[name]
        assert count(workload, Configuration(budgets, 3)) == count(small, Configuration.uniform(small, time_steps=3))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 0.999), min_size=4, max_size=4), st.sampled_from(hardware_names()), st.integers(1, 6))
def test_more_removed_channels_never_cost_more(ratios: list[float], name: str, steps: int) -> None:
    workload, hardware = spiking_workload(), load_hardware(name)
    rows = np.array([[0.5 * ratio for ratio in ratios], ratios])
    batch = ConfigurationBatch(
        rows, np.full((2, 4), 4.0), np.full((2, 4), 2.0), np.full(2, steps), np.ones((2, 4), dtype=bool)
    )
    few, many = (
        np.array([getattr(estimate_many(workload, batch, hardware), key)[row] for key in KEYS]) for row in (0, 1)
    )
    assert (many <= few * (1 + 1e-12)).all()


KEYS = ("memory_bytes", "energy_joules", "latency_seconds", "synops", "neurons", "parameters_kept")
_WORKLOADS: dict[str, Workload] = {}


def spiking_workload() -> Workload:
    if not _WORKLOADS:
        _WORKLOADS["small"] = spiking(16, 32, 64)
    return _WORKLOADS["small"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 0.999), st.booleans()), min_size=4, max_size=4))
def test_in_whole_channels_a_configuration_costs_the_same_and_asks_for_what_is_possible(
    drawn: list[tuple[float, bool]],
) -> None:
    workload = spiking_workload()
    configuration = Configuration(
        tuple(
            LayerBudget(layer.name, ratio, 4, 2 if layer.neurons else None, "channel" if channel else "weight")
            for layer, (ratio, channel) in zip(workload.compressible, drawn, strict=True)
        ),
        2,
    )
    whole = to_whole_channels(workload, configuration)
    assert estimate(workload, whole, HARDWARE).total == estimate(workload, configuration, HARDWARE).total
    assert to_whole_channels(workload, whole) == whole
    for layer, before, after in zip(workload.compressible, configuration.budgets, whole.budgets, strict=True):
        if before.granularity == "weight":
            assert after == before
        else:
            assert (after.pruning_ratio * layer.channels).is_integer()
            assert after.pruning_ratio < 1.0
            assert abs(after.pruning_ratio - before.pruning_ratio) <= (0.5 if before.pruning_ratio < 0.9 else 1.0) / 10


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 0.999), st.booleans()), min_size=8, max_size=8))
def test_one_costs_the_same_bits_as_among_others_of_another_granularity(drawn: list[tuple[float, bool]]) -> None:
    workload = spiking_workload()
    configurations = [
        Configuration(
            tuple(
                LayerBudget(layer.name, ratio, 4, 2 if layer.neurons else None, "channel" if channel else "weight")
                for layer, (ratio, channel) in zip(workload.compressible, part, strict=True)
            ),
            2,
        )
        for part in (drawn[:4], drawn[4:])
    ]
    costs = estimate_many(workload, ConfigurationBatch.of(workload, configurations), HARDWARE)
    for row, configuration in enumerate(configurations):
        for name, value in estimate(workload, configuration, HARDWARE).total.to_dict().items():
            assert getattr(costs, name)[row] == value
