"""Configurations priced per second, beside the counters of other libraries on the same network (ResNet-18, 224 x 224).

Run: ``python benchmarks/cost_model.py [--configurations N] [--repeat N]``. Peers that are not installed are left out;
SpikingJelly can be installed beside this project's own dependencies with ``pip install --no-deps spikingjelly``.
A peer's figure is one count of one network: it knows one configuration, so pricing another one takes as long again.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

import cost_models
from cost_models import Configuration, ConfigurationBatch, Workload
from dse.trace import trace

SHAPE = (3, 224, 224)


class Block(nn.Module):
    """ResNet-18's residual block."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(width)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.second_norm(self.second(torch.relu(self.first_norm(self.first(x)))))
        return torch.relu(y + self.shortcut(x))


def resnet18() -> nn.Module:
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]
    inputs = 64
    for width in (64, 128, 256, 512):
        layers += [Block(inputs, width, 1 if width == 64 else 2), Block(width, width, 1)]
        inputs = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000))


def random_batch(workload: Workload, count: int) -> ConfigurationBatch:
    """Random pruning ratios, weight and membrane widths for every layer."""
    generator = np.random.default_rng(0)
    shape = (count, len(workload.compressible))
    return ConfigurationBatch(
        generator.integers(0, 20, shape) * 0.05,
        generator.choice([1.58, 2, 3, 4, 6, 8, 32], shape),
        generator.choice([1.58, 2, 4, 8, 32], shape),
        generator.integers(1, 9, count),
    )


def median_seconds(action: Callable[[], object], repeat: int) -> float:
    """Median over repeats, after one call that pays for caches and imports."""
    action()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def flop_counter_mode(network: nn.Module, image: Tensor) -> Callable[[], object]:
    from torch.utils.flop_counter import FlopCounterMode

    def count() -> int:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(image)
        return int(counter.get_total_flops())

    return count


def fvcore(network: nn.Module, image: Tensor) -> Callable[[], object]:
    from fvcore.nn import FlopCountAnalysis

    def count() -> object:
        analysis = FlopCountAnalysis(network, image)
        analysis.unsupported_ops_warnings(False)
        return analysis.total()

    return count


def spikingjelly(network: nn.Module, image: Tensor) -> Callable[[], object]:
    from spikingjelly.activation_based import op_counter

    def count() -> object:
        counter = op_counter.MACCounter()
        with torch.no_grad(), op_counter.DispatchCounterMode([counter]):
            network(image)
        return counter.get_total()

    return count


def peers() -> dict[str, float]:
    """Seconds for one count, by peer; None of them is needed."""
    network, image = resnet18().eval(), torch.zeros(1, *SHAPE)
    on_meta = resnet18().eval().to("meta")
    rows: dict[str, Callable[[], object]] = {
        "PyTorch FlopCounterMode": flop_counter_mode(network, image),
        "PyTorch FlopCounterMode, meta device": flop_counter_mode(on_meta, image.to("meta")),
    }
    if importlib.util.find_spec("fvcore"):
        rows["fvcore"] = fvcore(network, image)
    if importlib.util.find_spec("spikingjelly"):
        rows["SpikingJelly MACCounter"] = spikingjelly(network, image)
    return {name: median_seconds(count, 5) for name, count in rows.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configurations", type=int, default=50_000)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    workload = trace(resnet18(), SHAPE, name="ResNet-18")
    hardware = cost_models.load_hardware("edge_asic_45nm")
    batch = random_batch(workload, options.configurations)
    many = median_seconds(lambda: cost_models.estimate_many(workload, batch, hardware), options.repeat)
    uniform = Configuration.uniform(workload, pruning_ratio=0.5, weight_bits=4)
    one = median_seconds(lambda: cost_models.estimate(workload, uniform, hardware), 50)
    per_second = options.configurations / many
    print(
        f"{workload.network}: {len(workload.compressible)} layers with weights, {len(workload.layers)} in all, 1 thread"
    )
    print(f"{'':42}{'seconds each':>14}{'a second':>14}{'estimate_many is faster by':>28}")
    rows = {"estimate_many": many / options.configurations, "estimate, one with all its layers": one, **peers()}
    for name, seconds in rows.items():
        print(f"{name:42}{seconds:14.3e}{1 / seconds:14,.1f}{per_second * seconds:28,.0f}")


if __name__ == "__main__":
    main()
