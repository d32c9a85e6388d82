"""Our counts of one spiking network on handwritten digits beside those of PyTorch, NeuroBench and SpikingJelly.

Run: ``python benchmarks/counters.py`` with neurobench and spikingjelly installed (both with ``--no-deps``); what is not
installed is left out. The table in docs/cost_model.md is what this prints.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections import OrderedDict
from collections.abc import Callable

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from cost_models import Workload
from dse.networks import build_network
from dse.neurons import LIF
from dse.spiking_network import SpikingNetwork
from dse.trace import trace

STEPS, SAMPLES = 4, 200
Inputs = dict[str, tuple[nn.Module, Tensor]]
Counts = dict[str, float]


def without_pools() -> nn.Module:
    """Every layer behind the first one reads binary spikes."""
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 16, 3, padding=1, bias=False),
            neuron1=LIF(engine="torch"),
            conv2=nn.Conv2d(16, 32, 3, padding=1, bias=False),
            neuron2=LIF(engine="torch"),
            flatten=nn.Flatten(),
            fc1=nn.Linear(2048, 10, bias=False),
        )
    )


def with_pools() -> nn.Module:
    """The default network: its average pools make fractions of spikes."""
    network = build_network("spiking_cnn", (1, 8, 8), neuron=lambda **options: LIF(engine="torch", **options))
    assert isinstance(network, SpikingNetwork)
    return network.body


def network_on_digits(build: Callable[[], nn.Module]) -> tuple[SpikingNetwork, Tensor]:
    """The network with weights of three times the usual initial size, so that untrained neurons fire."""
    torch.manual_seed(0)
    network = SpikingNetwork(build(), STEPS, input_ndim=3)
    for parameter in network.parameters():
        if parameter.ndim > 1:
            parameter.data.mul_(3.0)
    images = torch.tensor(load_digits().images[:SAMPLES], dtype=torch.float32).unsqueeze(1) / 16
    return network.eval(), images


def layer_inputs(network: SpikingNetwork, images: Tensor) -> Inputs:
    inputs: Inputs = {}
    hooks = [
        module.register_forward_pre_hook(
            lambda module, args, path=path: inputs.__setitem__(path, (module, args[0].clone()))
        )
        for path, module in network.body.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    with torch.no_grad():
        network(images)
    for hook in hooks:
        hook.remove()
    return inputs


def passes(workload: Workload, name: str) -> int:
    return 1 if workload[name].static_input else STEPS


def ours(workload: Workload) -> tuple[Counts, Counts]:
    dense = {layer.name: float(layer.macs * passes(workload, layer.name)) for layer in workload.compressible}
    return dense, {name: count * workload[name].input_density for name, count in dense.items()}


def pytorch(network: SpikingNetwork, images: Tensor) -> Counts:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(images)
    counts = counter.get_flop_counts()
    path = "SpikingNetwork.body."
    return {name.removeprefix(path): sum(of.values()) / 2 / SAMPLES for name, of in counts.items() if path in name}


def neurobench(inputs: Inputs) -> tuple[Counts, Counts]:
    from neurobench.metrics.utils.layers.macs import single_layer_MACs

    dense = {name: single_layer_MACs(x, module, total=True)[0] / SAMPLES for name, (module, x) in inputs.items()}
    return dense, {name: single_layer_MACs(x, module)[0] / SAMPLES for name, (module, x) in inputs.items()}


def spikingjelly(network: SpikingNetwork, images: Tensor) -> tuple[Counts, Counts]:
    from spikingjelly.activation_based import op_counter

    counters = op_counter.MACCounter(), op_counter.SynOpCounter()
    with torch.no_grad(), op_counter.DispatchCounterMode(list(counters)):
        network(images)
    path = "SpikingNetwork.body."
    macs, synops = (
        {name.removeprefix(path): sum(of.values()) / SAMPLES for name, of in counter.get_counts().items()}
        for counter in counters
    )
    return macs, synops


def main() -> None:
    warnings.simplefilter("ignore")
    for build in (without_pools, with_pools):
        print_counts(build)


def print_counts(build: Callable[[], nn.Module]) -> None:
    network, images = network_on_digits(build)
    inputs = layer_inputs(network, images)
    workload = trace(network, (1, 8, 8))
    densities = {name: float((tensor != 0).double().mean()) for name, (_, tensor) in inputs.items()}
    workload = workload.with_densities(densities)
    columns: dict[str, Counts] = {}
    columns["dense"], columns["SynOps"] = ours(workload)
    columns["PyTorch dense"] = pytorch(network, images)
    peers: dict[str, Callable[[], tuple[Counts, Counts]]] = {
        "neurobench": lambda: neurobench(inputs),
        "spikingjelly": lambda: spikingjelly(network, images),
    }
    for name, count in peers.items():
        if importlib.util.find_spec(name):
            columns[f"{name} dense"], columns[f"{name} SynOps"] = count()
    print(f"\n{build.__name__}: 1x8x8, {STEPS} steps, {SAMPLES} digits; operations for one image over all steps")
    print("| layer | input density | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 2) + "|")
    for layer in workload.compressible:
        cells = [f"{column.get(layer.name, 0.0):,.0f}" for column in columns.values()]
        print(f"| {layer.name} | {layer.input_density:.4f} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
