"""Spiking neurons that run over all time steps at once, and the table of those that can be named."""

from cost_models import Registry
from dse.neurons.dynamics import LIFDynamics
from dse.neurons.lif import LIF
from dse.neurons.membrane import MembraneGrid, quantise_membrane
from dse.neurons.neuron import Activity, SpikingNeuron, Timeline, record_activity, spiking_neurons
from dse.neurons.surrogate import SURROGATES, spike

NEURONS: Registry[type[SpikingNeuron]] = Registry("neuron", {"lif": LIF})

__all__ = [
    "LIF",
    "NEURONS",
    "SURROGATES",
    "Activity",
    "LIFDynamics",
    "MembraneGrid",
    "SpikingNeuron",
    "Timeline",
    "quantise_membrane",
    "record_activity",
    "spike",
    "spiking_neurons",
]
