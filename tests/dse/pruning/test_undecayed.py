"""Undecayed pruning's scores against the paper's formulas, and its order at rest."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cost_models import Configuration, InputError, LayerBudget
from dse.pruning import LayerWeight, Progress, UndecayedPruning
from dse.pruning.undecayed import decay_twice, undecayed, with_decay

DECAY = 5e-2


def pruned_at(weight: torch.Tensor, gradients: list[torch.Tensor], method: UndecayedPruning) -> torch.Tensor:
    """Which weights of one layer are gone after steps with these task gradients, half of them being asked for."""
    layer = nn.Linear(*reversed(weight.shape), bias=False)
    with torch.no_grad():
        layer.weight.copy_(weight)
    own = LayerWeight(layer)
    method.attach(layer, {"fc": own}, Configuration((LayerBudget("fc", 0.5, 32),), 1))
    for step, gradient in enumerate(gradients):
        own.trained.grad = gradient.clone()
        method.update(Progress(step, len(gradients), 1, 0.0, DECAY))
    method.settle()
    return layer.weight == 0.0


def test_the_paper_form_is_the_first_order_change_of_the_loss_without_decay() -> None:
    """|-w dL/dw + eps w^2| with L = task + eps/2 w^2, as PyTorch differentiates L."""
    weight = torch.tensor([0.5, -1.0, 2.0], requires_grad=True)
    target = torch.tensor([0.3, 0.1, -0.7])
    task = ((weight - target) ** 3).sum()
    (task_gradient,) = torch.autograd.grad(task, weight, retain_graph=True)
    (gradient,) = torch.autograd.grad(task + DECAY / 2 * weight.square().sum(), weight)
    paper = (-weight * gradient + DECAY * weight**2).abs()
    torch.testing.assert_close(undecayed(weight, task_gradient, DECAY), paper)
    torch.testing.assert_close(with_decay(weight, task_gradient, DECAY), (weight * gradient).abs())
    again = (-weight * task_gradient + DECAY * weight**2).abs()
    torch.testing.assert_close(decay_twice(weight, task_gradient, DECAY), again)


@pytest.mark.parametrize("score", ["undecayed", "decay_twice"])
def test_at_rest_under_weight_decay_the_order_is_that_of_magnitude(score: str) -> None:
    torch.manual_seed(2)
    weight = torch.randn(6, 10)
    gone = pruned_at(weight, [-DECAY * weight], UndecayedPruning(score=score))
    assert int(gone.sum()) == 30
    assert weight.abs()[gone].max() < weight.abs()[~gone].min()


def test_a_large_weight_that_the_task_does_not_need_goes_before_a_small_one_that_it_needs() -> None:
    weight = torch.tensor([[3.0, 0.1]])
    gone = pruned_at(weight, [torch.tensor([[1e-6, 5.0]])], UndecayedPruning())
    assert gone.tolist() == [[True, False]]


def test_gradients_are_averaged_until_the_weights_go() -> None:
    weight = torch.tensor([[1.0, 1.0]])
    noise = [torch.tensor([[3.0, 0.5]]), torch.tensor([[-3.0, 0.5]])]  # the first cancels out
    gone = pruned_at(weight, noise, UndecayedPruning(ramp=1.0))
    assert gone.tolist() == [[True, False]]


def test_along_a_ramp_what_is_removed_stays_removed() -> None:
    torch.manual_seed(3)
    gradients = [torch.randn(4, 10) for _ in range(8)]
    method = UndecayedPruning(ramp=1.0, updates=8)
    first = pruned_at(torch.randn(4, 10), gradients[:1], method)
    assert int(first.sum()) == 20  # one step is the whole training: all at once
    counts = []
    layer = nn.Linear(10, 4, bias=False)
    own = LayerWeight(layer)
    gradual = UndecayedPruning(ramp=1.0, updates=8)
    gradual.attach(layer, {"fc": own}, Configuration((LayerBudget("fc", 0.5, 32),), 1))
    before = torch.zeros(4, 10, dtype=torch.bool)
    for step, gradient in enumerate(gradients):
        own.trained.grad = gradient * (~before)
        gradual.update(Progress(step, 8, 1, 0.0))
        gone = layer.weight == 0.0
        assert bool((gone | ~before).all())
        before = gone
        counts.append(int(gone.sum()))
    assert counts == sorted(counts)
    assert counts[-1] == 20


def test_an_unknown_score_is_named() -> None:
    with pytest.raises(InputError, match=r"method\.undecayed: .*did you mean 'with_decay'"):
        UndecayedPruning(score="with_decy")
