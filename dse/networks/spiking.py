"""Spiking convolutional networks: batch norm before each layer of neurons, average pools of spikes behind them."""

from __future__ import annotations

from torch import nn

from dse.networks.network import NetworkEntry, NeuronFactory, check_image, in_order, spiking_convolution, wrong_shape

VGG9_WIDTHS = (64, 128, 256, 256, 512, 512, 512, 512)
VGG9_POOLED = (2, 4, 6, 8)


def spiking_cnn(input_shape: tuple[int, ...], classes: int, neuron: NeuronFactory) -> nn.Sequential:
    """conv16 - conv32 - fc128 - fc, each convolution followed by a 2x2 pool of the spikes.

    206,736 weights and 18,944 neurons for 1x28x28; 22,416 and 1,664 for 1x8x8; 268,320 and 27,872 for N-MNIST's
    2x34x34, where the second pool leaves out the last row and column of its 17x17 neurons.
    """
    channels, height, width = check_image("spiking_cnn", input_shape, 1, smallest=4)
    return in_order(
        **spiking_convolution(1, (channels, 16), neuron, pool=2),
        **spiking_convolution(2, (16, 32), neuron, pool=2),
        flatten=nn.Flatten(),
        fc1=nn.Linear(32 * (height // 4) * (width // 4), 128, bias=False),
        norm3=nn.BatchNorm1d(128),
        neuron3=neuron(),
        fc2=nn.Linear(128, classes),
    )


def spiking_lenet5(input_shape: tuple[int, ...], classes: int, neuron: NeuronFactory) -> nn.Sequential:
    """LeNet-5 with neurons for its squashing functions and every map connected; 28x28 images are padded to 32x32."""
    shape = tuple(input_shape)
    if len(shape) != 3 or shape[1:] not in ((28, 28), (32, 32)):
        raise wrong_shape("spiking_lenet5", shape, "channels x 28 x 28 or channels x 32 x 32")
    return in_order(
        **spiking_convolution(1, (shape[0], 6), neuron, kernel=5, padding=2 if shape[1] == 28 else 0, pool=2),
        **spiking_convolution(2, (6, 16), neuron, kernel=5, padding=0, pool=2),
        flatten=nn.Flatten(),
        fc1=nn.Linear(16 * 5 * 5, 120, bias=False),
        norm3=nn.BatchNorm1d(120),
        neuron3=neuron(),
        fc2=nn.Linear(120, 84, bias=False),
        norm4=nn.BatchNorm1d(84),
        neuron4=neuron(),
        fc3=nn.Linear(84, classes),
    )


def spiking_vgg9(input_shape: tuple[int, ...], classes: int, neuron: NeuronFactory) -> nn.Sequential:
    """64-128-AP-256-256-AP-512-512-AP-512-512-AP-fc: 9.26 million weights and 1.363 G MACs a step at 3x48x48."""
    channels, height, width = check_image("spiking_vgg9", input_shape, 16)
    layers: dict[str, nn.Module] = {}
    for index, outputs in enumerate(VGG9_WIDTHS, start=1):
        layers |= spiking_convolution(index, (channels, outputs), neuron, pool=2 if index in VGG9_POOLED else 1)
        channels = outputs
    return in_order(
        **layers, flatten=nn.Flatten(), fc1=nn.Linear(channels * (height // 16) * (width // 16), classes, bias=False)
    )


SPIKING_NETWORKS = {
    "spiking_cnn": NetworkEntry(
        spiking_cnn, True, (1, 28, 28), "conv16-AP-conv32-AP-fc128-fc; sides of at least 4", "this project's default"
    ),
    "spiking_lenet5": NetworkEntry(
        spiking_lenet5,
        True,
        (1, 28, 28),
        "LeNet-5 with spiking neurons: conv6-AP-conv16-AP-fc120-fc84-fc; 28x28 or 32x32",
        "LeCun et al., Proc. IEEE 1998 (layer sizes)",
    ),
    "spiking_vgg9": NetworkEntry(
        spiking_vgg9,
        True,
        (3, 48, 48),
        "64-128-AP-256-256-AP-512-512-AP-512-512-AP-fc; sides divisible by 16",
        "SpQuant-SNN, Frontiers in Neuroscience 18, 2024, public code",
    ),
}
