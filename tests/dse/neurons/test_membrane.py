import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cost_models import InputError
from dse.neurons import MembraneGrid, quantise_membrane

BITS = [1, 1.58, 2, 3, 4, 5, 8]


def slope(bits: float, potentials: list[float], gradient: str = "stacked", threshold: float = 1.0) -> np.ndarray:
    potential = torch.tensor(potentials, dtype=torch.float64, requires_grad=True)
    quantise_membrane(potential, MembraneGrid.of(bits, threshold), gradient).sum().backward()
    assert potential.grad is not None
    return potential.grad.numpy()


@pytest.mark.parametrize(
    ("bits", "levels"),
    [
        (1, [0, 1]),
        (1.58, [-1, 0, 1]),
        (2, [-2, -1, 0, 1]),
        (3, [-2.5, -2, -1.5, -1, -0.5, 0, 0.5, 1]),
        (4, np.arange(-2.75, 1.01, 0.25)),
        (8, 1 - np.arange(255, -1, -1) / 64),
    ],
)
def test_the_levels_of_a_bit_width(bits, levels):
    grid = MembraneGrid.of(bits)
    np.testing.assert_array_equal(grid.levels, levels)
    assert grid.count == len(levels)


@pytest.mark.parametrize("threshold", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("bits", BITS)
def test_zero_and_the_threshold_are_levels_of_every_grid(bits, threshold):
    levels = MembraneGrid.of(bits, threshold).levels
    assert 0.0 in levels
    assert levels[-1] == threshold


def test_thirty_two_bits_leave_the_membrane_as_it_is():
    potential = torch.randn(5)
    assert MembraneGrid.of(32) is None
    assert quantise_membrane(potential, None) is potential


@pytest.mark.parametrize("bits", [0, 2.5, 33, "4"])
def test_what_is_not_a_bit_width_is_refused(bits):
    with pytest.raises(InputError, match="membrane_bits is"):
        MembraneGrid.of(bits)


@pytest.mark.parametrize("bits", [*BITS, 16, 20])
@given(seed=st.integers(0, 2**16))
def test_a_stored_membrane_stays_where_it_is_when_stored_again(bits, seed):
    grid = MembraneGrid.of(bits, 0.7)
    stored = grid.quantise(3 * torch.randn(50, generator=torch.Generator().manual_seed(seed)))
    assert torch.equal(grid.quantise(stored), stored)


@pytest.mark.parametrize("bits", BITS)
@given(potential=st.floats(-6, 6, width=32))
def test_the_nearest_level_is_stored(bits, potential):
    grid = MembraneGrid.of(bits)
    stored = grid.quantise(torch.tensor([potential], dtype=torch.float64)).item()
    assert stored in grid.levels
    assert abs(stored - potential) == pytest.approx(min(abs(level - potential) for level in grid.levels))


@pytest.mark.parametrize("bits", BITS)
def test_a_tie_goes_up(bits):
    grid = MembraneGrid.of(bits)
    ties = torch.tensor(grid.boundaries, dtype=torch.float64)
    assert grid.quantise(ties).tolist() == list(grid.levels[1:])


def test_the_stacked_surrogate_has_the_published_values_on_the_ternary_grid():
    np.testing.assert_allclose(slope(1.58, [-0.5, 0.0, 0.5]), [0.709987, 0.786448, 0.709987], atol=5e-7)


@pytest.mark.parametrize("bits", BITS)
def test_the_stacked_surrogate_is_a_sum_of_logistic_slopes_over_the_boundaries_times_the_step(bits):
    grid, potentials = MembraneGrid.of(bits), np.linspace(-5, 4, 181)
    levels = np.array(grid.levels)
    firing = 1 / (1 + np.exp(-2 * (potentials[:, None] - (levels[1:] + levels[:-1]) / 2)))
    expected = grid.step * (2 * firing * (1 - firing)).sum(axis=1)
    np.testing.assert_allclose(slope(bits, potentials.tolist()), expected, atol=3e-6)


@pytest.mark.parametrize("bits", BITS)
def test_the_stacked_surrogate_climbs_as_much_as_the_grid_is_high(bits):
    grid, potentials = MembraneGrid.of(bits), np.linspace(-30, 30, 6001)
    climbed = slope(bits, potentials.tolist()).sum() * 0.01
    assert climbed == pytest.approx(grid.highest - grid.lowest, rel=1e-4)


def test_the_stacked_surrogate_is_the_same_in_units_of_the_threshold():
    np.testing.assert_allclose(slope(4, [-1.0, 0.4], threshold=2.0), slope(4, [-0.5, 0.2]), rtol=1e-12)


def test_straight_through_passes_the_gradient_everywhere():
    assert slope(1.58, [-9.0, 0.2, 9.0], "straight_through").tolist() == [1, 1, 1]


def test_an_unknown_membrane_gradient_is_refused():
    with pytest.raises(InputError, match="unknown membrane gradient 'stack'; did you mean 'stacked'"):
        quantise_membrane(torch.zeros(1), MembraneGrid.of(2), "stack")
