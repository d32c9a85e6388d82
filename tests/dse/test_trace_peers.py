"""Tracing networks with the neurons of other libraries; skipped where these are not installed."""

from __future__ import annotations

import pytest
from torch import Tensor, nn

from dse.trace import trace

pytestmark = pytest.mark.filterwarnings("ignore")


def test_neurons_of_snntorch_are_recognised() -> None:
    snntorch = pytest.importorskip("snntorch")

    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.input = nn.Linear(8, 6)
            self.neuron = snntorch.RLeaky(0.9, linear_features=6)

        def forward(self, x: Tensor) -> Tensor:
            spikes, membrane = self.neuron.init_rleaky()
            for _ in range(3):
                spikes, membrane = self.neuron(self.input(x), spikes, membrane)
            return spikes

    layers = trace(Recurrent(), (8,), steps_in_forward=3)
    assert (layers["input"].neurons, layers["input"].neuron) == (6, "neuron")
    assert layers["neuron.recurrent"].macs == 36
    assert layers["neuron.recurrent"].spiking_input


def test_neurons_of_spikingjelly_are_recognised() -> None:
    neuron = pytest.importorskip("spikingjelly.activation_based.neuron")
    network = nn.Sequential(nn.Conv2d(1, 4, 3), neuron.LIFNode(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 10))
    layers = trace(network, (1, 8, 8)).compressible
    assert [(layer.neurons, layer.spiking_input) for layer in layers] == [(144, False), (0, True)]


def test_neurons_of_norse_are_recognised_and_its_leaky_integrators_emit_no_spikes() -> None:
    norse = pytest.importorskip("norse.torch")
    network = norse.SequentialState(nn.Linear(8, 6), norse.LIFCell(), nn.Linear(6, 4), norse.LICell(), nn.Linear(4, 2))
    layers = trace(network, (8,)).compressible
    assert [(layer.neurons, layer.spiking_input) for layer in layers] == [(6, False), (4, True), (0, False)]
