"""Built-in networks, and :func:`build_network` for these and for a user's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cost_models import InputError, Registry
from dse.networks.classic import CLASSIC_NETWORKS
from dse.networks.network import NetworkEntry, NeuronFactory
from dse.networks.spiking import SPIKING_NETWORKS
from dse.networks.vgg import VGG_LIKE
from dse.neurons import LIF, spiking_neurons
from dse.references import is_reference, load_reference
from dse.spiking_network import SpikingNetwork

NETWORKS: Registry[NetworkEntry] = Registry("network", {**SPIKING_NETWORKS, **CLASSIC_NETWORKS, "vgg_like": VGG_LIKE})

__all__ = ["NETWORKS", "NetworkEntry", "NeuronFactory", "build_network", "check_answer"]


def build_network(
    name: str,
    input_shape: Sequence[int],
    classes: int = 10,
    *,
    neuron: NeuronFactory = LIF,
    time_steps: int = 1,
    readout: str = "logits",
) -> nn.Module:
    """A fresh network, ready to take ``(B, *input_shape)`` and to give ``(B, classes)``.

    ``name`` is one of ours or a user's ``path/to/file.py:factory``; of ``input_shape``, ``classes``, ``neuron`` and
    ``time_steps`` a user's factory is given those that it names as parameters. A network with spiking neurons inside
    is wrapped in a :class:`SpikingNetwork` of ``time_steps`` steps with ``readout``; what comes as one already
    (:func:`dse.spiking`) keeps its own read-out unless "rate" is asked for. Weights come from torch's global generator.
    Raises :class:`InputError` for unknown names, for a shape the network cannot take and for a factory that gives no
    module.
    """
    shape = tuple(input_shape)
    if is_reference(name):
        offered = {"input_shape": shape, "classes": classes, "neuron": neuron, "time_steps": time_steps}
        body = _from_factory(name, load_reference(name), offered)
    else:
        body = NETWORKS[name].build(shape, classes, neuron)
    for first in list(spiking_neurons(body).values())[:1]:
        if isinstance(first, LIF):
            first.fix_threshold()  # as LT-SNN does: the first layer's threshold is not learned
    if isinstance(body, SpikingNetwork):
        body.time_steps = time_steps
        body.input_ndim = len(shape) if body.input_ndim is None else body.input_ndim
        if readout == body.readout or readout == "logits":
            return body
        body = body.body
    if not spiking_neurons(body):
        if readout != "logits":
            raise InputError(f"method.readout is {readout!r}, but network {name!r} does not spike; leave the key out")
        return body
    return SpikingNetwork(body, time_steps, len(shape), readout, neuron)


def check_answer(name: str, network: nn.Module, batch: Tensor, classes: int) -> None:
    """Raise :class:`InputError` unless a network answers a batch of one sample with one number for each class."""
    with torch.no_grad():
        answer = network.eval()(batch)
    if not isinstance(answer, Tensor):
        raise InputError(f"network {name!r} returns {type(answer).__name__}; its forward returns one tensor")
    if tuple(answer.shape) != (1, classes):
        raise InputError(
            f"network {name!r} answers one sample with the shape {tuple(answer.shape)}; the data set has {classes} "
            f"classes, so it is (1, {classes})"
        )


def _from_factory(name: str, factory: Callable[..., Any], offered: dict[str, Any]) -> nn.Module:
    if isinstance(factory, nn.Module):
        raise InputError(f"{name} is a network; name a function or a class that makes a fresh one")
    try:
        parameters = inspect.signature(factory).parameters
        body = factory(**{key: value for key, value in offered.items() if key in parameters})
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(
            f"network {name} cannot be made: {type(error).__name__}: {error}; it is given those of "
            f"{', '.join(offered)} that it names"
        ) from error
    if not isinstance(body, nn.Module):
        raise InputError(f"{name} returned {type(body).__name__}; it must return a torch.nn.Module")
    return body
