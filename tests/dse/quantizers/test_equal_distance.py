"""ADMM-NN's levels: their scale against brute force, zero as no level, and the joint course of ADMM."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dse.quantizers import EqualDistanceQuantizer
from dse.quantizers.equal_distance import EXACT_PAIRS, least_error_scale, nearest_level

sizes = st.lists(st.integers(1, 400).map(lambda n: n / 16), min_size=1, max_size=12)
quick = settings(deadline=None, max_examples=60)


def error(size: Tensor, scale: float, levels: int) -> float:
    grid = scale * torch.arange(1, levels + 1, dtype=torch.float64)
    return float((size.double()[:, None] - grid).abs().amin(dim=1).square().sum())


@quick
@given(sizes, st.sampled_from([1, 2, 4, 8]))
def test_no_scale_on_a_fine_grid_has_less_error(own: list[float], levels: int) -> None:
    size = torch.tensor(own, dtype=torch.float64)
    found = error(size, float(least_error_scale(size, levels)), levels)
    scales = torch.linspace(float(size.amin()) / (2 * levels), 1.2 * float(size.amax()), 3000, dtype=torch.float64)
    assert found <= min(error(size, float(scale), levels) for scale in scales[::7]) + 1e-9
    assert found <= error(size, float(size.mean()), levels) + 1e-9


@quick
@given(sizes, st.sampled_from([1, 2, 3, 4]), st.integers(0, 2**12 - 1))
def test_each_weight_goes_to_its_nearest_level_and_a_second_time_nowhere(
    own: list[float], bits: int, signs: int
) -> None:
    weight = torch.tensor([s if signs >> i & 1 else -s for i, s in enumerate(own)], dtype=torch.float64)
    integers = EqualDistanceQuantizer().to_integers(weight, bits)
    levels = [k for k in range(-(2 ** (bits - 1)), 2 ** (bits - 1) + 1) if k]
    grid = integers.scale * torch.tensor(levels, dtype=torch.float64)
    nearest = (weight[:, None] - grid).abs().amin(dim=1)
    torch.testing.assert_close((weight - integers.values).abs(), nearest, atol=1e-9, rtol=1e-9)
    again = EqualDistanceQuantizer().quantize(integers.values, bits)
    torch.testing.assert_close(again, integers.values, rtol=1e-9, atol=1e-12)


def test_zero_is_no_level_but_stands_for_removed_weights() -> None:
    weight = torch.tensor([0.001, -0.001, 0.0, 1.0, 1.0, 1.0, -2.0, -2.0, -2.0])
    codes = EqualDistanceQuantizer().to_integers(weight, 2).codes
    assert codes.tolist() == [1, -1, 0, 1, 1, 1, -2, -2, -2]


@pytest.mark.parametrize(("bits", "levels"), [(1, 2), (1.58, 2), (2, 4), (3, 8), (5, 32)])
def test_b_bits_have_two_to_the_b_levels_with_equal_distances_but_around_zero(bits: float, levels: int) -> None:
    weight = torch.linspace(-1, 1, 20_001)[torch.arange(20_001) != 10_000]
    codes = EqualDistanceQuantizer().to_integers(weight, bits).codes.unique()
    half = levels // 2
    assert codes.tolist() == [*range(-half, 0), *range(1, half + 1)]


def test_many_weights_find_nearly_the_scale_of_an_exact_search() -> None:
    size = torch.randn(EXACT_PAIRS, generator=torch.Generator().manual_seed(0)).abs()
    few = size[: EXACT_PAIRS // 8]
    exact, near = least_error_scale(few, 4), least_error_scale(size, 4)
    assert float(near) == pytest.approx(float(exact), rel=0.02)
    best = min(error(size, float(near) * factor, 4) for factor in torch.linspace(0.9, 1.1, 41).tolist())
    assert error(size, float(near), 4) <= best * (1 + 1e-6)


def test_halves_go_up() -> None:
    assert nearest_level(torch.tensor([0.4, 1.5, 2.5, 9.0]), torch.tensor(1.0), 4).tolist() == [1, 2, 3, 4]
