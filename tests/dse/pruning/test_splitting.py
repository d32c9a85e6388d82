"""ADMM's and SLR's numbers: projections against brute force, multiplier updates against hand-computed cases."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from cost_models import Configuration, InputError, LayerBudget
from dse.pruning import LayerWeight, PruningMethod
from dse.pruning.admm import ADMMPruning, admm_update, partial_ratio
from dse.pruning.method import Progress
from dse.pruning.slr import Multipliers, SLRPruning, gap, half_lagrangian, moved, step_size_factor
from dse.pruning.splitting import quadratic_penalty, sparse_projection

quick = settings(deadline=None, max_examples=50)
values = st.lists(st.integers(-40, 40).map(lambda n: n / 8), min_size=1, max_size=7)


def tensor(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


# Projections


@quick
@given(values, st.data())
def test_the_sparse_projection_is_the_nearest_tensor_with_so_many_zeros(own: list[float], data: st.DataObject) -> None:
    weight, removed = tensor(*own), data.draw(st.integers(0, len(own)))
    projected = sparse_projection(weight, removed)
    assert int((projected == 0).sum()) >= removed
    distances = []
    for gone in itertools.combinations(range(len(own)), removed):
        other = weight.clone()
        other[list(gone)] = 0.0
        distances.append(float((weight - other).square().sum()))
    assert float((weight - projected).square().sum()) == pytest.approx(min(distances), abs=1e-12)


@quick
@given(values, st.data())
def test_projecting_twice_is_projecting_once(own: list[float], data: st.DataObject) -> None:
    removed = data.draw(st.integers(0, len(own)))
    once = sparse_projection(tensor(*own), removed)
    assert torch.equal(sparse_projection(once, removed), once)


@quick
@given(st.lists(st.integers(1, 99), min_size=2, max_size=9, unique=True), st.data())
def test_without_zeros_the_number_of_zeros_is_exact(own: list[int], data: st.DataObject) -> None:
    removed = data.draw(st.integers(0, len(own)))
    assert int((sparse_projection(tensor(*own), removed) == 0).sum()) == removed


# ADMM


def test_an_admm_update_by_hand() -> None:
    # W + U = (3, -1, 2.5): the two largest stay; U + W - Z = (0, -1, 0)
    copy, scaled = admm_update(tensor(2.0, -1.5, 2.0), tensor(1.0, 0.5, 0.5), removed=1)
    assert copy.tolist() == [3.0, 0.0, 2.5]
    assert scaled.tolist() == [0.0, -1.0, 0.0]


def test_the_penalty_by_hand() -> None:
    # rho/2 ((1 - 0)^2 + (2 - 3)^2 + (0.5 - 0)^2)
    weights = {"a": tensor(1.0, 2.0), "b": tensor(0.5)}
    assert float(quadratic_penalty(weights, {"a": tensor(0.0, 3.0), "b": tensor(0.0)}, 0.2)) == pytest.approx(0.225)


def lagrangian(weight: Tensor, copy: Tensor, multiplier: Tensor, rho: float) -> Tensor:
    """The augmented Lagrangian as it is written down, less the task loss: <Lambda, W - Z> + rho/2 ||W - Z||^2."""
    return (multiplier * (weight - copy)).sum() + 0.5 * rho * (weight - copy).square().sum()


@quick
@given(values, st.sampled_from([0.25, 0.5, 2.0]), st.data())
def test_an_admm_update_minimises_the_lagrangian_over_sparse_copies_and_then_ascends_it_in_the_multiplier(
    own: list[float], rho: float, data: st.DataObject
) -> None:
    weight, removed = tensor(*own), data.draw(st.integers(0, len(own)))
    multiplier = (rho * weight.flip(0) / 2).requires_grad_()
    copy, scaled = admm_update(weight, multiplier.detach() / rho, removed)
    lowest = []
    for gone in itertools.combinations(range(len(own)), removed):
        free = torch.zeros_like(weight, requires_grad=True)
        # The Lagrangian is a parabola of curvature rho in each entry of Z: from zero one Newton step is the minimum.
        (slope,) = torch.autograd.grad(lagrangian(weight, free, multiplier.detach(), rho), free)
        best = (-slope / rho).index_fill(0, torch.tensor(gone, dtype=torch.long), 0.0)
        lowest.append(float(lagrangian(weight, best, multiplier.detach(), rho)))
    value = lagrangian(weight, copy, multiplier, rho)
    assert float(value.detach()) == pytest.approx(min(lowest), abs=1e-9)
    (upwards,) = torch.autograd.grad(value, multiplier)
    torch.testing.assert_close(rho * scaled, multiplier.detach() + rho * upwards)


def test_progressive_pruning_ends_at_the_ratio_and_keeps_the_same_share_in_each_step() -> None:
    kept = [1.0, *(1.0 - partial_ratio(0.992, step, 3) for step in (1, 2, 3))]
    assert kept[-1] == pytest.approx(0.008)
    assert [after / before for before, after in itertools.pairwise(kept)] == pytest.approx([0.2] * 3)


def trained_by_hand(method: PruningMethod, target: Tensor, steps: int, ratio: float = 0.5) -> Tensor:
    """Gradient descent on ||W - target||^2 / 2 plus the method's penalty, as the training loop would do it."""
    layer = nn.Linear(target.numel(), 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(target[None, :] + 0.3)
    method.attach(layer, {"fc": LayerWeight(layer)}, Configuration((LayerBudget("fc", ratio),)))
    trained = LayerWeight(layer).trained
    for step in range(steps):
        loss = 0.5 * (layer.weight - target).square().sum()
        penalty = method.penalty()
        trained.grad = None
        (loss if penalty is None else loss + penalty).backward()
        method.update(Progress(step, steps, steps, float(loss.detach())))
        assert trained.grad is not None
        with torch.no_grad():
            trained -= 0.3 * trained.grad
    method.settle()
    return layer.weight.detach()[0]


@pytest.mark.parametrize("make", [ADMMPruning, SLRPruning])
def test_on_a_quadratic_loss_the_best_sparse_weights_are_found(make: type[PruningMethod]) -> None:
    target = tensor(3.0, -0.2, 0.4, -2.0, 0.1, 1.0)
    found = trained_by_hand(make(), target, steps=300)
    torch.testing.assert_close(found, sparse_projection(target, 3), atol=1e-3, rtol=0)


def test_during_the_splitting_the_weights_move_to_their_sparse_copies() -> None:
    method = ADMMPruning(rho=0.5, rho_growth=1.0, splitting=1.0, updates=40)
    gaps = []
    iterate = method._iterate

    def spy(share: float) -> None:
        iterate(share)
        gaps.append(gap({n: w.detach() for n, w in method._trained().items()}, method._copies))

    method._iterate = spy  # type: ignore[method-assign]
    trained_by_hand(method, tensor(3.0, -0.2, 0.4, -2.0, 0.1, 1.0), steps=400)
    assert gaps[-1] < 0.05 * gaps[0]


def test_a_larger_rho_leaves_the_multiplier_as_it_is() -> None:
    method = ADMMPruning(rho=0.01, rho_growth=10.0)
    method._copies, method._scaled = {}, {"fc": tensor(2.0, -4.0)}
    method._grow_rho(0.5)
    assert method.rho == pytest.approx(0.01 * 10**0.5)
    torch.testing.assert_close(method.rho * method._scaled["fc"], 0.01 * tensor(2.0, -4.0))


def test_weights_that_a_step_has_removed_never_come_back() -> None:
    method = ADMMPruning(steps=3, updates=12)
    gone: list[Tensor] = []
    iterate = method._iterate

    def spy(share: float) -> None:
        iterate(share)
        gone.append(~method._masks.kept("fc"))

    method._iterate = spy  # type: ignore[method-assign]
    trained_by_hand(method, torch.linspace(-2, 2, 40, dtype=torch.float64), steps=60, ratio=0.875)
    counts = [int(mask.sum()) for mask in gone]
    assert sorted(set(counts)) == [0, 20, 30]  # kept: 40, then half, then half again; the last half at the end
    for before, after in itertools.pairwise(gone):
        assert bool((after | ~before).all())


# SLR


@pytest.mark.parametrize(("k", "factor"), [(1, 0.996667), (2, 0.996818), (10, 0.997924), (100, 0.999391)])
def test_the_step_size_factor_has_the_values_of_the_formula(k: int, factor: float) -> None:
    assert step_size_factor(k, 300, 0.1) == pytest.approx(factor, abs=5e-7)


def test_a_multiplier_step_by_hand() -> None:
    # gaps: ||(3, 4)|| = 5 before, ||(0, 2)|| + ||(1)|| = 3 now; alpha_1 = 1 - 1/4; s = 0.75 x 0.1 x 5 / 3 = 0.125
    weights, copies = {"a": tensor(1.0, 2.0), "b": tensor(1.0)}, {"a": tensor(1.0, 0.0), "b": tensor(0.0)}
    start = Multipliers({"a": tensor(0.0, 0.0), "b": tensor(1.0)}, 0.1)
    after = start.stepped(5.0, weights, copies, rho=0.5, m=4, r=0.1)
    assert after.step == pytest.approx(0.125)
    assert after.iteration == 2
    torch.testing.assert_close(after.scaled["a"], tensor(0.0, 0.5))  # 0.125 / 0.5 x 2
    torch.testing.assert_close(after.scaled["b"], tensor(1.25))


def test_no_step_is_taken_where_weights_and_copies_agree() -> None:
    start = Multipliers({"a": tensor(1.0)}, 0.1)
    assert start.stepped(1.0, {"a": tensor(2.0)}, {"a": tensor(2.0)}, rho=1.0, m=300, r=0.1) is start


@quick
@given(values)
def test_with_the_step_size_rho_a_multiplier_step_is_that_of_admm(own: list[float]) -> None:
    weight, scaled = tensor(*own), tensor(*own).flip(0) / 3
    copy, by_admm = admm_update(weight, scaled, len(own) // 2)
    by_slr = moved({"a": scaled}, {"a": weight}, {"a": copy}, step=0.7, rho=0.7)["a"]
    torch.testing.assert_close(by_slr, by_admm)


def attached(method: SLRPruning, own: list[float]) -> tuple[SLRPruning, Tensor]:
    layer = nn.Linear(len(own), 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(tensor(*own)[None, :])
    method.attach(layer, {"fc": LayerWeight(layer)}, Configuration((LayerBudget("fc", 0.5),)))
    return method, LayerWeight(layer).trained


def test_an_iteration_by_hand() -> None:
    method, trained = attached(SLRPruning(rho=0.5, step_size=0.1, m=4, r=0.1, numerator="fixed"), [2.0, -1.0])
    assert method._copies["fc"].tolist() == [[2.0, 0.0]]  # gap 1
    with torch.no_grad():
        trained.copy_(tensor(2.0, 0.5)[None, :])  # gap 0.5
    method._losses = [0.7]
    method._iterate(0.1)
    # first half: s' = 0.75 x 0.1 x 1 / 0.5 = 0.15, U' = 0.15 / 0.5 x (0, 0.5) = (0, 0.15)
    # Z = projection of (2, 0.65) = (2, 0); nothing has fallen in the second half: rejected
    assert method._multipliers.step == pytest.approx(0.15)
    assert method._scaled["fc"].tolist()[0] == pytest.approx([0.0, 0.15])
    assert method._multipliers.iteration == 2


def test_a_rejected_iteration_leaves_multipliers_and_step_to_the_bit() -> None:
    method, _ = attached(SLRPruning(rho=0.5, step_size=0.1), [2.0, -1.0])
    method._losses = [0.7]
    method._iterate(0.1)
    before, scaled = method._multipliers, method._scaled["fc"].clone()
    method._losses = [9.0]  # the loss has grown and the weights have not moved: neither half lowers the Lagrangian
    method._iterate(0.2)
    assert method._multipliers is before
    assert torch.equal(method._scaled["fc"], scaled)


@quick
@given(values)
def test_a_new_sparse_copy_never_raises_the_lagrangian(own: list[float]) -> None:
    weights, scaled = {"a": tensor(*own)}, {"a": tensor(*own).flip(0) / 5}
    old = {"a": sparse_projection(weights["a"], len(own) // 2)}
    new = {"a": sparse_projection(weights["a"] + scaled["a"], len(own) // 2)}
    assert half_lagrangian(weights, new, scaled, 0.1) <= half_lagrangian(weights, old, scaled, 0.1) + 1e-12


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (ADMMPruning, {"rho": 0.0}, "method.admm: rho is 0.0"),
        (ADMMPruning, {"splitting": 1.5}, "method.admm: splitting is 1.5"),
        (ADMMPruning, {"steps": 30}, "30 steps but only 20 updates"),
        (ADMMPruning, {"quantization": "none"}, "quantization is 'none'"),
        (SLRPruning, {"m": 0.5}, "method.slr: m is 0.5"),
        (SLRPruning, {"r": 1.0}, "method.slr: r is 1.0"),
        (SLRPruning, {"numerator": "old"}, "numerator is 'old'"),
    ],
)
def test_an_option_that_cannot_be_right_is_refused(make: type, options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        make(**options)
