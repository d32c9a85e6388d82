"""AutoPrune: its coarse gradients by hand, its update rule, recovery, its own ratios and whole neurons."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from cost_models import Configuration, InputError, LayerBudget
from dse.compression import compress, layer_weights, settle
from dse.networks import build_network
from dse.pruning import AutoPrune, LayerWeight, Progress
from dse.pruning.coarse_gradients import COARSE_GRADIENTS
from dse.pruning.learned_mask import LearnedMask
from dse.quantizers import WEIGHT_QUANTIZERS
from dse.tasks import TRAINING_LOSSES
from dse.trace import trace
from dse.training import Schedule, seeded, train
from tests.dse.pruning.test_contract import samples

M = torch.tensor([-1.0, 0.0, 0.5])
BY_HAND = {
    "linear": [1.0, 1.0, 1.0],
    "leaky_relu": [0.1, 0.1, 1.0],
    "softplus": [math.log(1 + math.exp(-1)), math.log(2), math.log(1 + math.exp(0.5))],
}


@pytest.mark.parametrize("name", COARSE_GRADIENTS)
def test_a_coarse_gradient_is_what_is_computed_by_hand(name: str) -> None:
    torch.testing.assert_close(COARSE_GRADIENTS[name](M), torch.tensor(BY_HAND[name]))


def gradients_through(rule: str, coarse: str) -> tuple[Tensor, Tensor]:
    """dL/dw and dL/dm for w = (2, -3, 0.5), m as above and L = sum of c_i t_i with c = (10, 20, 30)."""
    weight = nn.Parameter(torch.tensor([[2.0, -3.0, 0.5]]))
    mask = LearnedMask(weight.detach(), "weights", COARSE_GRADIENTS[coarse], rule)
    assert mask.auxiliary is not None
    with torch.no_grad():
        mask.auxiliary.copy_(M)
        mask.mask.copy_((M > 0).float())
    masked = mask(weight)
    assert masked.tolist() == [[0.0, 0.0, 0.5]]
    (masked * torch.tensor([10.0, 20.0, 30.0])).sum().backward()
    assert weight.grad is not None
    assert mask.auxiliary.grad is not None
    return weight.grad, mask.auxiliary.grad


@pytest.mark.parametrize("coarse", COARSE_GRADIENTS)
def test_the_sign_rule_moves_m_whatever_the_weights_size_and_removed_weights_get_no_gradient(coarse: str) -> None:
    of_weight, of_m = gradients_through("sign", coarse)
    assert of_weight.tolist() == [[0.0, 0.0, 30.0]]
    first, second, third = BY_HAND[coarse]
    torch.testing.assert_close(of_m, torch.tensor([[10.0 * first, -20.0 * second, 30.0 * third]]))


def test_the_chain_rule_weighs_by_the_weight() -> None:
    _, of_m = gradients_through("chain", "linear")
    torch.testing.assert_close(of_m, torch.tensor([[20.0, -60.0, 15.0]]))


def run(method: AutoPrune, ratio: float, **schedule: float) -> dict[str, float]:
    """The pruning ratios that a small ordinary network ends with, by layer; 12 epochs of 5 steps."""
    with seeded(0):
        network = build_network("lenet_300_100", (1, 8, 8), 10)
    workload = trace(network, (1, 8, 8))
    configuration = Configuration.uniform(workload, pruning_ratio=ratio)
    compress(network, workload, configuration, method, WEIGHT_QUANTIZERS["uniform"]())
    loss = TRAINING_LOSSES["cross_entropy"]()
    train(network, samples(), Schedule(12, 32, 2e-3), loss=loss, seed=1, method=method)
    realised = settle(network, workload, configuration, method)
    for name, weight in layer_weights(network, workload).items():
        zeros = int((weight.effective == 0.0).sum())
        assert realised[name].pruning_ratio == zeros / weight.effective.numel()
    return {budget.layer: budget.pruning_ratio for budget in realised.budgets}


def test_in_its_own_mode_the_regularisation_decides_and_what_is_asked_is_the_most_that_goes() -> None:
    weak, strong = (run(AutoPrune(ratios="own", regularisation=mu), 0.95) for mu in (3e-3, 2e-2))
    assert all(weak[layer] < strong[layer] for layer in weak)
    assert max(strong.values()) <= 0.951
    capped = run(AutoPrune(ratios="own", regularisation=5.0), 0.8)
    assert all(abs(ratio - 0.8) < 1e-3 for ratio in capped.values())


@pytest.mark.parametrize(("push", "left"), [(0.0, [True, True, True]), (0.2, [True, True, False])])
def test_without_a_push_all_weights_stay_and_a_small_one_removes_what_does_not_matter(
    push: float, left: list[bool]
) -> None:
    layer = nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.7, -0.4, 0.9]]))
    weight = LayerWeight(layer)
    method = AutoPrune(ratios="own", regularisation=push, learn=1.0)
    method.attach(layer, {"fc": weight}, Configuration((LayerBudget("fc", 0.9, 32),), 1))
    for step in range(60):
        layer(torch.tensor([1.0, -1.0, 0.0])).sum().neg().backward()  # the third input is silent
        method.update(Progress(step, 60, 1, 0.0))
    method.settle()
    assert (weight.effective[0] != 0.0).tolist() == left


def test_only_the_own_mode_says_that_it_learns_ratios() -> None:
    assert AutoPrune(ratios="own").learns_ratios
    assert not AutoPrune().learns_ratios


def test_a_removed_weight_comes_back_with_its_old_value_once_its_m_rises_again() -> None:
    layer = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.7, -0.4]]))
    own = LayerWeight(layer)
    method = AutoPrune(ratios="own", regularisation=0.0, learn=1.0, momentum=0.0, learning_rate=1.0)
    method.attach(layer, {"fc": own}, Configuration((LayerBudget("fc", 0.9, 32),), 1))
    (m,) = method.own_parameters()
    for step, push in enumerate((1.0, -3.0)):  # first down below zero, then up again
        m.grad = torch.tensor([[push, 0.0]])
        method.update(Progress(step, 10, 1, 0.0))
        alive = layer.weight[0, 0].item()
        assert alive == pytest.approx(0.0 if push > 0 else 0.7)
    method.settle()
    assert method.metrics() == {"recovered_share": 1.0}


def test_removed_neurons_say_nothing_and_are_priced_as_channels() -> None:
    with seeded(0):
        network = build_network("spiking_cnn", (1, 8, 8), 10, time_steps=2)
    workload = trace(network, (1, 8, 8))
    last = workload.compressible[-1].name
    budgets = [
        LayerBudget(layer.name, 0.0 if layer.name == last else 0.5, 32, 32 if layer.neurons else None)
        for layer in workload.compressible
    ]
    configuration = Configuration(tuple(budgets), 2)
    method = AutoPrune(units="neurons")
    compress(network, workload, configuration, method, WEIGHT_QUANTIZERS["uniform"]())
    train(network, samples(), Schedule(3, 32, 2e-3), loss=TRAINING_LOSSES["cross_entropy"](), seed=1, method=method)
    realised = settle(network, workload, configuration, method)
    named = dict(network.body.named_modules())
    with torch.no_grad():
        network(samples().normalised(slice(0, 8)))
    for layer in workload.compressible[:-1]:
        weight = layer_weights(network, workload)[layer.name].effective
        gone = weight.flatten(1).eq(0.0).all(dim=1)
        assert int(gone.sum()) == len(weight) // 2
        assert realised[layer.name].granularity == "channel"
        silent: list[Tensor] = []
        assert layer.neuron is not None
        handle = named[layer.neuron].register_forward_hook(lambda _m, _i, out, to=silent: to.append(out))
        with torch.no_grad():
            network(samples().normalised(slice(0, 8)))
        handle.remove()
        channels = silent[0].shape.index(len(weight)) if layer.kind == "linear" else -3
        assert silent[0].movedim(channels, 0)[gone].abs().sum() == 0.0


def test_the_networks_outputs_cannot_be_removed() -> None:
    layer = nn.Linear(4, 3)
    with pytest.raises(InputError, match=r"fc: its neurons are the network's outputs"):
        AutoPrune(units="neurons").attach(
            layer, {"fc": LayerWeight(layer)}, Configuration((LayerBudget("fc", 0.5, 32),), 1)
        )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ratios": "mine"}, "value of ratios"),
        ({"rule": "chian"}, "did you mean 'chain'"),
        ({"coarse_gradient": "soft"}, "unknown coarse gradient"),
        ({"regularisation": -1.0}, "regularisation is -1.0"),
        ({"learn": 0.0}, "learn is 0.0"),
    ],
)
def test_an_option_that_cannot_be_is_named(options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        AutoPrune(**options)  # type: ignore[arg-type]
