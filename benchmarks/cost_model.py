"""Configurations priced per second, beside the counters of other libraries on the same network (ResNet-18, 224 x 224).

Run: ``python benchmarks/cost_model.py [--configurations N] [--rounds N]``. Peers that are not
installed are left out; SpikingJelly can be installed beside this project's own dependencies with ``pip install
--no-deps spikingjelly``; ZigZag needs an environment of its own (``benchmarks/zigzag_peer.py``). A peer's figure is one
count of one network: it knows one configuration, so pricing another one takes as long again. All take turns in one
process; times are CPU seconds of one thread, so that neighbours on the machine matter little.
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


def median_seconds(actions: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median CPU seconds of each action over rounds in which all take turns; the first round pays for caches."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds + 1):
        for name, action in actions.items():
            start = time.process_time()
            action()
            times[name].append(time.process_time() - start)
    return {name: statistics.median(values[1:]) for name, values in times.items()}


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


def peers() -> dict[str, Callable[[], object]]:
    """One count of the network by each peer that is installed."""
    network, image = resnet18().eval(), torch.rand(1, *SHAPE)
    on_meta = resnet18().eval().to("meta")
    actions: dict[str, Callable[[], object]] = {
        "PyTorch FlopCounterMode": flop_counter_mode(network, image),
        "PyTorch FlopCounterMode, meta device": flop_counter_mode(on_meta, image.to("meta")),
    }
    if importlib.util.find_spec("fvcore"):
        actions["fvcore"] = fvcore(network, image)
    if importlib.util.find_spec("spikingjelly"):
        actions["SpikingJelly MACCounter"] = spikingjelly(network, image)
    return actions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configurations", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    workload = trace(resnet18(), SHAPE, name="ResNet-18")
    hardware = cost_models.load_hardware("edge_asic_45nm")
    batch = random_batch(workload, options.configurations)
    uniform = Configuration.uniform(workload, pruning_ratio=0.5, weight_bits=4)
    ours: dict[str, Callable[[], object]] = {
        "estimate_many": lambda: cost_models.estimate_many(workload, batch, hardware),
        "estimate, one with all its layers": lambda: cost_models.estimate(workload, uniform, hardware),
    }
    seconds = median_seconds({**ours, **peers()}, options.rounds)
    seconds["estimate_many"] /= options.configurations
    print(
        f"{workload.network}: {len(workload.compressible)} layers with weights, {len(workload.layers)} in all, 1 thread"
    )
    print(f"{'':42}{'seconds each':>14}{'a second':>14}{'estimate_many is faster by':>28}")
    for name, each in seconds.items():
        print(f"{name:42}{each:14.3e}{1 / each:14,.1f}{each / seconds['estimate_many']:28,.0f}")


if __name__ == "__main__":
    main()
