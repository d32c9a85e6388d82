"""The compiled neuron gives what the plain one gives, whatever the shape, and is left out where it cannot pay."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
import torch
from torch import nn

from cost_models import InputError
from dse.neurons import LIF, compiled
from dse.neurons.dynamics import LIFDynamics
from dse.neurons.dynamics import lif_over_time as plain
from dse.spiking_network import SpikingNetwork
from dse.trace import trace

# PyTorch's own, while it compiles a torch.autograd.Function.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning"),
]

RULES = [
    LIFDynamics(membrane_bits=1.58),
    LIFDynamics(0.7, reset="soft", surrogate="atan", membrane_bits=4, membrane_mask="hold"),
]


@pytest.fixture
def made_by(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Compiles with a given backend of torch."""

    def choose(backend: Any) -> None:
        monkeypatch.setattr(compiled, "BACKEND", backend)
        compiled._compiled.cache_clear()

    yield choose
    compiled._compiled.cache_clear()
    torch._dynamo.reset()


def check(rules: LIFDynamics, shapes: tuple[tuple[int, ...], ...], tolerance: float) -> None:
    for shape in shapes:
        currents = torch.randn(shape, generator=torch.Generator().manual_seed(len(shape)))
        ours, theirs = (currents.clone().requires_grad_() for _ in range(2))
        spikes, expected = compiled.lif_over_time(ours, 3, False, rules), plain(theirs, 3, False, rules)
        assert torch.equal(spikes, expected)
        upstream = torch.rand(shape)
        spikes.backward(upstream)
        expected.backward(upstream)
        torch.testing.assert_close(ours.grad, theirs.grad, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("rules", RULES, ids=["ternary", "soft, 4 bits, masked"])
def test_compiled_steps_are_the_plain_ones_for_any_number_of_neurons_without_compiling_again(
    rules: LIFDynamics, made_by: Any
) -> None:
    graphs: list[int] = []

    def backend(graph: Any, inputs: Any) -> Any:
        graphs.append(1)
        return graph.forward

    made_by(backend)
    check(rules, ((12, 2, 4, 4), (9, 7), (33, 5)), 0.0)
    assert len(graphs) == 1


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="there is no C++ compiler")
@pytest.mark.parametrize("rules", RULES, ids=["ternary", "soft, 4 bits, masked"])
def test_machine_code_for_the_cpu_gives_the_same(rules: LIFDynamics, made_by: Any) -> None:
    made_by("inductor")
    check(rules, ((12, 2, 4, 4), (9, 7)), 1e-6)


def test_a_network_with_compiled_neurons_is_traced_and_run_as_any_other(made_by: Any) -> None:
    made_by("eager")
    body = nn.Sequential(nn.Conv2d(1, 2, 3), LIF(membrane_bits=2, pool=2, engine="compiled"), nn.Flatten())
    network = SpikingNetwork(body, 3, input_ndim=3)
    assert trace(network, (1, 6, 6)).spiking
    inputs = torch.rand(4, 1, 6, 6)
    with torch.inference_mode():
        spikes = network(inputs)
        body[1].engine = "torch"
        assert torch.equal(spikes, network(inputs))


def test_rules_that_change_in_each_step_are_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "lif_over_time", None)
    sharing = LIF(membrane_bits=4, membrane_quantizer="shared_scale", engine="compiled")
    sharing.set_membrane_unit(0.1)
    for neuron in (LIF(learn_threshold=True, engine="compiled"), sharing):
        neuron(torch.rand(2, 3))


def test_where_nothing_can_compile_one_sentence_says_so(made_by: Any) -> None:
    def broken(graph: Any, inputs: Any) -> Any:
        raise RuntimeError("no compiler here")

    made_by(broken)
    with pytest.raises(
        InputError, match=r"engine is 'compiled', but torch cannot compile it for cpu.*no compiler here"
    ):
        LIF(engine="compiled")(torch.rand(2, 3))
