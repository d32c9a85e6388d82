"""The named ways to store a membrane, the mask that a stored membrane gives, and the learned threshold."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cost_models import InputError
from dse.neurons import (
    LIF,
    MEMBRANE_QUANTIZERS,
    LIFDynamics,
    MembraneGrid,
    ThresholdCentredGrid,
    Timeline,
    fused,
    quantise_membrane,
    record_activity,
)
from dse.neurons.dynamics import lif_over_time
from dse.neurons.learned_threshold import threshold_gradient


def currents(*shape: int, seed: int = 0) -> torch.Tensor:
    return 0.9 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) + 0.2


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 8])
def test_a_threshold_centred_grid_has_zero_the_threshold_and_its_finest_steps_there(bits: int) -> None:
    levels = ThresholdCentredGrid.of(bits, 0.5).levels
    assert len(levels) == 2**bits
    assert 0.0 in levels
    assert levels[-1] == 0.5
    gaps = [high - low for low, high in itertools.pairwise(levels)]
    # the distances form a geometric series; the first gap, from the threshold to the series, is a step of its own
    assert all(above < below for below, above in itertools.pairwise(gaps[:-1]))


@pytest.mark.parametrize("bits", [1.58, 2, 4])
@given(potential=st.floats(-9, 3, width=32))
def test_a_threshold_centred_grid_stores_the_nearest_level_ties_up(bits: float, potential: float) -> None:
    grid = ThresholdCentredGrid.of(bits)
    stored = grid.quantise(torch.tensor([potential], dtype=torch.float64)).item()
    assert abs(stored - potential) == pytest.approx(min(abs(level - potential) for level in grid.levels))
    ties = torch.tensor(grid.boundaries, dtype=torch.float64)
    assert grid.quantise(ties).tolist() == list(grid.levels[1:])


def test_the_stacked_gradient_is_refused_on_a_grid_that_is_not_evenly_spaced() -> None:
    with pytest.raises(InputError, match="needs an evenly spaced grid"):
        quantise_membrane(torch.zeros(1), ThresholdCentredGrid.of(3), "stacked")


def test_a_shared_scale_stores_whole_numbers_of_weight_codes() -> None:
    neuron = LIF(membrane_bits=4, membrane_quantizer="shared_scale")
    assert neuron.dynamics.grid is None  # nothing is known of the weights yet
    neuron.set_membrane_unit(0.125)
    assert neuron.dynamics.grid == MembraneGrid(-0.875, 0.875, 0.125)


@pytest.mark.parametrize("name", MEMBRANE_QUANTIZERS)
def test_every_membrane_quantizer_trains_in_a_layer_of_neurons(name: str) -> None:
    neuron = LIF(membrane_bits=3, membrane_quantizer=name)
    neuron.set_membrane_unit(0.2)
    neuron.timeline = Timeline(steps=4, batch=5)
    current = currents(20, 30).requires_grad_()
    neuron(current).sum().backward()
    assert current.grad is not None
    assert current.grad.isfinite().all()
    assert current.grad.any()


class TestMembraneMask:
    def spikes(self, values: list[float], mask: str, engine: str, bits: float = 1.58) -> list[float]:
        neuron = LIF(membrane_bits=bits, membrane_mask=mask, engine=engine)
        neuron.timeline = Timeline(steps=len(values), batch=1)
        return neuron(torch.tensor(values).unsqueeze(1)).flatten().tolist()

    @pytest.mark.parametrize("engine", ["torch", "numba"])
    def test_a_skipped_current_comes_back_after_one_step(self, engine: str) -> None:
        # stored -1; skipped: u = -0.5 is stored as 0 (ties up); then 2 fires
        assert self.spikes([-0.9, 2.0, 2.0], "skip", engine) == [0, 0, 1]
        assert self.spikes([-0.9, 2.0, 2.0], "none", engine) == [0, 1, 1]

    @pytest.mark.parametrize("engine", ["torch", "numba"])
    def test_a_held_neuron_is_silent_for_the_rest_of_the_sample(self, engine: str) -> None:
        assert self.spikes([0.1, -0.9, 2.0, 9.0, 9.0], "hold", engine) == [0, 0, 0, 0, 0]

    @pytest.mark.parametrize("engine", ["torch", "numba"])
    def test_what_is_negative_is_decided_on_the_ternary_grid_at_any_width(self, engine: str) -> None:
        assert self.spikes([-0.49, 2.0], "hold", engine, bits=32) == [0, 1]
        assert self.spikes([-0.51, 2.0], "hold", engine, bits=32) == [0, 0]

    @pytest.mark.parametrize("mask", ["skip", "hold"])
    def test_the_masked_share_is_counted(self, mask: str) -> None:
        neuron = LIF(membrane_bits=1.58, membrane_mask=mask)
        neuron.timeline = Timeline(steps=4, batch=1)
        values = torch.tensor([[-0.9, 0.1], [0.0, 0.1], [0.0, 0.1], [0.0, 0.1]])
        with record_activity(neuron) as record:
            neuron(values)
        assert record[""].masked == (3 if mask == "hold" else 1)
        assert record[""].masked_share == record[""].masked / 8

    def test_an_unknown_mask_is_refused(self) -> None:
        with pytest.raises(InputError, match="unknown membrane mask 'holt'; did you mean 'hold'"):
            LIF(membrane_mask="holt")


@pytest.mark.parametrize("surrogate", ["triangle", "rectangle", "atan", "sigmoid", "fast_sigmoid"])
@pytest.mark.parametrize("mask", ["none", "skip", "hold"])
def test_the_kernel_agrees_with_autograd_for_masks_and_learned_thresholds(surrogate: str, mask: str) -> None:
    for reset, bits, static, pool, learns in itertools.product(
        ("hard", "soft"), (1.58, 32), (True, False), (1, 2), (True, False)
    ):
        dynamics = LIFDynamics(0.6, 0.8, reset, surrogate, bits, detach_reset=reset == "soft", membrane_mask=mask)
        results = []
        for engine in ("torch", "kernel"):
            threshold = torch.tensor(0.8, requires_grad=True) if learns else None
            leaf = currents(3 if static else 12, 2, 6, 10).requires_grad_()
            if engine == "torch":
                output = lif_over_time(leaf, 4, static, dynamics, threshold)
                output = torch.nn.functional.avg_pool2d(output, pool) if pool > 1 else output
            else:
                output = fused.lif_over_time(leaf, 4, static, dynamics, pool, threshold)
            output.backward(torch.randn(output.shape, generator=torch.Generator().manual_seed(1)))
            results.append((output.detach(), leaf.grad, threshold.grad if threshold is not None else torch.zeros(())))
        assert torch.equal(results[0][0], results[1][0])
        torch.testing.assert_close(results[1][1], results[0][1], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(results[1][2], results[0][2], atol=1e-3, rtol=1e-4)


class TestLearnedThreshold:
    def test_its_gradient_is_the_sum_over_fired_neurons_and_the_plain_sum(self) -> None:
        # LT-SNN: g_u = upstream x triangle(u - V); - sum g_u S(u - V) over those that fired, and the plain - sum g_u
        potential, upstream = [0.2, 0.9, 1.3, 1.9, 4.0], [1.0, -2.0, 0.5, 3.0, 1.0]
        flow = [up * max(0.0, 1 - abs(u - 1)) for u, up in zip(potential, upstream, strict=True)]
        logistic = [1 / (1 + 2.718281828459045 ** -(u - 1)) for u in potential]
        own = -sum(g * s for g, s, u in zip(flow, logistic, potential, strict=True) if u > 1)
        given = threshold_gradient(torch.tensor(flow), torch.tensor(potential) - 1.0)
        assert float(given) == pytest.approx(own - sum(flow), abs=1e-5)

    def test_it_is_trained_and_moves_what_fires(self) -> None:
        neuron = LIF(learn_threshold=True)
        neuron.timeline = Timeline(steps=2, batch=4)
        current = currents(8, 50)
        before = neuron(current).sum()
        optimizer = torch.optim.SGD(neuron.parameters(), lr=0.02)
        neuron(current).sum().backward()
        optimizer.step()
        assert float(neuron.threshold.detach()) > 1.0
        assert neuron(current).sum() < before
        assert neuron.present_dynamics().grid is None
        neuron.membrane_bits = 1.58
        assert neuron.present_dynamics().grid.highest == pytest.approx(float(neuron.threshold.detach()))

    def test_it_stays_above_zero(self) -> None:
        neuron = LIF(learn_threshold=True)
        with torch.no_grad():
            neuron.threshold.fill_(-3.0)
        assert neuron.present_dynamics().threshold == 0.05

    def test_it_is_saved_with_the_network(self) -> None:
        other = LIF(learn_threshold=True)
        with torch.no_grad():
            other.threshold.fill_(1.7)
        neuron = LIF(learn_threshold=True)
        neuron.load_state_dict(other.state_dict())
        assert neuron.present_dynamics().threshold == pytest.approx(1.7)

    def test_a_fixed_one_is_no_parameter_any_more(self) -> None:
        neuron = LIF(learn_threshold=True)
        neuron.fix_threshold()
        assert not list(neuron.parameters())
