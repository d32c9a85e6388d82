"""Spiking networks with the weights, batch norms and inputs that a test chooses."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dse.datasets import Samples
from dse.neurons import LIF
from dse.quantizers import IntegerWeights, WeightQuantizer
from dse.spiking_network import SpikingNetwork

CHANNELS, SIDE, CLASSES = 2, 6, 4


def rounded(layer: nn.Conv2d | nn.Linear, quantizer: WeightQuantizer, bits: float) -> None:
    """Give a layer quantised weights, as ``settle`` does."""
    integers = quantizer.to_integers(layer.weight.detach(), bits)
    layer.weight.data.copy_(integers.values)
    layer.integer_weights = integers  # type: ignore[assignment]


def with_codes(layer: nn.Conv2d | nn.Linear, scale: float, largest: int, generator: torch.Generator) -> None:
    """Give a layer random integer codes up to ``largest`` in size."""
    codes = torch.randint(-largest, largest + 1, layer.weight.shape, generator=generator, dtype=torch.int32)
    integers = IntegerWeights(codes, torch.tensor(scale))
    layer.weight.data.copy_(integers.values)
    layer.integer_weights = integers  # type: ignore[assignment]


def small_network(neuron: LIF, pooled: LIF, time_steps: int) -> SpikingNetwork:
    """conv - batch norm - pooled neurons - fc - batch norm - neurons - fc, for 2x6x6 inputs."""
    body = nn.Sequential(
        nn.Conv2d(CHANNELS, 5, 3, padding=1, bias=False),
        nn.BatchNorm2d(5),
        pooled,
        nn.Flatten(),
        nn.Linear(5 * 9, 7),
        nn.BatchNorm1d(7),
        neuron,
        nn.Linear(7, CLASSES),
    )
    return SpikingNetwork(body, time_steps, input_ndim=3).eval()


def randomise_norms(network: nn.Module, generator: torch.Generator) -> None:
    """Batch norms with positive, negative and vanishing scales, and statistics away from 0 and 1."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.weight.data.normal_(generator=generator).mul_(3.0)
            module.weight.data[0] = 0.0
            module.weight.data[1] = -module.weight.data[1].abs() - 0.5
            module.bias.data.normal_(generator=generator)
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(generator=generator)
            module.running_var.uniform_(0.1, 2.0, generator=generator)


def random_samples(count: int, generator: torch.Generator, *, full_scale: float = 255.0, steps: int = 0) -> Samples:
    """Bytes as images, or as sequences of ``steps`` frames; the labels do not matter."""
    shape = (count, steps, CHANNELS, SIDE, SIDE) if steps else (count, CHANNELS, SIDE, SIDE)
    inputs: Tensor = torch.randint(0, int(full_scale) + 1, shape, generator=generator).to(torch.uint8)
    return Samples(inputs, torch.zeros(count, dtype=torch.int64), full_scale=full_scale, temporal=steps > 0)
