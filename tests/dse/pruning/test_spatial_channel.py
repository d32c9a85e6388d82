"""Spatial-channel pruning: silenced channels are really gone, gates meet their ratio, and what is saved is measured."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cost_models import (
    OPERATION_CONVENTIONS,
    Configuration,
    InputError,
    LayerBudget,
    Workload,
    estimate,
    load_hardware,
)
from dse.compression import compress, layer_weights, settle
from dse.datasets import DATASETS, Samples, load_dataset
from dse.evaluate import Job, evaluate, trace_study
from dse.measurement import measure_densities, with_measured_outputs
from dse.networks import build_network
from dse.pruning import PRUNING_METHODS, SpatialChannelPruning
from dse.pruning.output_gates import BlockGate, ChannelPredictor, GatedNorm, target_channels
from dse.pruning.static_channels import Surroundings, channel_scores
from dse.quantizers import WEIGHT_QUANTIZERS
from dse.search.suggest import SearchSpace
from dse.spiking_network import SpikingNetwork
from dse.tasks import TRAINING_LOSSES
from dse.trace import trace
from dse.training import Schedule, seeded, train
from studies import State, Study, load_study
from studies.design_space import Choices, DesignSpace, LayerChoices
from studies.study import Method, Task, Training

SHAPE, STEPS = (1, 8, 8), 3
RATIOS = {"conv1": 0.5, "conv2": 0.4, "fc1": 0.25}
HARDWARE = load_hardware("edge_asic_45nm")
ALL_CLASSES = LayerChoices(pruning_ratio=Choices((0.0,)))


@pytest.fixture(scope="module")
def digits() -> Samples:
    return load_dataset("digits").train


def untrained() -> tuple[nn.Module, Workload]:
    with seeded(0):
        network = build_network("spiking_cnn", SHAPE, 10, time_steps=STEPS)
    return network, trace(network, SHAPE)


def asked(workload: Workload, ratios: dict[str, float], granularity: str = "channel") -> Configuration:
    return Configuration(
        tuple(
            LayerBudget(layer.name, ratios.get(layer.name, 0.0), 4, 1.58 if layer.neurons else None, granularity)
            for layer in workload.compressible
        ),
        STEPS,
    )


def trained(
    method: SpatialChannelPruning, ratios: dict[str, float], samples: Samples, epochs: int = 4
) -> tuple[nn.Module, Workload, Configuration]:
    network, workload = untrained()
    configuration = asked(workload, ratios, method.granularity)
    compress(network, workload, configuration, method, WEIGHT_QUANTIZERS["uniform"]())
    train(network, samples, Schedule(epochs, 50, 3e-3), loss=TRAINING_LOSSES["tet"](), seed=1, method=method)
    return network, workload, settle(network, workload, configuration, method)


class TestStatic:
    def test_the_ratio_is_met_to_the_nearest_channel(self, digits: Samples) -> None:
        _, workload, realised = trained(SpatialChannelPruning(), RATIOS, digits, epochs=1)
        removed = {name: realised[name].pruning_ratio * workload[name].channels for name in RATIOS}
        assert removed == {"conv1": 8.0, "conv2": 13.0, "fc1": 32.0}
        assert {budget.granularity for budget in realised.budgets} == {"channel"}

    def test_what_a_search_proposes_is_what_the_network_becomes_to_the_last_digit(self) -> None:
        network, workload = untrained()
        ratios = Choices.from_range(0.0, 0.95, 0.05)
        design = DesignSpace(ratios, Choices((4,)), Choices((1.58,)), Choices((STEPS,)), {"fc2": ALL_CLASSES})
        space = SearchSpace.of(design, workload, lambda choices: "channel")
        for row in space.random_rows(12, np.random.default_rng(0)):
            proposed, compressed = space.configuration_at(row), copy.deepcopy(network)
            method = SpatialChannelPruning()
            compress(compressed, workload, proposed, method, WEIGHT_QUANTIZERS["uniform"]())
            assert settle(compressed, workload, proposed, method) == proposed

    def test_the_network_without_the_silenced_channels_gives_the_same_outputs(self, digits: Samples) -> None:
        network, workload, _ = trained(SpatialChannelPruning(), RATIOS, digits)
        images = digits.normalised(slice(0, 40))
        smaller = without_silenced(network, workload)
        assert [module.out_channels for module in smaller.modules() if isinstance(module, nn.Conv2d)] == [8, 19]
        torch.testing.assert_close(smaller(images), network(images), atol=1e-5, rtol=1e-5)

    def test_what_is_priced_is_the_smaller_network(self, digits: Samples) -> None:
        network, workload, realised = trained(SpatialChannelPruning(), RATIOS, digits, epochs=1)
        measured, _ = measure_densities(network, workload, realised, digits)
        plain = trace(without_silenced(network, workload), SHAPE)
        # a smaller network's density counts its own inputs only, as the measured one does
        small = replace(
            plain,
            layers=tuple(
                replace(layer, input_density=measured[layer.name].input_density) if layer.compressible else layer
                for layer in plain.layers
            ),
        )
        dense = asked(small, {}, "weight")
        ours, theirs = estimate(measured, realised, HARDWARE).total, estimate(small, dense, HARDWARE).total
        assert ours.synops == pytest.approx(theirs.synops)
        assert ours.macs == theirs.macs
        assert ours.membrane_memory_bytes == theirs.membrane_memory_bytes
        assert ours.weight_memory_bytes == pytest.approx(theirs.weight_memory_bytes)
        for name in ("kept-dense FLOPs", "SynOps"):
            count = OPERATION_CONVENTIONS[name]
            assert count(measured, realised) == pytest.approx(count(small, dense))

    def test_the_channels_with_the_smallest_product_of_gamma_and_outgoing_weights_go(self) -> None:
        norm = nn.BatchNorm2d(3)
        with torch.no_grad():
            norm.weight.copy_(torch.tensor([2.0, -1.0, 0.5]))
        reader = torch.tensor([[[[1.0]], [[1.0]], [[-8.0]]]])  # (1, 3, 1, 1)
        assert channel_scores(torch.zeros(3, 1, 3, 3), Surroundings(norm, (reader,))).tolist() == [2.0, 1.0, 4.0]

    def test_the_last_layer_cannot_lose_its_classes(self) -> None:
        study = Study(
            "s", method=Method(pruning="spatial_channel"), space=DesignSpace(pruning_ratio=Choices((0.0, 0.5)))
        )
        with pytest.raises(InputError, match=r"space\.layer\.fc2\.pruning_ratio: no layer reads the output channels"):
            trace_study(study)


class TestMembraneMask:
    def test_the_share_that_is_left_out_lowers_the_operations(self, digits: Samples) -> None:
        method = SpatialChannelPruning(membrane_mask="hold")
        network, workload, realised = trained(method, RATIOS, digits)
        measured, _ = measure_densities(network, workload, realised, digits)
        shares = {name: measured[name].output_density for name in RATIOS}
        assert all(1 / STEPS < share < 1.0 for share in shares.values())  # the first step is always computed
        assert measured["fc2"].output_density == 1.0
        all_computed = replace(measured, layers=tuple(replace(layer, output_density=1.0) for layer in measured.layers))
        less, more = (estimate(one, realised, HARDWARE) for one in (measured, all_computed))
        assert less["conv2"].synops == pytest.approx(shares["conv2"] * more["conv2"].synops)
        assert less["conv1"].macs == more["conv1"].macs  # a still image's first layer is computed once
        assert less.total.energy_joules < more.total.energy_joules

    def test_it_goes_with_the_static_level_only(self) -> None:
        with pytest.raises(InputError, match="membrane_mask is 'skip' with level 'gate'"):
            SpatialChannelPruning("gate", "skip")


@pytest.mark.parametrize(("level", "ratios"), [("predictor", {"conv2": 0.55, "fc1": 0.3}), ("gate", {"conv2": 0.35})])
class TestGates:
    def test_the_ratio_asked_for_is_met_within_two_points_on_other_data(
        self, level: str, ratios: dict[str, float], digits: Samples
    ) -> None:
        network, workload, realised = trained(SpatialChannelPruning(level), ratios, digits, epochs=5)
        measure_densities(network, workload, realised, load_dataset("digits").test)
        realised = with_measured_outputs(network, realised)
        for name, ratio in ratios.items():
            assert realised[name].granularity == "output"
            assert realised[name].pruning_ratio == pytest.approx(ratio, abs=0.02)

    def test_weights_stay_operations_go_and_the_gate_is_paid(
        self, level: str, ratios: dict[str, float], digits: Samples
    ) -> None:
        network, workload, realised = trained(SpatialChannelPruning(level), ratios, digits)
        measured, _ = measure_densities(network, workload, realised, digits)
        realised = with_measured_outputs(network, realised)
        report = estimate(measured, realised, HARDWARE)
        gated = next(module for module in network.modules() if isinstance(module, GatedNorm) if module.layer == "conv2")
        shape = workload["conv2"].input_shape
        # by hand: every fourth of 16 channels summed over 16 places, times 32; or 2x2 sums and a 1x1 map at 4 blocks
        price = 4 * 16 + 4 * 32 if level == "predictor" else 16 * 16 + 16 * 32 * 4
        assert gated.gate.macs(shape) == price
        layer, left = measured["conv2"], 1 - realised["conv2"].pruning_ratio
        assert report["conv2"].macs == price * STEPS
        assert report["conv2"].synops == pytest.approx(layer.macs * STEPS * layer.input_density * left)
        ungated = estimate(workload, asked(workload, {}), HARDWARE)
        extra = sum(parameter.numel() for parameter in gated.gate.parameters())
        assert report["conv2"].weight_memory_bytes == ungated["conv2"].weight_memory_bytes + 4 * extra
        flops = OPERATION_CONVENTIONS["kept-dense FLOPs"]
        with_gates = sum(measured[name].gate_macs for name in ratios) * STEPS
        saved = sum((1 - left_of(realised, name)) * measured[name].macs for name in ratios) * STEPS
        assert flops(measured, realised) == pytest.approx(flops(workload, asked(workload, {})) + with_gates - saved)


def left_of(realised: Configuration, name: str) -> float:
    return 1 - realised[name].pruning_ratio


def test_the_target_set_is_the_smallest_one_that_reaches_the_mass() -> None:
    outputs = torch.tensor([[3.0, -5.0, 1.0, 4.0]])
    assert target_channels(outputs, 0.5).tolist() == [[0, 0, 0, 1]]
    assert target_channels(outputs, 0.51).tolist() == [[1, 0, 0, 1]]
    assert target_channels(outputs, 1.0).tolist() == [[1, 0, 1, 1]]
    maps = torch.zeros(1, 2, 2, 2)
    maps[0, 0, 1, 1], maps[0, 1] = 5.0, 2.0  # the largest response of a map counts, not its sum
    assert target_channels(maps, 0.7).tolist() == [[1, 0]]


def test_a_predictor_learns_which_channels_matter() -> None:
    torch.manual_seed(0)
    gate = ChannelPredictor(8, 4, 0.5, 0.85)
    optimizer = torch.optim.Adam(gate.parameters(), lr=0.05)
    gate.train()
    for _ in range(200):
        source = torch.rand(32, 8)
        left = source[:, 0] > source[:, 4]
        output = torch.where(left[:, None], torch.tensor([1.0, 1.0, 0.0, 0.0]), torch.tensor([0.0, 0.0, 1.0, 1.0]))
        gate.source = source
        gate(output)
        assert gate.loss is not None
        optimizer.zero_grad()
        gate.loss.backward()
        optimizer.step()
    gate.eval()
    gate.source = source
    agrees = (gate(output) == output).float().mean()
    assert agrees > 0.9


def test_a_block_gate_decides_for_two_by_two_blocks_and_learns_from_what_follows() -> None:
    torch.manual_seed(0)
    gate = BlockGate(3, 5, 0.5).train()
    gate.source = torch.rand(2, 3, 6, 6)
    result = gate(torch.ones(2, 5, 6, 6))
    blocks = result.detach().unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)
    assert bool((blocks.amax(-1) == blocks.amin(-1)).all())
    assert blocks.unique().tolist() == [0.0, 1.0]
    result.sum().backward()
    assert gate.gate.weight.grad is not None
    assert gate.gate.weight.grad.any()


def test_a_study_with_gates_runs_a_trial_and_stores_what_was_realised() -> None:
    space = DesignSpace(
        time_steps=Choices((2,)), layers={"conv2": LayerChoices(pruning_ratio=Choices((0.0, 0.5)))}
    )  # fmt: skip
    method = Method(pruning="spatial_channel", options={"spatial_channel": {"level": "predictor"}})
    study = Study("gates", Task(), method, space, training=Training(epochs=2, baseline_epochs=2, batch_size=100))
    workload = trace_study(study)
    evaluation = evaluate(Job(study, replace(asked(workload, {"conv2": 0.5}, "output"), time_steps=2), 0, 0))
    assert evaluation.state is State.COMPLETE, evaluation.reason
    assert evaluation.realised is not None
    assert evaluation.realised["conv2"].pruning_ratio == pytest.approx(0.5, abs=0.1)  # two short epochs
    assert evaluation.workload is not None
    assert evaluation.workload["conv2"].gate_macs > 0
    again = evaluate(Job(study, evaluation.asked, 0, 0))
    assert (again.measurements, again.workload) == (evaluation.measurements, evaluation.workload)


@pytest.mark.parametrize("name", ["spquant_nmnist", "spquant_fashion_mnist"])
def test_a_ready_study_asks_only_for_what_its_network_and_methods_can_do(name: str) -> None:
    study = load_study(name)
    entry = DATASETS[study.task.dataset]
    workload = trace(build_network(study.task.network, entry.input_shape, entry.classes), entry.input_shape)
    study.check_against(workload)
    PRUNING_METHODS[study.method.pruning](**study.method.options["spatial_channel"]).check_space(workload, study.space)
    for layer in workload.compressible:
        for bits in study.space.for_layer(layer.name)["weight_bits"].values:
            WEIGHT_QUANTIZERS[study.method.weight_quantizer]().check_bits(bits)


def without_silenced(network: nn.Module, workload: Workload) -> SpikingNetwork:
    """A network built anew with the live channels only, by hand."""
    weights = {name: weight.effective.detach() for name, weight in layer_weights(network, workload).items()}
    live = {name: (weight.flatten(1) != 0).any(1) for name, weight in weights.items()}
    places = weights["fc1"].shape[1] // weights["conv2"].shape[0]
    inputs = {
        "conv1": torch.ones(1, dtype=torch.bool),
        "conv2": live["conv1"],
        "fc1": live["conv2"].repeat_interleave(places),
        "fc2": live["fc1"],
    }
    live["fc2"] = torch.ones(10, dtype=torch.bool)
    assert isinstance(network, SpikingNetwork)
    body = nn.Sequential()
    for name, module in network.body.named_children():
        copy: nn.Module = module
        if isinstance(module, nn.Conv2d):
            copy = nn.Conv2d(int(inputs[name].sum()), int(live[name].sum()), 3, padding=1, bias=False)
            copy.weight.data = weights[name][live[name]][:, inputs[name]]
        elif isinstance(module, nn.Linear):
            copy = nn.Linear(int(inputs[name].sum()), int(live[name].sum()), bias=module.bias is not None)
            copy.weight.data = weights[name][live[name]][:, inputs[name]]
            if module.bias is not None:
                copy.bias.data = module.bias.data
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            copy = norm_of(module, live[{"norm1": "conv1", "norm2": "conv2", "norm3": "fc1"}[name]])
        body.add_module(name, copy)
    return SpikingNetwork(body, STEPS, 3).eval()


def norm_of(norm: nn.BatchNorm1d | nn.BatchNorm2d, live: Tensor) -> nn.Module:
    copy = type(norm)(int(live.sum()))
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(copy, name).data = getattr(norm, name).data[live]
    return copy.eval()
