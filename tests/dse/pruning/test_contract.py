"""What every pruning method in the table promises: checked the moment that it is registered."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from cost_models import Configuration, Workload
from dse.compression import compress, layer_weights, settle
from dse.datasets import Samples
from dse.networks import build_network
from dse.pruning import PRUNING_METHODS, NoPruning, PruningMethod
from dse.pruning.method import Progress
from dse.pruning.selection import removed_count
from dse.quantizers import WEIGHT_QUANTIZERS
from dse.tasks import TRAINING_LOSSES
from dse.trace import trace
from dse.training import Schedule, TrainingDiverged, seeded, train

#: Every method that removes single weights, with its default options.
METHODS = {
    name: method
    for name, method in PRUNING_METHODS.items()
    if method is not NoPruning and method.granularity == "weight"
}
NETWORKS = {"ordinary": "lenet_300_100", "spiking": "spiking_cnn"}
SHAPE, CLASSES, STEPS = (1, 8, 8), 10, 2

every_method = pytest.mark.parametrize("make", METHODS.values(), ids=METHODS)
every_network = pytest.mark.parametrize("name", NETWORKS.values(), ids=NETWORKS)


def samples(count: int = 160) -> Samples:
    generator = torch.Generator().manual_seed(1)
    targets = torch.randint(0, CLASSES, (count,), generator=generator)
    inputs = torch.rand(count, *SHAPE, generator=generator)
    inputs[torch.arange(count), 0, 0, targets % 8] += 1.0
    return Samples(inputs, targets)


def network_of(name: str) -> tuple[nn.Module, Workload]:
    with seeded(0):
        network = build_network(name, SHAPE, CLASSES, time_steps=STEPS)
    return network, trace(network, SHAPE)


def asked(workload: Workload, ratio: float = 0.73, weight_bits: float = 32) -> Configuration:
    return Configuration.uniform(workload, pruning_ratio=ratio, weight_bits=weight_bits, time_steps=STEPS)


def trained(
    name: str, method: PruningMethod, ratio: float = 0.73, *, epochs: int = 4, seed: int = 5
) -> tuple[nn.Module, Workload, Configuration]:
    network, workload = network_of(name)
    configuration = asked(workload, ratio)
    compress(network, workload, configuration, method, WEIGHT_QUANTIZERS["uniform"]())
    schedule = Schedule(epochs, 32, 2e-3, 1e-4)
    train(network, samples(), schedule, loss=TRAINING_LOSSES["cross_entropy"](), seed=seed, method=method)
    return network, workload, configuration


def weights(network: nn.Module, workload: Workload) -> dict[str, Tensor]:
    return {name: weight.effective.detach() for name, weight in layer_weights(network, workload).items()}


@every_method
@every_network
def test_the_ratio_that_was_asked_for_is_met_exactly_in_every_layer(
    make: Callable[[], PruningMethod], name: str
) -> None:
    method = make()
    network, workload, configuration = trained(name, method)
    realised = settle(network, workload, configuration, method)
    for layer in workload.compressible:
        assert int((weights(network, workload)[layer.name] == 0.0).sum()) == removed_count(layer.weights, 0.73)
        assert realised[layer.name].pruning_ratio == removed_count(layer.weights, 0.73) / layer.weights


@every_method
@every_network
def test_the_last_third_of_the_training_keeps_the_masks_that_were_chosen(
    make: Callable[[], PruningMethod], name: str
) -> None:
    method = make()
    seen: list[dict[str, Tensor]] = []
    update = method.update

    def spy(progress: Progress) -> None:
        update(progress)
        if progress.share > 0.9:
            seen.append({n: w.effective.detach() != 0.0 for n, w in method_layers.items()})

    method.update = spy  # type: ignore[method-assign]
    network, workload = network_of(name)
    method_layers = layer_weights(network, workload)
    compress(network, workload, asked(workload), method, WEIGHT_QUANTIZERS["uniform"]())
    train(network, samples(), Schedule(4, 32, 2e-3), loss=TRAINING_LOSSES["cross_entropy"](), seed=5, method=method)
    final = settle(network, workload, asked(workload), method)
    assert len(seen) >= 2
    for masks in seen:
        for layer, there in masks.items():
            assert torch.equal(there, weights(network, workload)[layer] != 0.0), layer
    assert final.time_steps == (STEPS if name == NETWORKS["spiking"] else 1)


@every_method
def test_what_is_left_are_plain_parameters_with_the_outputs_of_the_masked_network(
    make: Callable[[], PruningMethod],
) -> None:
    method = make()
    network, workload, configuration = trained("lenet_300_100", method)
    method.settle()
    inputs = samples().normalised(slice(0, 20))
    before = network(inputs)
    settle(network, workload, configuration, method)
    plain, _ = network_of("lenet_300_100")
    plain.load_state_dict(network.state_dict())
    assert torch.equal(plain.eval()(inputs), before)


@every_method
def test_the_same_seed_removes_the_same_weights(make: Callable[[], PruningMethod]) -> None:
    first, again = (trained("spiking_cnn", make(), epochs=2) for _ in range(2))
    for network, workload, _ in (first, again):
        network.eval()
        assert workload == first[1]
    one, two = weights(first[0], first[1]), weights(again[0], again[1])
    assert all(torch.equal(one[name], two[name]) for name in one)


@every_method
def test_a_ratio_of_zero_removes_nothing(make: Callable[[], PruningMethod]) -> None:
    method = make()
    network, workload, configuration = trained("lenet_300_100", method, ratio=0.0, epochs=1)
    realised = settle(network, workload, configuration, method)
    assert all(realised[layer.name].pruning_ratio == 0.0 for layer in workload.compressible)


@every_method
def test_rounded_weights_stay_removed(make: Callable[[], PruningMethod]) -> None:
    method = make()
    network, workload = network_of("lenet_300_100")
    configuration = asked(workload, weight_bits=4)
    compress(network, workload, configuration, method, WEIGHT_QUANTIZERS["uniform"]())
    train(network, samples(), Schedule(2, 32, 2e-3), loss=TRAINING_LOSSES["cross_entropy"](), seed=5, method=method)
    realised = settle(network, workload, configuration, method)
    for name, weight in weights(network, workload).items():
        assert int((weight == 0.0).sum()) >= round(realised[name].pruning_ratio * weight.numel())
        assert len(weight.unique()) <= 2**4


@every_method
def test_a_loss_that_is_not_a_number_ends_the_training(make: Callable[[], PruningMethod]) -> None:
    broken = samples()
    inputs = broken.inputs.clone()
    inputs[3] = math.nan
    method = make()
    network, workload = network_of("lenet_300_100")
    compress(network, workload, asked(workload), method, WEIGHT_QUANTIZERS["uniform"]())
    with pytest.raises(TrainingDiverged, match="the loss is nan"):
        train(
            network,
            Samples(inputs, broken.targets),
            Schedule(2, 32, 2e-3),
            loss=TRAINING_LOSSES["cross_entropy"](),
            seed=5,
            method=method,
        )


@every_method
def test_what_a_method_tells_of_itself_are_finite_numbers(make: Callable[[], PruningMethod]) -> None:
    method = make()
    network, workload, configuration = trained("lenet_300_100", method, epochs=2)
    settle(network, workload, configuration, method)
    assert all(math.isfinite(value) for value in method.metrics().values())
