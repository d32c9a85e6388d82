"""Whole neurons under AutoPrune: m's gradient against autograd with the gate written out, comebacks, and silence."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from cost_models import Configuration, InputError, LayerBudget
from dse.neurons import LIF
from dse.pruning import AutoPrune, LayerWeight, Progress
from dse.pruning.coarse_gradients import COARSE_GRADIENTS
from dse.pruning.learned_mask import auxiliary_gradient
from dse.pruning.neuron_gate import neuron_gradient
from dse.training import seeded

KEPT = torch.tensor([1.0, 0.0, 1.0, 0.0], dtype=torch.float64)
INPUTS = torch.randn(32, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64) * 2.0
TARGETS = torch.randn(32, 1, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


class ByHand(nn.Module):
    """A layer with its norm whose activation is a function and no module: nothing says what is behind the norm."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.norm, self.head = nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The scores (N, 1) of inputs (N, 3)."""
        result: Tensor = self.head(self.norm(self.fc(x)).relu())
        return result


def in_sequence(activation: nn.Module | None) -> nn.Sequential:
    """Layer, norm, activation if any, and head."""
    behind = [] if activation is None else [activation]
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), *behind, nn.Linear(4, 1))


def pruned(network: nn.Module, layer: nn.Module, rule: str = "chain") -> tuple[AutoPrune, Tensor]:
    """AutoPrune on one layer with linear coarse gradients; m is such that the neurons of KEPT are there."""
    method = AutoPrune(
        ratios="own", regularisation=0.0, units="neurons", coarse_gradient="linear", rule=rule, learn=1.0
    )
    head = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    budgets = (LayerBudget("fc", 0.9, 32), LayerBudget("head", 0.0, 32))
    method.attach(network, {"fc": LayerWeight(layer), "head": LayerWeight(head)}, Configuration(budgets, 1))
    method.update(Progress(0, 100, 1, 0.0))
    (m,) = method.own_parameters()
    with torch.no_grad():
        m.copy_(KEPT - 0.5)
    method.update(Progress(1, 100, 1, 0.0))
    return method, m


def loss_of(outputs: Tensor) -> Tensor:
    return (outputs - TARGETS).square().mean()


def slopes_by_autograd(network: nn.Sequential, gated: int) -> Tensor:
    """dL/dgate with the gate written out behind the module of this number, at the gate's value KEPT."""
    gate = KEPT.clone().requires_grad_()
    values = INPUTS
    for number, module in enumerate(network):
        values = module(values) * gate if number == gated else module(values)
    (slopes,) = torch.autograd.grad(loss_of(values), gate)
    return slopes


@pytest.mark.parametrize(
    ("activation", "gated"), [(nn.ReLU(), 2), (LIF(engine="torch"), 2), (None, 1)], ids=["relu", "spiking", "none"]
)
def test_behind_a_batch_norm_m_feels_what_its_neuron_gives_out_whether_it_is_there_or_not(
    activation: nn.Module | None, gated: int
) -> None:
    with seeded(0):
        network = in_sequence(activation).double()
    expected = slopes_by_autograd(network, gated)
    _, m = pruned(network, network[0])
    loss_of(network(INPUTS)).backward()
    assert m.grad is not None
    torch.testing.assert_close(m.grad, expected)
    assert bool((m.grad.abs() > 1e-3).all())
    weight = LayerWeight(network[0]).trained
    assert weight.grad is not None
    assert (weight.grad.abs().sum(dim=1) > 0).tolist() == KEPT.bool().tolist()


def test_where_the_gate_cannot_sit_behind_the_relu_a_removed_neuron_learns_nothing_and_a_kept_one_does() -> None:
    with seeded(0):
        network = ByHand().double()
    gate = KEPT.clone().requires_grad_()
    values = network.head((network.norm(network.fc(INPUTS)) * gate).relu())
    (expected,) = torch.autograd.grad(loss_of(values), gate)
    _, m = pruned(network, network.fc)
    loss_of(network(INPUTS)).backward()
    assert m.grad is not None
    torch.testing.assert_close(m.grad, expected)
    assert (m.grad.abs() > 1e-3).tolist() == KEPT.bool().tolist()
    assert bool((m.grad[KEPT == 0.0] == 0.0).all())


def test_an_activation_that_serves_two_layers_is_not_gated() -> None:
    relu = nn.ReLU()
    network = nn.Sequential(nn.Linear(3, 4), relu, nn.Linear(4, 4), relu, nn.Linear(4, 1)).double()
    method, _ = pruned(network, network[0])
    assert not relu._forward_hooks
    assert network[0]._forward_hooks
    method.settle()
    assert not network[0]._forward_hooks


def test_a_removed_neuron_that_the_loss_misses_comes_back_with_its_old_weights() -> None:
    with seeded(0):
        network = in_sequence(nn.ReLU()).double()
    wanted = network(INPUTS).detach()
    before = network[0].weight.detach().clone()
    method, m = pruned(network, network[0], rule="sign")
    assert (m > 0).tolist() == KEPT.bool().tolist()
    assert not torch.allclose(network(INPUTS), wanted)
    for step in range(2, 60):
        (network(INPUTS) - wanted).square().mean().backward()
        method.update(Progress(step, 100, 1, 0.0))
    assert bool((m > 0).all())
    method.settle()
    assert method.metrics() == {"recovered_share": 1.0}
    torch.testing.assert_close(network(INPUTS), wanted)
    torch.testing.assert_close(network[0].weight, before)


@pytest.mark.parametrize("activation", [nn.ReLU(), LIF(engine="torch"), None], ids=["relu", "spiking", "none"])
def test_freezing_changes_nothing_of_what_the_network_computes(activation: nn.Module | None) -> None:
    with seeded(0):
        network = in_sequence(activation).double()
    method, _ = pruned(network, network[0])
    network.eval()
    before = network(INPUTS)
    method.settle()
    torch.testing.assert_close(network(INPUTS), before)
    assert network[0].bias[KEPT == 0.0].tolist() == network[1].bias[KEPT == 0.0].tolist() == [0.0, 0.0]


def test_the_bias_is_part_of_what_m_feels() -> None:
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor([3.0, -2.0]))
    network = nn.Sequential(layer, nn.Linear(2, 1))
    method = AutoPrune(units="neurons", coarse_gradient="linear", rule="chain")
    budgets = (LayerBudget("fc", 0.5, 32), LayerBudget("head", 0.0, 32))
    weights = {"fc": LayerWeight(layer), "head": LayerWeight(network[1])}
    method.attach(network, weights, Configuration(budgets, 1))
    network(torch.ones(5, 2)).sum().backward()
    (m,) = method.own_parameters()
    assert m.grad is not None
    torch.testing.assert_close(m.grad, 5 * network[1].weight.detach()[0] * torch.tensor([3.0, -2.0]))


def test_for_a_single_output_value_the_neuron_rule_is_the_sign_rule() -> None:
    gradient, output, m = torch.tensor([[3.0], [4.0]]), torch.tensor([[-0.2], [7.0]]), torch.tensor([0.4, -0.3])
    coarse = COARSE_GRADIENTS["softplus"]
    for_weights = auxiliary_gradient(gradient, output, m[:, None], coarse, "sign")
    torch.testing.assert_close(neuron_gradient(gradient, output, m, coarse, "sign"), for_weights[:, 0])


def test_under_the_sign_rule_the_size_of_a_neurons_output_does_not_matter() -> None:
    gradient, output = torch.tensor([[1.0, 2.0, -1.0]]), torch.tensor([[0.5, 0.0, 2.0]])
    m, coarse = torch.tensor([0.2]), COARSE_GRADIENTS["linear"]
    small, large = (neuron_gradient(gradient, scale * output, m, coarse, "sign") for scale in (1.0, 100.0))
    torch.testing.assert_close(small, large)
    silent = neuron_gradient(gradient, 0.0 * output, m, coarse, "sign")
    assert silent.tolist() == [0.0]


def test_a_layer_whose_rows_are_no_neurons_is_refused() -> None:
    layer = nn.ConvTranspose2d(2, 3, 2)
    network = nn.Sequential(layer, nn.Flatten(), nn.Linear(12, 2))
    weights = {"up": LayerWeight(layer), "head": LayerWeight(network[2])}
    budgets = (LayerBudget("up", 0.5, 32), LayerBudget("head", 0.0, 32))
    with pytest.raises(InputError, match="up: the rows of its weight are not its neurons"):
        AutoPrune(units="neurons").attach(network, weights, Configuration(budgets, 1))
