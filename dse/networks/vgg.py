"""The VGG-like network for 32x32 images on which pruning papers compare themselves."""

from __future__ import annotations

from torch import nn

from dse.networks.network import NetworkEntry, NeuronFactory, check_image, in_order

#: Channels of the convolutions of each stage; a max pool ends the stage.
STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
HIDDEN = 512


def vgg_like(input_shape: tuple[int, ...], classes: int, neuron: NeuronFactory, width: float = 1.0) -> nn.Sequential:
    """Thirteen 3x3 convolutions with batch norm, then 512 hidden units: 14,977,728 weights for 3x32x32, ten classes.

    ``width`` scales all channels and the hidden units.
    """
    channels, height, breadth = check_image("vgg_like", input_shape, 32)
    layers: dict[str, nn.Module] = {}
    for stage, widths in enumerate(STAGES, 1):
        for number, full in enumerate(widths, 1):
            out = max(1, round(width * full))
            layers[f"conv{stage}_{number}"] = nn.Conv2d(channels, out, 3, padding=1, bias=False)
            layers[f"norm{stage}_{number}"] = nn.BatchNorm2d(out)
            layers[f"relu{stage}_{number}"] = nn.ReLU()
            channels = out
        layers[f"pool{stage}"] = nn.MaxPool2d(2)
    hidden = max(1, round(width * HIDDEN))
    return in_order(
        **layers,
        flatten=nn.Flatten(),
        fc1=nn.Linear(channels * (height // 32) * (breadth // 32), hidden),
        relu6=nn.ReLU(),
        fc2=nn.Linear(hidden, classes),
    )


VGG_LIKE = NetworkEntry(
    vgg_like,
    False,
    (3, 32, 32),
    "13 conv3x3 with batch norm, 5 max pools, fc512-fc with ReLU; sides of 32 or multiples",
    "VGG-16 after Simonyan and Zisserman, ICLR 2015, in the form that pruning papers use on CIFAR-10",
)
