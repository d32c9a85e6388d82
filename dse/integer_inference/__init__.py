"""Integer-only inference: a trained network run with integer codes, levels and thresholds, spike for spike the same."""

from dse.integer_inference.chain import NotExactError
from dse.integer_inference.comparison import Differences, compare
from dse.integer_inference.exact_form import InputCodes, make_exact
from dse.integer_inference.fixed_point import train_with_constants
from dse.integer_inference.network import IntegerNetwork

__all__ = [
    "Differences",
    "InputCodes",
    "IntegerNetwork",
    "NotExactError",
    "compare",
    "make_exact",
    "train_with_constants",
]
