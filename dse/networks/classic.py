"""Ordinary networks on which pruning papers compare themselves."""

from __future__ import annotations

import math

from torch import nn

from dse.networks.network import NetworkEntry, NeuronFactory, in_order, wrong_shape


def lenet_300_100(input_shape: tuple[int, ...], classes: int, neuron: NeuronFactory) -> nn.Sequential:
    """Three linear layers with 300 and 100 hidden units: 266,200 weights for 28x28 pixels and ten classes."""
    if not input_shape or min(input_shape) < 1:
        raise wrong_shape("lenet_300_100", input_shape, "any shape with at least one value")
    return in_order(
        flatten=nn.Flatten(),
        fc1=nn.Linear(math.prod(input_shape), 300),
        relu1=nn.ReLU(),
        fc2=nn.Linear(300, 100),
        relu2=nn.ReLU(),
        fc3=nn.Linear(100, classes),
    )


def lenet5_caffe(input_shape: tuple[int, ...], classes: int, neuron: NeuronFactory) -> nn.Sequential:
    """Caffe's LeNet: conv20, conv50 (5x5, max pools, no activation), 500 hidden units: 430,500 weights for 1x28x28."""
    shape = tuple(input_shape)
    if len(shape) != 3 or shape[1:] != (28, 28):
        raise wrong_shape("lenet5_caffe", shape, "channels x 28 x 28")
    return in_order(
        conv1=nn.Conv2d(shape[0], 20, 5),
        pool1=nn.MaxPool2d(2),
        conv2=nn.Conv2d(20, 50, 5),
        pool2=nn.MaxPool2d(2),
        flatten=nn.Flatten(),
        fc1=nn.Linear(800, 500),
        relu1=nn.ReLU(),
        fc2=nn.Linear(500, classes),
    )


CLASSIC_NETWORKS = {
    "lenet_300_100": NetworkEntry(
        lenet_300_100, False, (1, 28, 28), "fc300-fc100-fc with ReLU; any input", "LeCun et al., Proc. IEEE 1998"
    ),
    "lenet5_caffe": NetworkEntry(
        lenet5_caffe, False, (1, 28, 28), "conv20-MP-conv50-MP-fc500-fc; 28x28", "Caffe's MNIST example"
    ),
}
