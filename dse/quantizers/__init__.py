"""Weight quantisers, and the table of those that can be named. The membrane's grid belongs to the neuron."""

from cost_models import Registry
from dse.quantizers.quantizer import IntegerWeights, QuantizedWeight, WeightQuantizer
from dse.quantizers.uniform import UniformQuantizer

WEIGHT_QUANTIZERS: Registry[type[WeightQuantizer]] = Registry("weight quantizer", {"uniform": UniformQuantizer})

__all__ = ["WEIGHT_QUANTIZERS", "IntegerWeights", "QuantizedWeight", "UniformQuantizer", "WeightQuantizer"]
