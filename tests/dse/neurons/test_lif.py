"""One neuron's rules against sequences worked out by hand, in both engines."""

import math

import pytest
import torch

from cost_models import InputError
from dse.neurons import LIF, NEURONS, Timeline

ENGINES = ["torch", "numba"]


def spikes_of(currents: list[float], **rules) -> list[float]:
    neuron = LIF(**rules)
    neuron.timeline = Timeline(steps=len(currents), batch=1)
    return neuron(torch.tensor(currents).unsqueeze(1)).squeeze(1).tolist()


def gradient_of_last_spike(currents: list[float], **rules) -> list[float]:
    neuron = LIF(**rules)
    neuron.timeline = Timeline(steps=len(currents), batch=1)
    current = torch.tensor(currents).unsqueeze(1).requires_grad_()
    neuron(current)[-1].sum().backward()
    assert current.grad is not None
    return current.grad.squeeze(1).tolist()


@pytest.mark.parametrize("engine", ENGINES)
class TestByHand:
    def test_a_hard_reset_forgets_what_was_above_the_threshold(self, engine):
        # u: 0.9, 1.35 fires -> 0, 0.9, 1.35 fires
        assert spikes_of([0.9] * 4, engine=engine) == [0, 1, 0, 1]

    def test_a_soft_reset_keeps_what_was_above_the_threshold(self, engine):
        # u: 0.9, 1.35 fires -> 0.35, 1.075 fires -> 0.075, 0.9375
        assert spikes_of([0.9] * 4, reset="soft", engine=engine) == [0, 1, 1, 0]

    def test_a_current_that_just_reaches_the_threshold_does_not_fire(self, engine):
        assert spikes_of([1.0, 0.5], engine=engine) == [0, 0]

    def test_a_leak_of_one_sums_the_currents(self, engine):
        assert spikes_of([0.25] * 6, leak=1.0, engine=engine) == [0, 0, 0, 0, 1, 0]

    def test_a_higher_threshold_needs_more_current(self, engine):
        # u: 0.9, 1.35, 1.575 fires
        assert spikes_of([0.9] * 3, threshold=1.5, engine=engine) == [0, 0, 1]

    def test_a_float_membrane_remembers_what_a_ternary_one_rounds(self, engine):
        # u: 0.6, 0.9, 1.05 fires, 0.6
        assert spikes_of([0.6] * 4, engine=engine) == [0, 0, 1, 0]
        # stored 1 after u = 0.6; u = 1.1 fires; the same again
        assert spikes_of([0.6] * 4, membrane_bits=1.58, engine=engine) == [0, 1, 0, 1]

    def test_the_lowest_level_bounds_what_is_stored(self, engine):
        # -9 is stored as -1 on the ternary grid (u = 1.6 - 0.5), as -2 on the two-bit one (u = 1.6 - 1)
        assert spikes_of([-9.0, 1.6], membrane_bits=1.58, engine=engine) == [0, 1]
        assert spikes_of([-9.0, 1.6], membrane_bits=2, engine=engine) == [0, 0]

    def test_the_spike_sees_the_sum_before_it_is_rounded(self, engine):
        # 0.9 would round to the threshold's level; 1.01 rounds to it as well, but fires
        assert spikes_of([0.9], membrane_bits=1.58, engine=engine) == [0]
        assert spikes_of([1.01], membrane_bits=1.58, engine=engine) == [1]

    def test_the_gradient_reaches_earlier_currents_through_the_leak(self, engine):
        # slope at u = 1.2 is 0.8; one leak of 0.5 back
        assert gradient_of_last_spike([0.8, 0.8], engine=engine) == pytest.approx([0.4, 0.8])

    def test_a_detached_hard_reset_cuts_the_gradient(self, engine):
        # the first step fires: nothing of it is left; u = 0.8 in the second
        assert gradient_of_last_spike([1.5, 0.8], engine=engine) == pytest.approx([0.0, 0.8])

    def test_an_attached_hard_reset_has_its_own_gradient(self, engine):
        # du2/dx1 = 0.5 (1 - 0.8 * 0.8) = 0.18, times the slope 0.8 at u = 1.2
        assert gradient_of_last_spike([0.8, 0.8], detach_reset=False, engine=engine) == pytest.approx([0.144, 0.8])

    def test_an_attached_soft_reset_has_its_own_gradient(self, engine):
        # du2/dx1 = 0.5 (1 - 0.8 * 1) = 0.1
        rules = {"detach_reset": False, "reset": "soft", "engine": engine}
        assert gradient_of_last_spike([0.8, 0.8], **rules) == pytest.approx([0.08, 0.8])

    def test_the_gradient_passes_the_ternary_membrane_by_the_stacked_surrogate(self, engine):
        # stored 1, then u = 0.6 with slope 0.6
        firing = [1 / (1 + math.exp(-2 * (0.8 - boundary))) for boundary in (-0.5, 0.5)]
        through = sum(2 * x * (1 - x) for x in firing)
        rules = {"membrane_bits": 1.58, "engine": engine}
        assert gradient_of_last_spike([0.8, 0.1], **rules) == pytest.approx([0.6 * 0.5 * through, 0.6], abs=1e-6)
        straight = gradient_of_last_spike([0.8, 0.1], membrane_quantizer="straight_through", **rules)
        assert straight == pytest.approx([0.3, 0.6])

    def test_a_pool_averages_the_spikes_of_each_block(self, engine):
        neuron = LIF(pool=2, engine=engine)
        current = torch.tensor([[2.0, 0.0, 2.0, 2.0], [2.0, 0.0, 2.0, 2.0]]).reshape(1, 1, 2, 4)
        assert neuron(current).tolist() == [[[[0.5, 1.0]]]]

    def test_a_static_current_is_shown_in_every_step(self, engine):
        neuron = LIF(engine=engine)
        neuron.timeline = Timeline(steps=4, batch=2)
        assert neuron(torch.tensor([[0.9], [0.4]])).flatten().tolist() == [0, 0, 1, 0, 0, 0, 1, 0]


def test_membrane_bits_may_be_set_later():
    neuron = LIF(threshold=2.0)
    neuron.membrane_bits = 1.58
    assert neuron.dynamics.grid is not None
    assert neuron.dynamics.grid.levels == (-2.0, 0.0, 2.0)


def test_a_neuron_has_no_parameters_and_no_state_to_save():
    assert not LIF().state_dict()


def test_the_table_of_neurons_names_the_leaky_one():
    assert NEURONS["lif"] is LIF


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ({"leak": 1.5}, "leak is 1.5; it is the share of the membrane kept per step, from 0 to 1"),
        ({"threshold": 0}, "threshold is 0; it is a number above 0"),
        ({"reset": "sfot"}, "unknown reset 'sfot'; did you mean 'soft'"),
        ({"surrogate": "atn"}, "unknown surrogate 'atn'; did you mean 'atan'"),
        ({"membrane_bits": 2.5}, "membrane_bits is 2.5; bit widths are whole numbers"),
        ({"membrane_quantizer": "stackd"}, "unknown membrane quantizer 'stackd'; did you mean 'stacked'"),
        ({"pool": 3}, "pool is 3; the pool behind a neuron is 1 \\(none\\) or 2"),
        ({"engine": "cuda"}, "unknown engine 'cuda'"),
    ],
)
def test_a_wrong_rule_is_refused_in_one_sentence(rules, sentence):
    with pytest.raises(InputError, match=sentence):
        LIF(**rules)


def test_a_wrong_bit_width_set_later_changes_nothing():
    neuron = LIF(membrane_bits=4)
    with pytest.raises(InputError):
        neuron.membrane_bits = 0.5
    assert neuron.membrane_bits == 4


def test_a_pool_needs_rows_and_columns():
    with pytest.raises(InputError, match="got 8 values a sample; it needs 2x2"):
        LIF(pool=2)(torch.zeros(3, 8))
