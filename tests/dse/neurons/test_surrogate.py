import numpy as np
import pytest
import torch

from cost_models import InputError
from dse.neurons import SURROGATES, spike


def slope(name: str, *distances: float) -> list[float]:
    distance = torch.tensor(distances, dtype=torch.float64, requires_grad=True)
    spike(distance, name).sum().backward()
    assert distance.grad is not None
    return distance.grad.tolist()


def test_a_neuron_fires_only_strictly_above_its_threshold():
    assert spike(torch.tensor([-1.0, -1e-6, 0.0, 1e-6, 1.0])).tolist() == [0, 0, 0, 1, 1]


def test_the_triangle_falls_from_one_to_zero_at_distance_one():
    assert slope("triangle", -2, -1, -0.25, 0, 0.5, 1, 3) == [0, 0, 0.75, 1, 0.5, 0, 0]


def test_the_rectangle_is_one_wide():
    assert slope("rectangle", -0.6, -0.4, 0, 0.4, 0.6) == [0, 1, 1, 1, 0]


@pytest.mark.parametrize(
    ("name", "primitive"),
    [
        ("atan", lambda d: np.arctan(np.pi * d) / np.pi),
        ("sigmoid", lambda d: 1 / (1 + np.exp(-4 * d))),
        ("fast_sigmoid", lambda d: d / (1 + 25 * np.abs(d))),
    ],
)
def test_a_smooth_surrogate_is_the_derivative_of_its_named_function(name, primitive):
    distances = np.linspace(-1.5, 1.5, 8)
    numeric = (primitive(distances + 1e-6) - primitive(distances - 1e-6)) / 2e-6
    np.testing.assert_allclose(slope(name, *distances), numeric, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", SURROGATES)
def test_every_surrogate_is_even_not_negative_and_highest_at_the_threshold(name):
    left, right = slope(name, -2.0, -0.3, 0.0), slope(name, 2.0, 0.3, 0.0)
    assert left == pytest.approx(right)
    assert 0 <= left[0] <= left[1] <= left[2]


def test_an_unknown_surrogate_is_named_with_the_nearest_known_one():
    with pytest.raises(InputError, match="unknown surrogate 'triangel'; did you mean 'triangle'"):
        spike(torch.zeros(1), "triangel")
