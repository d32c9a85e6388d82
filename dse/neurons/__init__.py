"""Spiking neurons that run over all time steps at once, and the table of those that can be named."""

from cost_models import Registry
from dse.neurons.dynamics import LIFDynamics
from dse.neurons.lif import LIF
from dse.neurons.membrane import MembraneGrid, quantise_membrane
from dse.neurons.membrane_quantizer import MEMBRANE_QUANTIZERS, MembraneQuantizer
from dse.neurons.neuron import Activity, SpikingNeuron, Timeline, record_activity, spiking_neurons
from dse.neurons.surrogate import SURROGATES, spike
from dse.neurons.threshold_centred import ThresholdCentredGrid

NEURONS: Registry[type[SpikingNeuron]] = Registry("neuron", {"lif": LIF})

__all__ = [
    "LIF",
    "MEMBRANE_QUANTIZERS",
    "NEURONS",
    "SURROGATES",
    "Activity",
    "LIFDynamics",
    "MembraneGrid",
    "MembraneQuantizer",
    "SpikingNeuron",
    "ThresholdCentredGrid",
    "Timeline",
    "quantise_membrane",
    "record_activity",
    "spike",
    "spiking_neurons",
]
