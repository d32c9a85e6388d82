"""A network with activations becomes a spiking one; read-outs by rate and by logits."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import dse
from cost_models import Configuration, InputError
from dse.evaluate import Job, evaluate, trace_study
from dse.networks import build_network
from dse.neurons import LIF, spiking_neurons
from studies import State, Study
from studies.design_space import Choices, DesignSpace
from studies.study import Method, Training


class Functional(nn.Module):
    """Activations as functions and methods, a reused module, a residual sum, a view by batch size."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1)
        self.relu = nn.ReLU()
        self.fc1 = nn.Linear(64, 16)
        self.fc2 = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        first = self.relu(self.conv1(x))
        second = self.relu(self.conv2(first) + first)
        pooled = functional.max_pool2d(second, 2)
        hidden = functional.relu(self.fc1(pooled.view(pooled.size(0), -1)))
        return self.fc2(hidden)


class ByHand(nn.Module):
    """The same with neurons written by hand."""

    def __init__(self, other: Functional) -> None:
        super().__init__()
        self.conv1, self.conv2, self.fc1, self.fc2 = other.conv1, other.conv2, other.fc1, other.fc2
        self.neurons = nn.ModuleList(LIF() for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        first = self.neurons[0](self.conv1(x))
        rows = first.shape[0]
        second = self.neurons[1](self.conv2(first) + first)
        pooled = functional.max_pool2d(second, 2)
        return self.fc2(self.neurons[2](self.fc1(pooled.view(rows, -1))))


def test_functions_reused_modules_and_sums_become_neurons_of_their_own() -> None:
    torch.manual_seed(0)
    network = Functional()
    with torch.no_grad():
        for layer in (network.conv1, network.conv2, network.fc1):
            layer.weight.mul_(3)
    images = torch.rand(3, 1, 8, 8)
    converted = dse.spiking(network, time_steps=5)
    assert len(spiking_neurons(converted)) == 3
    expected = dse.SpikingNetwork(ByHand(network), 5)
    torch.testing.assert_close(converted.steps(images), expected.steps(images))
    assert converted.steps(images).std(0).any()  # something changes over time


def test_a_sequence_of_torch_modules_keeps_its_names_and_weights() -> None:
    network = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.GELU(), nn.Sequential(nn.Linear(8, 8), nn.Tanh()))
    converted = dse.spiking(network, neuron=lambda: LIF(leak=0.9))
    assert list(spiking_neurons(converted)) == ["body.2", "body.3.1"]
    assert converted.body[2].dynamics.leak == 0.9
    assert torch.equal(converted.body[0].weight, network[0].weight)
    assert isinstance(network[2], nn.GELU)  # the user's own network is as it was


def test_every_layer_of_a_converted_network_can_be_compressed() -> None:
    workload = dse.trace(dse.spiking(Functional(), time_steps=2), (1, 8, 8))
    assert [layer.name for layer in workload.compressible] == ["conv1", "conv2", "fc1", "fc2"]
    # conv2's neurons fire on a sum; each place has neurons of its own
    assert sum(layer.neurons for layer in workload.layers) == 256 + 256 + 16


def test_a_converted_network_of_a_users_is_explored_like_ours(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "from torch import nn\nimport dse\n"
        "def network():\n"
        "    return dse.spiking(nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)))\n"
    )
    study = Study("mine", space=DesignSpace(time_steps=Choices((3,))), training=Training(epochs=1, baseline_epochs=2))
    study = replace(study, task=replace(study.task, network="mine.py:network"))
    asked = Configuration.uniform(trace_study(study), weight_bits=4, membrane_bits=1.58, time_steps=3)
    evaluation = evaluate(Job(study, asked, 0, 0))
    assert evaluation.state is State.COMPLETE, evaluation.reason
    assert evaluation.realised is not None
    assert [budget.membrane_bits for budget in evaluation.realised.budgets] == [1.58, None]


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        (nn.Linear(3, 2), "has no activation function"),
        (nn.Sequential(nn.Linear(3, 2), LIF()), "has spiking neurons already"),
    ],
)
def test_what_cannot_be_converted_is_refused(network: nn.Module, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        dse.spiking(network)


def test_a_forward_pass_that_depends_on_values_is_refused() -> None:
    class Branching(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.relu() if x.sum() > 0 else x

    with pytest.raises(InputError, match="the forward pass of Branching cannot be followed"):
        dse.spiking(Branching())


class TestReadout:
    def test_the_rate_is_the_mean_of_the_output_neurons_spikes(self) -> None:
        torch.manual_seed(0)
        images = torch.rand(7, 1, 8, 8)
        torch.manual_seed(1)
        logits = build_network("spiking_cnn", (1, 8, 8), time_steps=4).eval()
        torch.manual_seed(1)
        rate = build_network("spiking_cnn", (1, 8, 8), time_steps=4, readout="rate").eval()
        with torch.no_grad():
            for network in (logits, rate):
                for norm in (network.body.norm1, network.body.norm2, network.body.norm3):
                    norm.weight.fill_(20.0)
                network.body.fc2.weight.mul_(8)
        neuron = LIF()
        neuron.timeline = logits.timeline
        spikes = neuron(logits.steps(images).flatten(0, 1)).reshape(4, 7, 10)
        assert torch.equal(rate.steps(images), spikes)
        assert torch.equal(rate(images), spikes.mean(0))
        assert rate(images).any()

    def test_its_neurons_are_priced_and_take_the_last_layers_membrane_bits(self) -> None:
        workload = dse.trace(build_network("spiking_cnn", (1, 8, 8), readout="rate"), (1, 8, 8))
        assert workload["fc2"].neurons == 10
        assert workload["fc2"].neuron == "readout"

    def test_a_network_that_is_no_sequence_gets_it_behind_everything(self) -> None:
        converted = dse.spiking(Functional(), readout="rate", time_steps=3)
        assert list(spiking_neurons(converted))[-1] == "body.readout"
        assert set(converted.steps(torch.rand(2, 1, 8, 8)).unique().tolist()) <= {0.0, 1.0}

    def test_a_study_trains_with_it(self) -> None:
        study = Study(
            "rate",
            method=Method(readout="rate"),
            space=DesignSpace(time_steps=Choices((4,))),
            training=Training(epochs=5, baseline_epochs=5, loss="tet", learning_rate=3e-3),
        )
        asked = Configuration.uniform(trace_study(study), weight_bits=4, membrane_bits=1.58, time_steps=4)
        evaluation = evaluate(Job(study, asked, 0, 0))
        assert evaluation.state is State.COMPLETE, evaluation.reason
        assert evaluation.value("validation") > 0.7

    def test_an_unknown_one_and_one_without_spikes_are_refused(self) -> None:
        with pytest.raises(InputError, match="unknown readout 'rat'; did you mean 'rate'"):
            build_network("spiking_cnn", (1, 8, 8), readout="rat")
        with pytest.raises(InputError, match=r"method\.readout is 'rate', but network 'lenet_300_100' does not spike"):
            build_network("lenet_300_100", (1, 8, 8), readout="rate")
