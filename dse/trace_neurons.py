"""Which modules are spiking neurons: ours, a user's own that say so, and those of three libraries, none imported."""

from __future__ import annotations

from torch import nn

#: Base classes of stateful neurons by the library's top package.
_LIBRARY_BASES = {
    "snntorch": frozenset({"SpikingNeuron"}),
    "spikingjelly": frozenset({"BaseNode"}),
    "norse": frozenset({"SNN", "SNNCell", "SNNRecurrent", "SNNRecurrentCell"}),
}


def is_spiking_neuron(module: nn.Module) -> bool:
    """Whether a module keeps a membrane and turns currents into spikes.

    True for a module with ``is_spiking_neuron = True`` and for the neurons of snnTorch, SpikingJelly and Norse.
    """
    if getattr(module, "is_spiking_neuron", False) is True:
        return True
    return any(base.__name__ in _LIBRARY_BASES.get(package(base), ()) for base in type(module).__mro__)


def emits_spikes(module: nn.Module) -> bool:
    """Whether a neuron's output is spikes: all but Norse's leaky integrators, which read out their membrane."""
    name = type(module).__name__
    return not (package(type(module)) == "norse" and name.startswith("LI") and not name.startswith("LIF"))


def package(kind: type) -> str:
    """The top package that a class comes from.

    >>> package(nn.Linear)
    'torch'
    """
    return kind.__module__.partition(".")[0]
