"""How a membrane is stored and how its gradient passes: the choices that a study file names in one word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from cost_models import FULL_PRECISION, TERNARY, InputError, Registry, check_bits
from dse.neurons.membrane import MembraneGrid
from dse.neurons.threshold_centred import ThresholdCentredGrid

Grid: TypeAlias = MembraneGrid | ThresholdCentredGrid


@dataclass(frozen=True, slots=True)
class MembraneQuantizer:
    """A grid from bit width, threshold and the unit of the layer's weights, and the name of its gradient.

    ``shares_scale`` says that the grid needs that unit: the value of weight code 1 (None where weights are floats).
    """

    grid: Callable[[float, float, float | None], Grid | None]
    gradient: str
    description: str
    source: str
    shares_scale: bool = False


def shared_grid(bits: float, threshold: float, unit: float | None) -> MembraneGrid | None:
    """Integer multiples of the weights' own unit, 2^(b-1) - 1 on each side of zero (1.58 and 2 bits: one each side).

    Until the unit is known (before the first pass of a network under compression) nothing is rounded. MINT's public
    code rounds the membrane after reset and leak; here, as with every grid, it is rounded after the reset, and the next
    step takes the leak of what is stored.

    >>> shared_grid(4, 1.0, 0.25).levels[0], shared_grid(2, 1.0, 0.25).levels
    (-1.75, (-0.25, 0.0, 0.25))
    """
    bits = check_bits("membrane_bits", bits)
    if bits == FULL_PRECISION or unit is None:
        return None
    if bits == 1:
        raise InputError(
            "membrane_bits is 1; the quantizer 'shared_scale' has signed levels and needs 1.58 bits or more"
        )
    count = 1 if bits == TERNARY else 2 ** (int(bits) - 1) - 1
    return MembraneGrid(-count * unit, count * unit, unit)


MEMBRANE_QUANTIZERS: Registry[MembraneQuantizer] = Registry(
    "membrane quantizer",
    {
        "stacked": MembraneQuantizer(
            lambda bits, threshold, unit: MembraneGrid.of(bits, threshold),
            "stacked",
            "evenly spaced levels up to the threshold, stacked surrogate gradient times the level step",
            "SpQuant-SNN, Frontiers in Neuroscience 18, 2024; the factor for grids finer than 1 is ours",
        ),
        "straight_through": MembraneQuantizer(
            lambda bits, threshold, unit: MembraneGrid.of(bits, threshold),
            "straight_through",
            "the same levels, gradient passed on unchanged",
            "Bengio et al. 2013 (straight-through estimator)",
        ),
        "threshold_centred": MembraneQuantizer(
            lambda bits, threshold, unit: ThresholdCentredGrid.of(bits, threshold),
            "straight_through",
            "levels that crowd at the threshold, gradient passed on unchanged",
            "after snnTorch's state_quant (SQUAT, 2024); the levels are ours",
        ),
        "shared_scale": MembraneQuantizer(
            shared_grid,
            "straight_through",
            "multiples of the scale of the weights that feed the neuron, gradient passed on unchanged",
            "MINT, ASP-DAC 2024; rounded before the leak, which is ours",
            shares_scale=True,
        ),
    },
)
