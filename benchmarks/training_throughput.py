"""Images per second of one training step, ours beside snnTorch, SpikingJelly, a plain loop and the convolutions alone.

    python benchmarks/training_throughput.py [--rounds 15] [--threads 1] [--json]

Network: 1x28x28 - conv 3x3, 16 - LIF - average pool 2 - conv 3x3, 32 - LIF - average pool 2 - fc 128 - LIF - fc 10;
T = 4, batch 128, the same image in each step, atan surrogate; forward, backward and torch's fused Adam. The variants
take turns, in one process with one allocator setting and in an order that moves on each round, so neighbours on the
machine hit all alike: read the ratios, not the absolute numbers. Peers that are not installed are left out and named.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from dse.allocator import keep_freed_memory
from dse.neurons import LIF
from dse.neurons.surrogate import spike
from dse.spiking_network import SpikingNetwork

BATCH, STEPS, CLASSES = 128, 4, 10
Step = Callable[[], None]


def weighted_layers() -> tuple[nn.Module, ...]:
    torch.manual_seed(0)
    return (
        nn.Conv2d(1, 16, 3, padding=1),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.Linear(32 * 7 * 7, 128),
        nn.Linear(128, CLASSES),
    )


def training_step(network: nn.Module, logits: Callable[[], Tensor], targets: Tensor) -> Step:
    optimizer = torch.optim.Adam(network.parameters(), fused=True)

    def step() -> None:
        optimizer.zero_grad()
        functional.cross_entropy(logits(), targets).backward()
        optimizer.step()

    return step


def ours(images: Tensor, targets: Tensor, membrane_bits: float = 32, engine: str = "auto") -> Step:
    def neuron(pool: int = 1) -> LIF:
        return LIF(surrogate="atan", pool=pool, membrane_bits=membrane_bits, engine=engine)

    conv1, conv2, fc1, fc2 = weighted_layers()
    body = nn.Sequential(conv1, neuron(2), conv2, neuron(2), nn.Flatten(), fc1, neuron(), fc2)
    network = SpikingNetwork(body, STEPS, input_ndim=3)
    return training_step(network, lambda: network(images), targets)


def plain_loop(images: Tensor, targets: Tensor) -> Step:
    layers = nn.ModuleList(weighted_layers())
    conv1, conv2, fc1, fc2 = layers

    def fire(current: Tensor, membrane: Tensor | float) -> tuple[Tensor, Tensor]:
        potential = 0.5 * membrane + current
        spikes = spike(potential - 1.0, "atan")
        return spikes, potential * (1.0 - spikes.detach())

    def logits() -> Tensor:
        membranes: list[Tensor | float] = [0.0, 0.0, 0.0]
        outputs = []
        for _ in range(STEPS):
            spikes, membranes[0] = fire(conv1(images), membranes[0])
            spikes, membranes[1] = fire(conv2(functional.avg_pool2d(spikes, 2)), membranes[1])
            spikes, membranes[2] = fire(fc1(functional.avg_pool2d(spikes, 2).flatten(1)), membranes[2])
            outputs.append(fc2(spikes))
        return torch.stack(outputs).mean(0)

    return training_step(layers, logits, targets)


def snntorch_step(images: Tensor, targets: Tensor) -> Step:
    import snntorch
    from snntorch import surrogate

    conv1, conv2, fc1, fc2 = weighted_layers()
    neurons = [
        snntorch.Leaky(beta=0.5, spike_grad=surrogate.atan(), reset_mechanism="zero", init_hidden=False)
        for _ in range(3)
    ]
    network = nn.ModuleList([conv1, conv2, fc1, fc2, *neurons])

    def logits() -> Tensor:
        membranes = [neuron.init_leaky() for neuron in neurons]
        outputs = []
        for _ in range(STEPS):
            spikes, membranes[0] = neurons[0](conv1(images), membranes[0])
            spikes, membranes[1] = neurons[1](conv2(functional.avg_pool2d(spikes, 2)), membranes[1])
            spikes, membranes[2] = neurons[2](fc1(functional.avg_pool2d(spikes, 2).flatten(1)), membranes[2])
            outputs.append(fc2(spikes))
        return torch.stack(outputs).mean(0)

    return training_step(network, logits, targets)


def spikingjelly_step(images: Tensor, targets: Tensor) -> Step:
    from spikingjelly.activation_based import functional as jelly
    from spikingjelly.activation_based import layer, neuron, surrogate

    def fire() -> nn.Module:
        return neuron.LIFNode(
            tau=2.0, decay_input=False, v_reset=0.0, surrogate_function=surrogate.ATan(), detach_reset=True
        )

    torch.manual_seed(0)
    network = nn.Sequential(
        *(layer.Conv2d(1, 16, 3, padding=1), fire(), layer.AvgPool2d(2, 2)),
        *(layer.Conv2d(16, 32, 3, padding=1), fire(), layer.AvgPool2d(2, 2)),
        *(layer.Flatten(), layer.Linear(32 * 7 * 7, 128), fire(), layer.Linear(128, CLASSES)),
    )
    jelly.set_step_mode(network, "m")
    frames = images.unsqueeze(0).expand(STEPS, *images.shape)

    def logits() -> Tensor:
        jelly.reset_net(network)
        return network(frames).mean(0)

    return training_step(network, logits, targets)


def floor_step(images: Tensor, first_once: bool) -> Step:
    """The weighted layers alone, forward and backward on inputs of spike-like density, and Adam."""
    layers = nn.ModuleList(weighted_layers())
    generator = torch.Generator().manual_seed(0)

    def spikes(*shape: int) -> Tensor:
        return (torch.rand(STEPS * BATCH, *shape, generator=generator) < 0.2).float().requires_grad_()

    inputs = [images if first_once else images.repeat(STEPS, 1, 1, 1), spikes(16, 14, 14), spikes(1568), spikes(128)]
    gradients = [torch.randn_like(layer(x)) for layer, x in zip(layers, inputs, strict=True)]
    optimizer = torch.optim.Adam(layers.parameters(), fused=True)

    def step() -> None:
        optimizer.zero_grad()
        for layer, x, gradient in zip(layers, inputs, gradients, strict=True):
            x.grad = None
            layer(x).backward(gradient)
        optimizer.step()

    return step


def variants(images: Tensor, targets: Tensor) -> tuple[dict[str, Step], list[str]]:
    """What can be run here by name, and the packages that are missing."""
    steps: dict[str, Step] = {
        "spikefront": ours(images, targets),
        "spikefront, membrane at 1.58 bit": ours(images, targets, membrane_bits=1.58),
        "spikefront, membrane at 4 bit": ours(images, targets, membrane_bits=4),
        "spikefront, plain torch neuron": ours(images, targets, engine="torch"),
        "plain torch loop": plain_loop(images, targets),
    }
    missing = []
    for package, build in (("snntorch", snntorch_step), ("spikingjelly", spikingjelly_step)):
        try:
            version = importlib.metadata.version(package)
            steps[f"{package} {version}"] = build(images, targets)
        except ImportError as error:
            missing.append(f"{package} ({error})")
    steps["floor: weighted layers alone"] = floor_step(images, first_once=False)
    steps["floor: first convolution once"] = floor_step(images, first_once=True)
    return steps, missing


def measure(steps: dict[str, Step], rounds: int) -> dict[str, list[float]]:
    """Seconds of each step in each round, the variants taking turns; two rounds of warming up are left out."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    turns = list(steps.items())
    for round_number in range(rounds + 2):
        for name, step in turns:
            start = time.perf_counter()
            step()
            if round_number >= 2:
                seconds[name].append(time.perf_counter() - start)
        turns.append(turns.pop(0))
    return seconds


def ratio(seconds: dict[str, list[float]], slow: str, fast: str) -> float:
    """Median over the rounds of how many times longer ``slow`` takes than ``fast`` in the same round."""
    return statistics.median(a / b for a, b in zip(seconds[slow], seconds[fast], strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of the table")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    kept = keep_freed_memory()
    images, targets = torch.rand(BATCH, 1, 28, 28), torch.randint(0, CLASSES, (BATCH,))
    steps, missing = variants(images, targets)
    seconds = measure(steps, arguments.rounds)

    throughput = {name: BATCH / statistics.median(values) for name, values in seconds.items()}
    peers = [name for name in throughput if name.startswith(("snntorch", "spikingjelly"))]
    floor, floor_once = "floor: weighted layers alone", "floor: first convolution once"
    ratios = {f"over {peer}": ratio(seconds, peer, "spikefront") for peer in peers}
    ratios["over the plain torch loop"] = ratio(seconds, "plain torch loop", "spikefront")
    ratios["share of the floor"] = ratio(seconds, floor, "spikefront")
    ratios["share of the floor with the first convolution once"] = ratio(seconds, floor_once, "spikefront")
    for bits in ("1.58", "4"):
        quantised = f"spikefront, membrane at {bits} bit"
        ratios[f"time at {bits} bit over float membrane"] = ratio(seconds, quantised, "spikefront")
    if arguments.json:
        report = {"images_per_second": throughput, "ratios": ratios, "missing": missing, "threads": arguments.threads}
        print(json.dumps(report))
        return
    print(
        f"torch {torch.__version__}, {arguments.threads} thread(s), allocator kept: {kept}, {arguments.rounds} rounds"
    )
    for name, value in throughput.items():
        print(f"{name:44s} {value:8.0f} images/s")
    for name, value in ratios.items():
        print(f"{name:54s} {value:6.2f}")
    for package in missing:
        print(f"not measured, not installed: {package}", file=sys.stderr)


if __name__ == "__main__":
    main()
