"""The contract of a built-in network, and the shape checks that they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from cost_models import InputError
from dse.neurons import SpikingNeuron

#: Makes one layer of spiking neurons; takes ``pool=2`` for an average pool behind it.
NeuronFactory = Callable[..., SpikingNeuron]


@dataclass(frozen=True, slots=True)
class NetworkEntry:
    """One line of the table of networks.

    ``build(input_shape, classes, neuron)`` gives the layers that one time step runs through, untrained; it raises
    :class:`InputError` for an ``input_shape`` (without batch and time) that the network cannot take. ``input_shape`` is
    the shape that the network was made for.
    """

    build: Callable[[tuple[int, ...], int, NeuronFactory], nn.Module]
    spiking: bool
    input_shape: tuple[int, ...]
    description: str
    source: str


def check_image(network: str, input_shape: Sequence[int], multiple: int, smallest: int = 1) -> tuple[int, int, int]:
    """Return ``(channels, height, width)`` if both sides are multiples of ``multiple``; raise :class:`InputError` else.

    >>> check_image("spiking_cnn", (1, 28, 28), 4)
    (1, 28, 28)
    """
    if len(input_shape) == 3 and all(size > 0 for size in input_shape):
        channels, height, width = input_shape
        if height % multiple == width % multiple == 0 and min(height, width) >= smallest:
            return channels, height, width
    sides = f"height and width multiples of {multiple}" + (f", at least {smallest}" if smallest > multiple else "")
    raise wrong_shape(network, input_shape, f"channels x height x width with {sides}")


def wrong_shape(network: str, input_shape: Sequence[int], expected: str) -> InputError:
    """The error for an input shape that a network cannot take."""
    shown = "x".join(str(size) for size in input_shape)
    return InputError(f"network {network!r} cannot take an input of {shown}; it takes {expected}")


def in_order(**layers: nn.Module) -> nn.Sequential:
    """A sequence of named layers.

    >>> list(in_order(conv1=nn.Identity(), fc1=nn.Identity())._modules)
    ['conv1', 'fc1']
    """
    sequence = nn.Sequential()
    for name, layer in layers.items():
        sequence.add_module(name, layer)
    return sequence


def spiking_convolution(
    index: int, channels: tuple[int, int], neuron: NeuronFactory, *, kernel: int = 3, padding: int = 1, pool: int = 1
) -> dict[str, Any]:
    """Convolution, batch norm and neurons (with a pool behind them) as ``conv1, norm1, neuron1``."""
    return {
        f"conv{index}": nn.Conv2d(*channels, kernel, padding=padding, bias=False),
        f"norm{index}": nn.BatchNorm2d(channels[1]),
        f"neuron{index}": neuron(pool=pool),
    }
