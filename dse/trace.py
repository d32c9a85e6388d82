"""Any network -> the torch-free workload: every operation priced, or named as one that cannot be.

The network runs once on an example for one time step, a large one on PyTorch's meta device (shapes only, no
arithmetic), while :mod:`dse.trace_recorder` books what it does on layers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from cost_models import InputError, Layer, Workload
from cost_models.errors import check_count
from dse.spiking_network import SpikingNetwork
from dse.trace_recorder import Recorder
from dse.trace_tags import Tag, set_tag


def trace(
    network: nn.Module,
    input_shape: Sequence[int],
    *,
    name: str = "",
    temporal: bool = False,
    dtype: torch.dtype | None = None,
    steps_in_forward: int = 1,
) -> Workload:
    """The workload of ``network`` for one input of ``input_shape`` (without batch) and one time step.

    Layers appear in the order of their first use, under the path of their module; a module used again counts its
    parameters once and its operations each time. Dense MACs equal half of PyTorch's ``FlopCounterMode`` figure.
    Spiking neurons (:mod:`dse.trace_neurons`) belong to the compressible layer that feeds them. ``temporal``
    says that the input is one frame of an event stream and not a static image: no layer is then computed once for all
    steps, and the input counts as spikes. ``dtype`` is the input's (default: that of the parameters; use
    ``torch.long`` for token indices). ``steps_in_forward`` is the number of time steps over which the network's forward
    loops by itself, as snnTorch and Norse networks often do: its counts are shared among them. The network is left as
    it was. Raises :class:`InputError` if it cannot take an input of this shape.
    """
    shape = tuple(int(size) for size in input_shape)
    check_count("steps_in_forward", steps_in_forward, at_least=1)
    if dtype is None:
        floating = (p.dtype for p in network.parameters() if p.dtype.is_floating_point)
        dtype = next(floating, torch.float32)
    title = name or type(network).__name__
    real = next((p.device for p in network.parameters()), torch.device("cpu"))
    recorder = None
    recurrent = any(isinstance(module, nn.RNNBase) for module in network.modules())
    if recurrent or _is_large(network, shape):
        # Shapes alone do not do for a network that looks at values. Recurrent layers have one opaque operator on CPUs.
        with suppress(Exception):
            recorder = _run(network, torch.zeros((1, *shape), dtype=dtype, device="meta"), temporal)
    try:
        recorder = recorder or _run(network, torch.zeros((1, *shape), dtype=dtype, device=real), temporal)
    except Exception as problem:
        sentence = " ".join(str(problem).split())[:300]
        raise InputError(f"network {title!r} cannot take an input of shape {shape}: {sentence}") from problem
    layers = recorder.layers(steps_in_forward)
    if isinstance(network, SpikingNetwork):
        layers = tuple(_as_in_body(layer) for layer in layers)
    return Workload(title, shape, layers, tuple(recorder.unpriced))


def _as_in_body(layer: Layer) -> Layer:
    """The layer under the names that the user gave: the wrapper that runs the network over time is not one of them."""
    return replace(
        layer,
        name=layer.name.removeprefix("body."),
        neuron=layer.neuron.removeprefix("body.") if layer.neuron else None,
        reads=layer.reads.removeprefix("body.") if layer.reads else None,
    )


def _is_large(network: nn.Module, shape: tuple[int, ...]) -> bool:
    """Whether a real run would take longer than the seconds that PyTorch needs to load its meta kernels."""
    return sum(parameter.numel() for parameter in network.parameters()) > 4_000_000 or math.prod(shape) > 100_000


def _run(network: nn.Module, example: Tensor, temporal: bool) -> Recorder:
    recorder = Recorder(network)
    with ExitStack() as stack:
        stack.enter_context(_restored(network))
        _replace_tensors(network, example.device)
        for path, module in network.named_modules():
            stack.callback(module.register_forward_pre_hook(_entering(recorder, path)).remove)
            stack.callback(module.register_forward_hook(_leaving(recorder, path)).remove)
        for module in network.modules():
            module.training = False
        set_tag(example, Tag(data=True, spiking=temporal, static=not temporal))
        stack.enter_context(torch.no_grad())
        stack.enter_context(_without_fused_kernels())
        stack.enter_context(recorder)
        network(example)
    return recorder


def _entering(recorder: Recorder, path: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
    return lambda module, inputs: recorder.enter(path, module)


def _leaving(recorder: Recorder, path: str) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
    return lambda module, inputs, output: recorder.leave(path, module, inputs, output)


@contextmanager
def _without_fused_kernels() -> Iterator[None]:
    """Keep attention from its opaque operators for inference."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)


@contextmanager
def _restored(network: nn.Module) -> Iterator[None]:
    """Put back every attribute, parameter and buffer of the network's modules, and their time line."""
    modules = list(network.modules())
    attributes = [dict(vars(module)) for module in modules]
    tensors = [(dict(module._parameters), dict(module._buffers)) for module in modules]
    timelines = {id(t): t for module in modules if (t := getattr(module, "timeline", None)) is not None}
    times = [(timeline, timeline.steps, timeline.batch) for timeline in timelines.values()]
    for timeline in timelines.values():
        timeline.steps, timeline.batch = 1, None
    try:
        yield
    finally:
        for module, values, (parameters, buffers) in zip(modules, attributes, tensors, strict=True):
            vars(module).clear()
            vars(module).update(values)
            module._parameters.clear()
            module._parameters.update(parameters)
            module._buffers.clear()
            module._buffers.update(buffers)
        for timeline, steps, batch in times:
            timeline.steps, timeline.batch = steps, batch


def _replace_tensors(network: nn.Module, device: torch.device) -> None:
    """Give the modules tagged stand-ins of their parameters and buffers; tied ones stay tied."""
    stand_ins: dict[int, Tensor] = {}
    names = {id(tensor): name for name, tensor in (*network.named_buffers(), *network.named_parameters())}
    for module in network.modules():
        for tensors in (module._parameters, module._buffers):
            for attribute, tensor in tensors.items():
                if tensor is None:
                    continue
                if id(tensor) not in stand_ins:
                    copy = tensor.detach().to(device) if device.type == "meta" else tensor.detach().clone()
                    if isinstance(tensor, nn.Parameter):
                        copy = nn.Parameter(copy, requires_grad=False)
                    set_tag(copy, Tag(parameters=(names[id(tensor)],)))
                    stand_ins[id(tensor)] = copy
                tensors[attribute] = stand_ins[id(tensor)]  # type: ignore[assignment]
        if isinstance(module, nn.RNNBase):
            module._flat_weights = [getattr(module, weight) for weight in module._flat_weights_names]
