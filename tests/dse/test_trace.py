"""Tracing against PyTorch's own counter and its own parameter count, on small real networks."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from cost_models import InputError, Workload
from dse.neurons import LIF
from dse.spiking_network import SpikingNetwork
from dse.trace import trace


class Residual(nn.Module):
    """A convolution that is used twice, a residual sum, functional pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.body = nn.Conv2d(8, 8, 3, padding=1, groups=4)
        self.head = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.stem(x))
        x = functional.relu(x + self.body(self.body(x)))
        return self.head(functional.adaptive_avg_pool2d(x, 1).flatten(1))


class Transformer(nn.Module):
    """Embedding tied with the output layer, a learned position, self-attention and cross-attention."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 16)
        self.position = nn.Parameter(torch.zeros(1, 7, 16))
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
        self.cross = nn.MultiheadAttention(16, 4, batch_first=True)
        self.norm = nn.LayerNorm(16)
        self.output = nn.Linear(16, 50, bias=False)
        self.output.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens) + self.position
        y, _ = self.attention(x, x, x)
        z, _ = self.cross(x[:, :3], y, y)
        return self.output(self.norm(z))


class Recurrent(nn.Module):
    """Recurrent layers and a weight that is a bare parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 16, 2, batch_first=True)
        self.gru = nn.GRU(16, 8)
        self.weight = nn.Parameter(torch.zeros(8, 5))

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.lstm(x)
        y, _ = self.gru(y)
        return y @ self.weight


NETWORKS = {
    "conv1d with stride and dilation, transposed with groups": (
        lambda: nn.Sequential(nn.Conv1d(4, 6, 3, stride=2, dilation=2), nn.ConvTranspose1d(6, 4, 4, 2, groups=2)),
        (4, 33),
    ),
    "conv2d depthwise, transposed with padding": (
        lambda: nn.Sequential(
            nn.Conv2d(6, 12, 3, padding=1, groups=6), nn.ConvTranspose2d(12, 3, 3, 2, 1, output_padding=1)
        ),
        (6, 9, 11),
    ),
    "conv3d and transposed": (
        lambda: nn.Sequential(nn.Conv3d(2, 6, 3, stride=2), nn.ReLU(), nn.ConvTranspose3d(6, 2, 2)),
        (2, 9, 9, 9),
    ),
    "reused module and residual": (Residual, (3, 16, 16)),
    "linear on a sequence": (lambda: nn.Sequential(nn.Linear(8, 4), nn.GELU(), nn.Linear(4, 4, bias=False)), (5, 8)),
    "recurrent": (Recurrent, (5, 8)),
}


def counted_flops(network: nn.Module, shape: tuple[int, ...], dtype: torch.dtype) -> int:
    """What PyTorch counts on the meta device, where no fused kernel hides an operation from it."""
    network = network.eval().to("meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros((1, *shape), dtype=dtype, device="meta"))
    return int(counter.get_total_flops())


@pytest.fixture
def slow_attention() -> Iterator[None]:
    torch.backends.mha.set_fastpath_enabled(False)
    yield
    torch.backends.mha.set_fastpath_enabled(True)


@pytest.mark.parametrize("name", NETWORKS)
def test_dense_counts_equal_pytorchs(name: str) -> None:
    build, shape = NETWORKS[name]
    network = build()
    parameters = sum(p.numel() for p in network.parameters())
    workload = trace(network, shape)
    assert 2 * sum(layer.macs for layer in workload.layers) == counted_flops(network, shape, torch.float32)
    assert sum(layer.parameters for layer in workload.layers) == parameters
    assert workload.unpriced == ()


def test_attention_and_tied_embedding_equal_pytorchs_counts(slow_attention: None) -> None:
    network = Transformer()
    parameters = sum(p.numel() for p in network.parameters())
    workload = trace(network, (7,), dtype=torch.long)
    assert 2 * sum(layer.macs for layer in workload.layers) == counted_flops(network, (7,), torch.long)
    assert sum(layer.parameters for layer in workload.layers) == parameters
    assert [layer.kind for layer in workload.layers].count("product") == 4


def test_a_transformer_layer_of_pytorch_equals_its_counts(slow_attention: None) -> None:
    network = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    workload = trace(network, (7, 16))
    assert 2 * sum(layer.macs for layer in workload.layers) == counted_flops(network, (7, 16), torch.float32)


def test_a_large_network_is_traced_without_arithmetic_to_the_same_workload() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 62 * 62, 150))
    workload = trace(network, (3, 64, 64))
    assert [layer.macs for layer in workload.layers] == [8 * 27 * 62 * 62, 8 * 62 * 62 * 150]


def test_a_reused_module_has_its_parameters_once_and_its_operations_each_time() -> None:
    workload = trace(Residual(), (3, 16, 16))
    assert workload["body"].parameters == 8 * 2 * 9 + 8
    assert workload["body"].macs == 2 * (8 * 2 * 9) * 16 * 16


def test_an_operation_without_a_price_is_named() -> None:
    class Fourier(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.fft.fft(x)

    assert trace(nn.Sequential(Fourier()), (8,)).unpriced == ("0: _fft_r2c",)


def test_parametrized_weights_keep_the_name_of_their_layer() -> None:
    network = nn.Sequential(nn.Linear(6, 3))
    nn.utils.parametrizations.weight_norm(network[0])
    assert [layer.name for layer in trace(network, (6,)).layers] == ["0"]


def spiking() -> SpikingNetwork:
    body = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        LIF(pool=2),
        nn.Conv2d(4, 8, 3, padding=1),
        LIF(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(8 * 4, 10),
    )
    return SpikingNetwork(body, 4)


def test_neurons_belong_to_the_layer_that_feeds_them() -> None:
    layers = trace(spiking(), (1, 8, 8)).compressible
    assert [(layer.neurons, layer.neuron) for layer in layers] == [(256, "2"), (128, "4"), (0, None)]


def test_what_comes_before_the_first_neuron_is_static_and_what_comes_after_one_gets_spikes() -> None:
    layers = trace(spiking(), (1, 8, 8)).compressible
    assert [layer.static_input for layer in layers] == [True, False, False]
    assert [layer.spiking_input for layer in layers] == [False, True, True]


def test_a_frame_of_events_is_neither_static_nor_dense() -> None:
    first = trace(spiking(), (1, 8, 8), temporal=True).layers[0]
    assert (first.static_input, first.spiking_input) == (False, True)


def test_tracing_leaves_the_network_as_it_was() -> None:
    network = spiking().train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    weight = network.body[0].weight
    trace(network, (1, 8, 8))
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert network.body[0].weight is weight
    assert weight.requires_grad
    assert network.body[1].training
    assert network.time_steps == 4
    assert network(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


def test_a_shape_that_does_not_fit_is_one_sentence() -> None:
    with pytest.raises(InputError, match="cannot take an input of shape \\(3, 8, 8\\)"):
        trace(spiking(), (3, 8, 8))


def test_the_workload_survives_json() -> None:
    workload = trace(spiking(), (1, 8, 8))
    assert Workload.from_dict(json.loads(json.dumps(workload.to_dict()))) == workload


def test_a_network_that_loops_over_time_itself_is_counted_for_one_step() -> None:
    class Looping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(1, 4, 3)
            self.first = LIF()
            self.head = nn.Linear(144, 10)
            self.second = LIF()

        def forward(self, x: Tensor) -> Tensor:
            current = self.stem(x)
            return torch.stack([self.second(self.head(self.first(current).flatten(1))) for _ in range(5)])

    layers = trace(Looping(), (1, 8, 8), steps_in_forward=5).compressible
    assert [layer.macs for layer in layers] == [9 * 4 * 36, 1440]
    assert [layer.neurons for layer in layers] == [144, 10]


def test_a_wrong_number_of_own_time_steps_is_refused() -> None:
    body = nn.Sequential(nn.Linear(8, 4), LIF(), nn.Linear(4, 2))
    with pytest.raises(InputError, match="no multiple of the 3 time steps"):
        trace(body, (8,), steps_in_forward=3)


class Reading(nn.Module):
    """Every way in which a layer's channels reach the next one, or do not."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.behind_sum = nn.Conv2d(8, 4, 1)
        self.beside = nn.Conv2d(8, 4, 1)
        self.behind_concatenation = nn.Conv2d(8, 6, 1)
        self.behind_pool = nn.Linear(6, 5)
        self.layer_norm = nn.LayerNorm(5)
        self.behind_layer_norm = nn.Linear(5, 4)
        self.behind_mean_over_channels = nn.Linear(36, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = functional.max_pool2d(torch.sigmoid(self.norm(self.first(x))), 2)
        y = x + self.second(x)
        z = torch.cat([self.behind_sum(y), self.beside(y)], 1)
        z = self.behind_concatenation(z)
        pooled = self.behind_pool(z.mean((2, 3)))
        return self.behind_layer_norm(self.layer_norm(pooled)), self.behind_mean_over_channels(z.mean(1).flatten(1))


def test_a_layer_reads_channels_only_where_each_has_an_equal_share_of_its_input() -> None:
    reads = {layer.name: layer.reads for layer in trace(Reading(), (3, 12, 12)).layers}
    expected = {
        "first": None,
        "norm": "first",
        "second": "first",
        "behind_sum": None,
        "beside": None,
        "behind_concatenation": None,
        "behind_pool": "behind_concatenation",
        "behind_layer_norm": None,
        "behind_mean_over_channels": None,
    }
    assert {name: reads[name] for name in expected} == expected


def test_spikes_carry_the_channels_of_the_layer_that_feeds_the_neuron() -> None:
    layers = trace(spiking(), (1, 8, 8)).compressible
    assert [(layer.reads, layer.neurons_per_channel) for layer in layers] == [(None, True), ("0", True), ("3", True)]
