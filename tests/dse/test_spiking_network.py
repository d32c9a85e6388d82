import copy

import pytest
import torch
from torch import Tensor, nn

from cost_models import InputError
from dse.neurons import LIF, LIFDynamics, record_activity
from dse.neurons.dynamics import lif_step
from dse.spiking_network import SpikingNetwork


def body(bits: float = 32) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        LIF(threshold=0.3, pool=2, membrane_bits=bits),
        nn.Conv2d(4, 6, 3, padding=1),
        LIF(threshold=0.3, membrane_bits=bits),
        nn.Flatten(),
        nn.Linear(6 * 16, 10),
    )


def step_by_step(layers: nn.Sequential, frames: Tensor) -> Tensor:
    """The ordinary loop over time, one frame after the other."""
    states: dict[int, Tensor] = {}
    outputs = []
    for frame in frames:
        value = frame
        for index, layer in enumerate(layers):
            if isinstance(layer, LIF):
                state = states.get(index, torch.zeros_like(value))
                value, states[index] = lif_step(value, state, layer.dynamics)
                value = nn.functional.avg_pool2d(value, layer.pool)
            else:
                value = layer(value)
        outputs.append(value)
    return torch.stack(outputs)


@pytest.mark.parametrize("bits", [1.58, 4, 32])
def test_folding_time_into_the_batch_gives_what_a_loop_over_time_gives(bits):
    layers, frames = body(bits), torch.rand(5, 3, 1, 8, 8)
    network = SpikingNetwork(layers, time_steps=5)
    torch.testing.assert_close(network.steps(frames), step_by_step(layers, frames))


def test_a_static_image_equals_a_sequence_of_the_same_frame():
    network, image = SpikingNetwork(body(), time_steps=4), torch.rand(3, 1, 8, 8)
    torch.testing.assert_close(network.steps(image), network.steps(image.expand(4, 3, 1, 8, 8)))


def test_the_gradients_of_a_static_image_equal_those_of_a_loop_over_time():
    layers, image = body(1.58), torch.rand(3, 1, 8, 8)
    expected = torch.autograd.grad(
        step_by_step(layers, image.expand(4, 3, 1, 8, 8)).square().sum(), layers.parameters()
    )
    given = torch.autograd.grad(SpikingNetwork(layers, 4).steps(image).square().sum(), layers.parameters())
    for ours, theirs in zip(given, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_the_output_is_the_mean_over_time():
    network, image = SpikingNetwork(body(), time_steps=3), torch.rand(2, 1, 8, 8)
    torch.testing.assert_close(network(image), network.steps(image).mean(0))


def test_what_comes_before_the_first_neuron_is_computed_once():
    layers, rows = body(), []
    for layer in (layers[0], layers[2]):
        layer.register_forward_hook(lambda module, args, output: rows.append(args[0].shape[0]))
    SpikingNetwork(layers, time_steps=4)(torch.rand(3, 1, 8, 8))
    assert rows == [3, 12]


def test_batch_norm_before_the_first_neuron_sees_each_image_once():
    norm = nn.BatchNorm2d(1, momentum=1.0)
    image = torch.rand(3, 1, 8, 8)
    SpikingNetwork(nn.Sequential(norm, *body()), time_steps=4)(image)
    torch.testing.assert_close(norm.running_var, image.var().reshape(1))


def test_time_steps_may_be_set_between_passes():
    network, image = SpikingNetwork(body(), time_steps=4), torch.rand(2, 1, 8, 8)
    network.time_steps = 7
    assert network.time_steps == 7
    assert network.steps(image).shape == (7, 2, 10)


def test_a_longer_run_begins_like_a_shorter_one():
    network, image = SpikingNetwork(body(), time_steps=6), torch.rand(2, 1, 8, 8)
    long = network.steps(image)
    network.time_steps = 2
    torch.testing.assert_close(long[:2], network.steps(image))


def test_passes_do_not_remember_each_other():
    network, image = SpikingNetwork(body(), time_steps=3), torch.rand(2, 1, 8, 8)
    assert torch.equal(network(image), network(image))


def test_a_body_without_neurons_gives_the_same_in_each_step():
    layer = nn.Linear(4, 2)
    output = SpikingNetwork(layer, time_steps=3).steps(torch.ones(5, 4))
    assert output.shape == (3, 5, 2)
    torch.testing.assert_close(output[2], layer(torch.ones(5, 4)))


def test_one_dimensional_samples_may_be_a_sequence_where_it_is_said():
    network = SpikingNetwork(nn.Sequential(nn.Linear(4, 2), LIF()), time_steps=3, input_ndim=1)
    assert network(torch.ones(5, 4)).shape == (5, 2)
    assert network.steps(torch.ones(3, 5, 4)).shape == (3, 5, 2)


def test_a_sequence_of_another_length_is_refused():
    with pytest.raises(InputError, match="the input is a sequence of 4 time steps; the network is set to 6"):
        SpikingNetwork(body(), time_steps=6)(torch.rand(4, 2, 1, 8, 8))


def test_an_input_of_other_dimensions_is_refused():
    with pytest.raises(InputError, match="the input has 2 dimensions; it takes 4, a batch of samples, or 5"):
        SpikingNetwork(body(), time_steps=2, input_ndim=3)(torch.rand(2, 64))


@pytest.mark.parametrize("steps", [0, -1, 1.5])
def test_less_than_one_step_is_refused(steps):
    with pytest.raises(InputError, match=f"time_steps is {steps}; it is a whole number of at least 1"):
        SpikingNetwork(body(), time_steps=steps)


def test_only_the_body_is_saved():
    assert set(SpikingNetwork(body(), 4).state_dict()) == {f"body.{name}" for name in body().state_dict()}


def test_a_copy_runs_on_its_own_time_line():
    network, image = SpikingNetwork(body(), time_steps=3), torch.rand(2, 1, 8, 8)
    twin = copy.deepcopy(network)
    twin.time_steps = 5
    assert network.steps(image).shape[0] == 3
    assert twin.steps(image).shape[0] == 5


def test_a_neuron_replaced_later_runs_on_the_same_time_line():
    network = SpikingNetwork(body(), time_steps=3)
    network.body[3] = LIF(threshold=0.3)
    assert network.steps(torch.rand(2, 1, 8, 8)).shape == (3, 2, 10)


def test_the_recorded_spike_rate_is_the_mean_over_neurons_and_steps():
    layers = nn.Sequential(nn.Identity(), LIF(), nn.Flatten())
    network = SpikingNetwork(layers, time_steps=4)
    # 0.6 fires in the third of four steps, 2.0 in each, 0 never
    with record_activity(network) as record:
        network(torch.tensor([[0.6, 2.0, 0.0, 0.0]]))
    assert record["body.1"].spike_rate == pytest.approx(5 / 16)


def test_a_network_learns_to_tell_two_images_apart():
    torch.manual_seed(0)
    network = SpikingNetwork(body(1.58), time_steps=4)
    images, targets = torch.rand(2, 1, 8, 8).repeat(8, 1, 1, 1), torch.tensor([0, 1]).repeat(8)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(20):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), targets).backward()
        optimizer.step()
    assert torch.equal(network(images).argmax(1), targets)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_the_spikes_are_those_of_the_cpu():
    network, image = SpikingNetwork(body(1.58).double(), time_steps=4), torch.rand(3, 1, 8, 8).double()
    expected = network.steps(image)
    torch.testing.assert_close(network.cuda().steps(image.cuda()).cpu(), expected)


def test_the_rules_are_shown_where_a_network_is_printed():
    assert "membrane_bits=1.58" in repr(SpikingNetwork(body(1.58), 4))
    assert LIF().dynamics == LIFDynamics()
