"""Published networks, written from their papers' layer lists, to compare counts with published ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from dse.neurons import LIF


def convolution(inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A convolution without bias that keeps the size, and its norm."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)
    )


def lenet_300_100() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10)
    )


def lenet5_caffe() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 20, 5),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(800, 500),
        nn.ReLU(),
        nn.Linear(500, 10),
    )


def classifier(inputs: int) -> list[nn.Module]:
    return [
        nn.Flatten(),
        nn.Linear(inputs, 4096),
        nn.ReLU(),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Linear(4096, 1000),
    ]


def alexnet_bvlc() -> nn.Module:
    """Two groups in the second, fourth and fifth convolution; 227 x 227."""
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(96, 256, 5, padding=2, groups=2),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(256, 384, 3, padding=1),
        nn.Conv2d(384, 384, 3, padding=1, groups=2),
        nn.Conv2d(384, 256, 3, padding=1, groups=2),
        nn.MaxPool2d(3, 2),
        *classifier(256 * 6 * 6),
    )


def alexnet_torchvision() -> nn.Module:
    """No groups, fewer channels; 224 x 224."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, 4, padding=2),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.MaxPool2d(3, 2),
        *classifier(256 * 6 * 6),
    )


def vgg_features(plan: str, *, bias: bool = True, inputs: int = 3) -> list[nn.Module]:
    """Convolutions 3 x 3 by their channels, M for a pool."""
    layers: list[nn.Module] = []
    for item in plan.split():
        if item == "M":
            layers.append(nn.MaxPool2d(2))
            continue
        layers += [nn.Conv2d(inputs, int(item), 3, padding=1, bias=bias), nn.ReLU()]
        inputs = int(item)
    return layers


VGG16_PLAN = "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M"


def vgg16() -> nn.Module:
    return nn.Sequential(*vgg_features(VGG16_PLAN), *classifier(512 * 49))


def vgg_like_cifar10() -> nn.Module:
    """Thirteen convolutions and two fully connected layers, no biases counted."""
    return nn.Sequential(
        *vgg_features(VGG16_PLAN, bias=False),
        nn.Flatten(),
        nn.Linear(512, 512, bias=False),
        nn.Linear(512, 10, bias=False),
    )


class Block(nn.Module):
    """A residual block: the layers of the branch, and a projection where the shape changes."""

    def __init__(self, branch: nn.Module, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.branch = branch
        changes = stride > 1 or inputs != outputs
        self.projection = convolution(inputs, outputs, 1, stride) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.branch(x) + self.projection(x))


def basic_block(inputs: int, width: int, stride: int) -> Block:
    branch = nn.Sequential(convolution(inputs, width, 3, stride), nn.ReLU(), convolution(width, width, 3))
    return Block(branch, inputs, width, stride)


def bottleneck(inputs: int, width: int, stride: int, *, stride_in_1x1: bool) -> Block:
    first, second = (stride, 1) if stride_in_1x1 else (1, stride)
    branch = nn.Sequential(
        convolution(inputs, width, 1, first), convolution(width, width, 3, second), convolution(width, 4 * width, 1)
    )
    return Block(branch, inputs, 4 * width, stride)


def stages(counts: Sequence[int], block: Callable[[int, int, int], Block], expansion: int) -> list[nn.Sequential]:
    inputs, result = 64, []
    for number, count in enumerate(counts):
        width, blocks = 64 * 2**number, []
        for index in range(count):
            blocks.append(block(inputs, width, 2 if number and not index else 1))
            inputs = width * expansion
        result.append(nn.Sequential(*blocks))
    return result


def stem() -> nn.Sequential:
    return nn.Sequential(convolution(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1))


def resnet18() -> nn.Module:
    body = stages((2, 2, 2, 2), basic_block, 1)
    return nn.Sequential(stem(), *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000))


def resnet50_stages(*, stride_in_1x1: bool) -> list[nn.Sequential]:
    return stages((3, 4, 6, 3), lambda i, w, s: bottleneck(i, w, s, stride_in_1x1=stride_in_1x1), 4)


def resnet50(*, stride_in_1x1: bool = False) -> nn.Module:
    body = resnet50_stages(stride_in_1x1=stride_in_1x1)
    return nn.Sequential(stem(), *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


class Inverted(nn.Module):
    """MobileNetV2's inverted residual."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        widen = [convolution(inputs, hidden, 1)] if expansion > 1 else []
        self.branch = nn.Sequential(
            *widen, convolution(hidden, hidden, 3, stride, hidden), convolution(hidden, outputs, 1)
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x) if self.residual else self.branch(x)


def mobilenet_v2() -> nn.Module:
    layers: list[nn.Module] = [convolution(3, 32, 3, 2)]
    inputs = 32
    rows = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    for expansion, outputs, count, stride in rows:
        for index in range(count):
            layers.append(Inverted(inputs, outputs, stride if not index else 1, expansion))
            inputs = outputs
    layers += [convolution(320, 1280, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 1000)]
    return nn.Sequential(*layers)


def same(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, stride, size // 2)


class Branch(nn.Module):
    """One of RetinaNet's two heads: four convolutions and a prediction, for each of five levels.

    ``light`` is the authors' released Light-weight RetinaNet: the finest level has its own 1 x 1 convolutions, the
    first convolution of every level is private, the rest is shared among the coarser levels; the class prediction of
    the finest level is 1 x 1 as well, the box prediction 3 x 3 and shared by all.
    """

    def __init__(self, outputs: int, *, light: bool, light_prediction: bool) -> None:
        super().__init__()
        shared = [same(256, 256, 3) for _ in range(4)]
        prediction = same(256, outputs, 3)
        towers = [list(shared) for _ in range(5)]
        predictions = [prediction] * 5
        if light:
            towers[0] = [same(256, 256, 1) for _ in range(4)]
            for tower in towers[2:]:
                tower[0] = same(256, 256, 3)
            if light_prediction:
                predictions[0] = same(256, outputs, 1)
        self.levels = nn.ModuleList(
            nn.Sequential(*tower, last) for tower, last in zip(towers, predictions, strict=True)
        )

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        return [head(level) for head, level in zip(self.levels, levels, strict=True)]


class RetinaNet(nn.Module):
    """ResNet-50 with feature pyramid and two heads; P6 from C5 as in Detectron or from P5 as in torchvision."""

    def __init__(self, classes: int, *, stride_in_1x1: bool, p6_from_c5: bool, light: bool = False) -> None:
        super().__init__()
        self.stem, self.stages = stem(), nn.ModuleList(resnet50_stages(stride_in_1x1=stride_in_1x1))
        self.laterals = nn.ModuleList(same(width, 256, 1) for width in (512, 1024, 2048))
        self.outputs = nn.ModuleList(same(256, 256, 3) for _ in range(3))
        self.p6, self.p7 = same(2048 if p6_from_c5 else 256, 256, 3, 2), same(256, 256, 3, 2)
        self.p6_from_c5 = p6_from_c5
        self.classes = Branch(9 * classes, light=light, light_prediction=True)
        self.boxes = Branch(36, light=light, light_prediction=False)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        laterals = [lateral(c) for lateral, c in zip(self.laterals, features[1:], strict=True)]
        for fine, coarse in ((1, 2), (0, 1)):
            laterals[fine] = laterals[fine] + functional.interpolate(laterals[coarse], size=laterals[fine].shape[-2:])
        levels = [output(lateral) for output, lateral in zip(self.outputs, laterals, strict=True)]
        p6 = self.p6(features[-1] if self.p6_from_c5 else levels[-1])
        levels += [p6, self.p7(functional.relu(p6))]
        return [*self.classes(levels), *self.boxes(levels)]


def retinanet(*, light: bool = False) -> nn.Module:
    """Detectron's: 80 classes, stride in the 1 x 1 convolutions, P6 from C5."""
    return RetinaNet(80, stride_in_1x1=True, p6_from_c5=True, light=light)


def retinanet_torchvision() -> nn.Module:
    return RetinaNet(91, stride_in_1x1=False, p6_from_c5=False)


def spiking_vgg9() -> nn.Module:
    """SpQuant-SNN's: 48 x 48 input, eight convolutions with neurons, one fully connected layer."""
    layers: list[nn.Module] = []
    inputs = 3
    for first, second in ((64, 128), (256, 256), (512, 512), (512, 512)):
        layers += [convolution(inputs, first, 3), LIF(), convolution(first, second, 3), LIF(), nn.AvgPool2d(2)]
        inputs = second
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4608, 10))


class SpikingBlock(nn.Module):
    """Two convolutions with neurons; the second one fires on the sum with the shortcut."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.first, self.first_neuron = convolution(inputs, width, 3, stride), LIF()
        self.second, self.second_neuron = convolution(width, width, 3), LIF()
        self.projection = convolution(inputs, width, 1, stride) if stride > 1 or inputs != width else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.second_neuron(self.second(self.first_neuron(self.first(x))) + self.projection(x))


def spiking_resnet19() -> nn.Module:
    """Blocks 3, 3, 2 of 128, 256, 512 channels, a fully connected layer of 256 neurons, one of 10 outputs."""
    layers: list[nn.Module] = [convolution(3, 128, 3), LIF()]
    inputs = 128
    for count, width in ((3, 128), (3, 256), (2, 512)):
        for index in range(count):
            layers.append(SpikingBlock(inputs, width, 2 if width > 128 and not index else 1))
            inputs = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 256), LIF(), nn.Linear(256, 10))


def on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """The network without memory for its weights."""
    with torch.device("meta"):
        return build()
