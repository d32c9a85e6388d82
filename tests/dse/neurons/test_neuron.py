import copy

import pytest
import torch
from torch import nn

from cost_models import InputError
from dse.neurons import LIF, Timeline, record_activity, spiking_neurons


def test_rows_of_one_batch_are_a_static_frame_and_rows_of_all_steps_are_not():
    timeline = Timeline(steps=4, batch=3)
    assert timeline.is_static(3)
    assert not timeline.is_static(12)


def test_with_one_step_nothing_is_expanded():
    assert not Timeline(steps=1, batch=3).is_static(3)


def test_other_rows_are_refused():
    with pytest.raises(InputError, match="got 5 rows; it takes 4 time steps of 3 samples, time first"):
        Timeline(steps=4, batch=3).is_static(5)


def test_neurons_are_found_by_path_in_order():
    network = nn.Sequential(nn.Linear(2, 2), LIF(), nn.Sequential(nn.ReLU(), LIF()))
    assert list(spiking_neurons(network)) == ["1", "2.1"]


@pytest.mark.parametrize("engine", ["torch", "numba"])
class TestRecording:
    def test_the_spike_rate_is_that_before_pooling(self, engine):
        neuron = LIF(pool=2, engine=engine)
        current = torch.tensor([2.0, 0, 0, 0, 2.0, 0, 0, 0]).reshape(1, 1, 2, 4)
        with record_activity(neuron) as record:
            neuron(current)
        assert record[""].spike_rate == 0.25

    def test_the_output_density_is_that_after_pooling(self, engine):
        neuron = LIF(pool=2, engine=engine)
        current = torch.tensor([2.0, 0, 0, 0, 2.0, 0, 0, 0]).reshape(1, 1, 2, 4)
        with record_activity(neuron) as record:
            neuron(current)
        assert record[""].output_density == 0.5

    def test_passes_of_different_size_add_up(self, engine):
        neuron = LIF(engine=engine)
        with record_activity(neuron) as record:
            neuron(torch.full((3, 4), 2.0))
            neuron(torch.zeros(1, 4))
        assert record[""].spike_rate == 0.75

    def test_neurons_that_no_pooled_block_covers_are_counted(self, engine):
        neuron = LIF(pool=2, engine=engine)
        current = torch.zeros(1, 1, 3, 3)
        current[..., 2, 2] = 2.0
        with record_activity(neuron) as record:
            output = neuron(current)
        assert record[""].spike_rate == pytest.approx(1 / 9)
        assert output.tolist() == [[[[0.0]]]]

    def test_recording_does_not_change_what_is_emitted(self, engine):
        neuron = LIF(pool=2, engine=engine)
        current = torch.randn(4, 2, 7, 5)
        with record_activity(neuron):
            recorded = neuron(current)
        assert torch.equal(recorded, neuron(current))


def test_nothing_is_recorded_outside_the_block():
    neuron = LIF()
    with record_activity(neuron) as record:
        pass
    neuron(torch.ones(2, 2))
    assert neuron.activity is None
    assert record[""].neuron_steps == 0
    assert record[""].spike_rate == record[""].output_density == 0.0


def test_an_exception_inside_ends_the_recording():
    neuron = LIF()
    with pytest.raises(KeyError), record_activity(neuron):
        raise KeyError
    assert neuron.activity is None


def test_neurons_copied_together_still_share_one_time_line():
    network = nn.Sequential(LIF(), LIF())
    network[0].timeline = network[1].timeline = Timeline(steps=4)
    first, second = copy.deepcopy(network)
    assert first.timeline is second.timeline
    assert first.timeline is not network[0].timeline
