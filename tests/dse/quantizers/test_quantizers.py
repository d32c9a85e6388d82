"""Every weight quantiser: integers that are the fake-quantised weights, and the levels that its source prints."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cost_models import InputError
from dse.quantizers import WEIGHT_QUANTIZERS, PowerOfTwoQuantizer, QuantizedWeight, SAWBQuantizer, TernaryQuantizer
from dse.quantizers.mint import MintQuantizer

WIDTHS = {
    "uniform": (1, 1.58, 2, 3, 4, 8),
    "equal_distance": (1, 1.58, 2, 3, 4, 8, 12),
    "ternary": (1.58, 2, 4, 8),
    "sawb": (2, 4, 8),
    "power_of_two": (2, 3, 4, 5, 6),
    "mint": (1.58, 2, 4, 8),
}
CASES = [(name, bits) for name, widths in WIDTHS.items() for bits in widths]


def weights(seed: int = 0, *shape: int) -> Tensor:
    return 0.1 * torch.randn(*(shape or (12, 7, 3, 3)), generator=torch.Generator().manual_seed(seed))


def test_the_table_names_every_quantiser() -> None:
    assert set(WIDTHS) == set(WEIGHT_QUANTIZERS)


@pytest.mark.parametrize(("name", "bits"), CASES)
@given(seed=st.integers(0, 2**16), scale=st.sampled_from([1e-3, 1.0, 30.0]))
def test_the_integers_are_the_weights_that_training_sees(name: str, bits: float, seed: int, scale: float) -> None:
    weight, quantizer = scale * weights(seed, 5, 9), WEIGHT_QUANTIZERS[name]()
    integers = quantizer.to_integers(weight, bits)
    assert integers.codes.dtype is torch.int32
    assert torch.equal(integers.values, quantizer.quantize(weight, bits))
    assert integers.codes.unique().numel() <= (3 if bits == 1.58 else 2**bits)
    assert bool((integers.codes.sign() * weight.sign() >= 0).all())


@pytest.mark.parametrize(("name", "bits"), CASES)
def test_a_removed_weight_stays_zero_and_takes_no_part_in_the_grid(name: str, bits: float) -> None:
    weight, quantizer = weights(), WEIGHT_QUANTIZERS[name]()
    padded = torch.cat([weight, torch.zeros(50, 7, 3, 3)])
    rounded = quantizer.quantize(padded, bits)
    torch.testing.assert_close(rounded[:12], quantizer.quantize(weight, bits))
    assert not rounded[12:].any()


@pytest.mark.parametrize(("name", "bits"), CASES)
def test_weights_that_are_all_zero_stay_so(name: str, bits: float) -> None:
    assert not WEIGHT_QUANTIZERS[name]().quantize(torch.zeros(3, 4), bits).any()


@pytest.mark.parametrize(("name", "bits"), CASES)
def test_the_gradient_passes_straight_through(name: str, bits: float) -> None:
    weight = weights().requires_grad_()
    WEIGHT_QUANTIZERS[name]().quantize(weight, bits).backward(torch.full_like(weight, 2.0))
    assert weight.grad is not None
    assert bool((weight.grad == 2.0).all())


@pytest.mark.parametrize(("name", "bits"), [("ternary", 1), ("sawb", 3), ("power_of_two", 8), ("mint", 1)])
def test_a_width_that_a_quantiser_does_not_have_is_refused(name: str, bits: float) -> None:
    with pytest.raises(InputError, match=f"weight_bits is {bits}; the weight quantizer '{name}' takes"):
        WEIGHT_QUANTIZERS[name]().check_bits(bits)


def test_ternary_follows_its_two_printed_rules() -> None:
    weight = torch.tensor([1.0, 0.06, 0.04, -0.5, -0.6])
    assert TernaryQuantizer().to_integers(weight, 2).codes.tolist() == [1, 1, 0, -1, -1]  # 0.05 x max = 0.05
    assert TernaryQuantizer("mean").to_integers(weight, 2).codes.tolist() == [1, 0, 0, -1, -1]  # 0.7 x mean = 0.308
    assert float(TernaryQuantizer("mean").to_integers(weight, 2).scale) == pytest.approx(2.1 / 3)


@pytest.mark.parametrize(("bits", "alpha"), [(2, 1.474), (4, 2.490), (8, 4.118)])
def test_sawb_clips_a_normal_distribution_where_its_coefficients_say(bits: int, alpha: float) -> None:
    # std 1 and mean |w| = 0.7979: 3.212 - 2.178 x 0.7979, (1 - 1.013 x 0.7979) / 0.077, (1 - 1.114 x 0.7979) / 0.027
    weight = torch.randn(400_000, generator=torch.Generator().manual_seed(0))
    integers = SAWBQuantizer().to_integers(weight, bits)
    top = 3 if bits == 2 else 2 ** (bits - 1) - 1
    assert float(integers.scale) * top == pytest.approx(alpha, abs=0.06)


def test_two_bit_sawb_has_four_levels_a_third_apart() -> None:
    codes = SAWBQuantizer().to_integers(weights(), 2).codes
    assert codes.unique().tolist() == [-3, -1, 1, 3]


def test_powers_of_two_are_the_nearest_ones() -> None:
    levels = torch.tensor([0.0, *(s * 2.0**-k for k in range(7) for s in (1, -1))])
    weight = torch.linspace(-1.2, 1.2, 1601)
    rounded = PowerOfTwoQuantizer().quantize(weight, 4)
    nearest = (weight[:, None] - levels).abs().amin(dim=1)
    torch.testing.assert_close((rounded - weight).abs(), nearest)


def test_mint_rounds_the_squashed_weight() -> None:
    # mean |w| = 1, s = 2: tanh(0.5) = 0.46 rounds to 0, tanh(0.75) = 0.64 to 1
    assert MintQuantizer().quantize(torch.tensor([1.0, -1.5, 0.5]), 2).tolist() == [0.0, -2.0, 0.0]


def test_the_scale_is_told_in_each_pass() -> None:
    told: list[float] = []
    parametrisation = QuantizedWeight(MintQuantizer(), 2, told.append)
    weight = weights()
    assert torch.equal(parametrisation(weight), MintQuantizer().quantize(weight, 2))
    assert told == [float(MintQuantizer().to_integers(weight, 2).scale)]
