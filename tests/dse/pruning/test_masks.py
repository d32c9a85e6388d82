"""Masks: exactly the asked counts, the smallest scores, and no change after freezing."""

from __future__ import annotations

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from cost_models import Configuration, InputError, Layer, LayerBudget, Workload, estimate, load_hardware
from dse.pruning import LayerMasks, LayerWeight
from dse.pruning.masks import MasksAreFrozen, magnitude
from dse.pruning.schedule import Ramp
from dse.pruning.selection import removed_count, smallest


def masked_linear(ratio: float) -> tuple[nn.Linear, LayerMasks]:
    torch.manual_seed(0)
    layer = nn.Linear(10, 7)
    return layer, LayerMasks({"fc": LayerWeight(layer)}, Configuration((LayerBudget("fc", ratio, 32),), 1))


@given(st.lists(st.sampled_from((0.0, 0.5, -0.5, 1.0, 2.0)), min_size=1, max_size=12), st.data())
def test_the_smallest_scores_are_as_a_full_sort_finds_them(values: list[float], data: st.DataObject) -> None:
    count = data.draw(st.integers(0, len(values)))
    chosen = smallest(torch.tensor(values), count).tolist()
    by_sorting = sorted(range(len(values)), key=lambda index: (values[index], index))[:count]
    assert [index for index, one in enumerate(chosen) if one] == sorted(by_sorting)


@given(st.floats(0.01, 0.999))
def test_a_mask_removes_exactly_the_asked_share_and_the_smallest_weights(ratio: float) -> None:
    layer, masks = masked_linear(ratio)
    before = layer.weight.detach().clone()
    masks.remove_smallest(magnitude)
    gone = layer.weight == 0.0
    assert int(gone.sum()) == removed_count(70, ratio) == masks.removed()["fc"]
    if gone.any() and not gone.all():
        assert before.abs()[gone].max() <= before.abs()[~gone].min()


@given(st.integers(1, 60), st.floats(0.0, 1.0, exclude_max=True))
def test_the_number_that_goes_is_the_nearest_to_the_ratio_that_leaves_one(count: int, ratio: float) -> None:
    nearest = min(abs(gone - ratio * count) for gone in range(count))
    assert 0 <= removed_count(count, ratio) < count
    assert abs(removed_count(count, ratio) - ratio * count) == nearest


@given(st.integers(1, 10**9), st.floats(0.0, 1.0, exclude_max=True))
def test_at_any_size_the_count_is_rounded_as_python_rounds(count: int, ratio: float) -> None:
    assert removed_count(count, ratio) == min(round(ratio * count), count - 1)


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.floats(0.0, 1.0, exclude_max=True))
@example(3, 3, 0.95)
def test_as_many_weights_are_priced_as_a_mask_leaves(inputs: int, outputs: int, ratio: float) -> None:
    configuration = Configuration((LayerBudget("fc", ratio, 8),))
    workload = Workload("one layer", (inputs,), (Layer("fc", "linear", (outputs, inputs)),))
    priced = estimate(workload, configuration, load_hardware("edge_asic_45nm")).total.parameters_kept
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.ones_(layer.weight)
    LayerMasks({"fc": LayerWeight(layer)}, configuration).remove_smallest(magnitude)
    assert priced == int(layer.weight.count_nonzero()) >= 1


def test_frozen_masks_cannot_be_chosen_again_and_survive_training() -> None:
    layer, masks = masked_linear(0.6)
    masks.remove_smallest(magnitude)
    masks.freeze()
    there = masks.kept("fc").clone()
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1, weight_decay=0.1)
    for _ in range(20):
        optimizer.zero_grad()
        layer(torch.randn(5, 10)).square().sum().backward()
        optimizer.step()
    with pytest.raises(MasksAreFrozen):
        masks.remove_smallest(magnitude)
    assert torch.equal(masks.kept("fc"), there)
    assert torch.equal(layer.weight != 0.0, there)


def test_the_recovered_share_counts_weights_that_were_removed_and_are_back() -> None:
    _, masks = masked_linear(0.5)
    first = torch.zeros(7, 10, dtype=torch.bool)
    first[0] = True  # ten weights go
    second = torch.zeros(7, 10, dtype=torch.bool)
    second[0, :4] = second[1] = True  # six of them come back, ten others go
    masks.remove("fc", first)
    assert masks.recovered_share() == 0.0
    masks.remove("fc", second)
    assert masks.recovered_share() == 6 / 20


def test_a_ramp_of_one_update_is_one_shot() -> None:
    ramp = Ramp("method.x", end=0.3, updates=1)
    assert [ramp.advance(share) for share in (0.1, 0.29, 0.31, 0.5, 1.0)] == [None, None, 1.0, None, None]


@pytest.mark.parametrize(("end", "updates", "word"), [(0.0, 1, "ramp"), (1.5, 1, "ramp"), (0.5, 0, "updates")])
def test_a_ramp_that_cannot_be_is_refused_with_the_options_name(end: float, updates: int, word: str) -> None:
    with pytest.raises(InputError, match=rf"method\.x: {word}"):
        Ramp("method.x", end, updates)
