"""ADMM's quantisation after its pruning: exact ratios, few levels, weights that stay where they were fixed."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from cost_models import Configuration, Workload
from dse.compression import compress, layer_weights, settle
from dse.networks import build_network
from dse.pruning import ADMMPruning
from dse.pruning.method import Progress
from dse.pruning.projected_quantization import PartlyFixed, fixed_next, nearest_of
from dse.pruning.selection import removed_count
from dse.quantizers import WEIGHT_QUANTIZERS
from dse.tasks import TRAINING_LOSSES
from dse.trace import trace
from dse.training import Schedule, seeded, train
from tests.dse.pruning.test_contract import samples

RATIO, BITS = 0.8, 2


def compressed(method: ADMMPruning) -> tuple[nn.Module, Workload, Configuration]:
    with seeded(0):
        network = build_network("lenet_300_100", (1, 8, 8), 10)
    workload = trace(network, (1, 8, 8))
    configuration = Configuration.uniform(workload, pruning_ratio=RATIO, weight_bits=BITS)
    compress(network, workload, configuration, method, WEIGHT_QUANTIZERS["equal_distance"]())
    return network, workload, configuration


def trained(method: ADMMPruning) -> tuple[nn.Module, Workload, Configuration]:
    network, workload, configuration = compressed(method)
    loss = TRAINING_LOSSES["cross_entropy"]()
    train(network, samples(), Schedule(8, 16, 2e-3), loss=loss, seed=0, method=method)
    return network, workload, settle(network, workload, configuration, method)


@pytest.mark.parametrize("quantization", ["projected", "straight_through"])
@pytest.mark.parametrize("steps", [1, 2])
def test_pruning_and_rounding_together_meet_the_ratio_and_the_levels_exactly(quantization: str, steps: int) -> None:
    network, workload, realised = trained(ADMMPruning(quantization=quantization, steps=steps))
    for name, weight in layer_weights(network, workload).items():
        values = weight.effective.detach()
        count = removed_count(values.numel(), RATIO)
        assert realised[name].pruning_ratio == count / values.numel()
        assert int((values == 0.0).sum()) == count
        levels = values[values != 0.0].abs().unique()
        assert len(levels) <= 2 ** (BITS - 1)
        if len(levels) == 2:
            assert float(levels[1] / levels[0]) == pytest.approx(2.0, rel=1e-5)
        again = WEIGHT_QUANTIZERS["equal_distance"]().quantize(values, BITS)
        torch.testing.assert_close(again, values, rtol=1e-5, atol=0)


def test_weights_are_not_rounded_before_the_pruning_is_done() -> None:
    method = ADMMPruning()
    network, workload, _ = compressed(method)
    weight = next(iter(layer_weights(network, workload).values()))
    assert torch.equal(weight.effective, weight.trained)


def test_a_weight_once_fixed_keeps_its_value_to_the_bit() -> None:
    method = ADMMPruning()
    seen: list[dict[str, tuple[Tensor, Tensor]]] = []
    update = method.update

    def spy(progress: Progress) -> None:
        update(progress)
        assert method._projected is not None
        held = method._projected._held
        seen.append({name: (one.fixed.clone(), layers[name].effective.detach().clone()) for name, one in held.items()})

    method.update = spy  # type: ignore[method-assign]
    network, workload, _ = compressed(method)
    layers = layer_weights(network, workload)
    loss = TRAINING_LOSSES["cross_entropy"]()
    train(network, samples(), Schedule(8, 16, 2e-3), loss=loss, seed=0, method=method)
    shares = []
    for before, after in itertools.pairwise(seen):
        for name, (fixed, values) in before.items():
            assert bool((after[name][0] | ~fixed).all())
            assert torch.equal(after[name][1][fixed], values[fixed])
        shares.append(float(torch.cat([fixed.reshape(-1) for fixed, _ in after.values()]).float().mean()))
    assert shares[-1] == pytest.approx(1 - RATIO, abs=0.01)
    assert len(set(shares)) > 4


def test_a_round_fixes_the_nearest_of_each_level() -> None:
    grid = torch.tensor([-1.0, 1.0, 2.0])
    weight = torch.tensor([0.9, 1.01, 1.3, -0.7, -1.0, 2.2, 0.0, 1.1])
    free = torch.tensor([True, True, True, True, True, True, False, True])
    chosen = fixed_next(weight, free, grid, 0.5)
    # level 1 has 0.9, 1.01, 1.3 and 1.1: the nearest two; level -1 has two: one; level 2 has one
    assert chosen.tolist()[1] is True
    assert chosen[[0, 7]].any()  # at equal distance both may be taken
    assert chosen.tolist()[2:7] == [False, False, True, True, False]
    assert nearest_of(grid, weight)[:6].tolist() == [1.0, 1.0, 1.0, -1.0, -1.0, 2.0]


def test_a_fixed_weight_gets_no_gradient() -> None:
    held = PartlyFixed(torch.zeros(3))
    held.fixed.copy_(torch.tensor([True, False, False]))
    weight = torch.ones(3, requires_grad=True)
    held(weight).sum().backward()
    assert weight.grad is not None
    assert weight.grad.tolist() == [0.0, 1.0, 1.0]


def test_layers_that_keep_their_floats_are_left_alone() -> None:
    method = ADMMPruning()
    with seeded(0):
        network = build_network("lenet_300_100", (1, 8, 8), 10)
    workload = trace(network, (1, 8, 8))
    uniform = Configuration.uniform(workload, pruning_ratio=RATIO, weight_bits=BITS)
    first = replace(uniform.budgets[0], weight_bits=32)
    configuration = Configuration((first, *uniform.budgets[1:]), uniform.time_steps)
    compress(network, workload, configuration, method, WEIGHT_QUANTIZERS["equal_distance"]())
    loss = TRAINING_LOSSES["cross_entropy"]()
    train(network, samples(), Schedule(4, 32, 2e-3), loss=loss, seed=0, method=method)
    settle(network, workload, configuration, method)
    counts = [len(weight.effective.unique()) for weight in layer_weights(network, workload).values()]
    assert counts[0] > 2**BITS + 1
    assert all(count <= 2**BITS + 1 for count in counts[1:])
