"""Weight quantisers, and the table of those that can be named. The membrane's grid belongs to the neuron."""

from cost_models import Registry
from dse.quantizers.equal_distance import EqualDistanceQuantizer
from dse.quantizers.mint import MintQuantizer
from dse.quantizers.power_of_two import PowerOfTwoQuantizer
from dse.quantizers.quantizer import IntegerWeights, QuantizedWeight, WeightQuantizer
from dse.quantizers.sawb import SAWBQuantizer
from dse.quantizers.ternary import TernaryQuantizer
from dse.quantizers.uniform import UniformQuantizer

WEIGHT_QUANTIZERS: Registry[type[WeightQuantizer]] = Registry(
    "weight quantizer",
    {
        "uniform": UniformQuantizer,
        "equal_distance": EqualDistanceQuantizer,
        "ternary": TernaryQuantizer,
        "sawb": SAWBQuantizer,
        "power_of_two": PowerOfTwoQuantizer,
        "mint": MintQuantizer,
    },
)

__all__ = [
    "WEIGHT_QUANTIZERS",
    "EqualDistanceQuantizer",
    "IntegerWeights",
    "MintQuantizer",
    "PowerOfTwoQuantizer",
    "QuantizedWeight",
    "SAWBQuantizer",
    "TernaryQuantizer",
    "UniformQuantizer",
    "WeightQuantizer",
]
