"""Our counts beside SpikingJelly's and NeuroBench's own counters, on handwritten digits; skipped where not installed.

Both look at the tensors of a real pass. Without padding their dense counts are ours. Products with padded zeros, which
PyTorch's counter and published tables include, are left out by NeuroBench and by SpikingJelly's synaptic operations
(docs/cost_model.md has the numbers).
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from cost_models import OPERATION_CONVENTIONS, Configuration, Workload
from dse.neurons import LIF
from dse.spiking_network import SpikingNetwork
from dse.trace import trace

STEPS, SAMPLES = 4, 50
pytestmark = pytest.mark.filterwarnings("ignore")


@dataclass
class Pass:
    """A network without padding, its workload at the measured densities, and the input of each layer in that pass."""

    network: SpikingNetwork
    images: Tensor
    workload: Workload
    inputs: dict[str, tuple[nn.Module, Tensor]]


@pytest.fixture(scope="module")
def measured() -> Pass:
    torch.manual_seed(0)
    body = nn.Sequential(
        nn.Conv2d(1, 16, 3, bias=False),
        LIF(engine="torch"),
        nn.Conv2d(16, 32, 3, bias=False),
        LIF(engine="torch"),
        nn.Flatten(),
        nn.Linear(512, 64, bias=False),
        LIF(engine="torch"),
        nn.Linear(64, 10, bias=False),
    )
    for layer in body:
        if hasattr(layer, "weight"):
            layer.weight.data.mul_(3.0)  # untrained weights of the usual size hardly make a neuron fire
    network = SpikingNetwork(body, STEPS).eval()
    images = torch.tensor(load_digits().images[:SAMPLES], dtype=torch.float32).unsqueeze(1) / 16
    inputs: dict[str, tuple[nn.Module, Tensor]] = {}
    hooks = [
        module.register_forward_pre_hook(
            lambda module, args, path=path: inputs.__setitem__(path, (module, args[0].clone()))
        )
        for path, module in body.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    with torch.no_grad():
        network(images)
    for hook in hooks:
        hook.remove()
    workload = trace(network, (1, 8, 8))
    densities = {path: float((tensor != 0).double().mean()) for path, (_, tensor) in inputs.items()}
    return Pass(network, images, workload.with_densities(densities), inputs)


def passes(workload: Workload, name: str) -> int:
    return 1 if workload[name].static_input else STEPS


def test_dense_counts_are_neurobenchs(measured: Pass) -> None:
    macs = pytest.importorskip("neurobench.metrics.utils.layers.macs")
    for path, (module, tensor) in measured.inputs.items():
        counted, _ = macs.single_layer_MACs(tensor, module, total=True)
        assert counted == SAMPLES * measured.workload[path].macs * passes(measured.workload, path)


def test_synaptic_operations_of_linear_layers_are_neurobenchs(measured: Pass) -> None:
    macs = pytest.importorskip("neurobench.metrics.utils.layers.macs")
    for path in ("5", "7"):
        module, tensor = measured.inputs[path]
        counted, spiking = macs.single_layer_MACs(tensor, module)
        layer = measured.workload[path]
        assert spiking
        assert layer.spiking_input
        assert counted == pytest.approx(SAMPLES * layer.macs * STEPS * layer.input_density, rel=1e-9)


def test_synaptic_operations_of_a_convolution_are_neurobenchs_up_to_the_border(measured: Pass) -> None:
    """A spike in a corner meets fewer kernel positions than one in the middle; ours takes the mean over all."""
    macs = pytest.importorskip("neurobench.metrics.utils.layers.macs")
    module, tensor = measured.inputs["2"]
    counted, _ = macs.single_layer_MACs(tensor, module)
    layer = measured.workload["2"]
    assert counted == pytest.approx(SAMPLES * layer.macs * STEPS * layer.input_density, rel=0.25)


def test_dense_and_synaptic_operations_are_spikingjellys(measured: Pass) -> None:
    counters = pytest.importorskip("spikingjelly.activation_based.op_counter")
    macs, synops = counters.MACCounter(), counters.SynOpCounter()
    with torch.no_grad(), counters.DispatchCounterMode([macs, synops]):
        measured.network(measured.images)
    convolutions = macs.get_counts()["SpikingNetwork.body.0"]
    assert sum(convolutions.values()) == SAMPLES * measured.workload["0"].macs
    linear = sum(sum(synops.get_counts()[f"SpikingNetwork.body.{path}"].values()) for path in ("5", "7"))
    expected = sum(
        measured.workload[path].macs * measured.workload[path].input_density * STEPS * SAMPLES for path in ("5", "7")
    )
    assert linear == pytest.approx(expected, rel=1e-9)


def test_dense_counts_are_pytorchs_on_the_same_pass(measured: Pass) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        measured.network(measured.images)
    configuration = Configuration.uniform(measured.workload, time_steps=STEPS)
    dense = OPERATION_CONVENTIONS["dense MACs"](measured.workload, configuration)
    assert counter.get_total_flops() == 2 * SAMPLES * dense
