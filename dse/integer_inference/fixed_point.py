"""The fixed-point variant: two constants a channel and one threshold a layer instead of tables.

``U = leak x V + A x sum + B`` in whole numbers of 2^-f; a neuron fires where ``U`` is above the threshold's integer;
levels are a shift and a clamp. A network that was trained with float constants does something else once they are
rounded, so they are rounded first and the weights are trained further under them (:func:`train_with_constants`); the
float network that results and the integers then agree bit for bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from dse.datasets import Samples
from dse.integer_inference.chain import NotExactError
from dse.integer_inference.exact_sum import EXACT_BELOW, ExactSum
from dse.neurons import MembraneGrid
from dse.neurons.dynamics import LIFDynamics
from dse.tasks import TrainingLoss
from dse.training import Schedule, train

#: Fractional bits of leak and threshold at most; more could not be told apart in the sums that are left.
MOST_FRACTION_BITS = 20


@dataclass(frozen=True, slots=True, eq=False)
class FixedPoint:
    """What a layer of neurons does with an integer sum, without a table.

    All numbers are multiples of 2^-f, f the layer's own: ``gain`` and ``offset`` (int32, one a channel), ``threshold``,
    and the grid's ``step``, a power of two. The membrane is kept as the number of steps from zero, from ``lowest`` to
    ``highest``; ``leak`` is a multiple of 2^-leak_bits, so everything else is shifted up by as much before it is added.
    """

    gain: npt.NDArray[np.int32]
    offset: npt.NDArray[np.int32]
    threshold: int
    leak: int
    leak_bits: int
    step_bits: int
    lowest: int
    highest: int
    soft: bool
    fraction_bits: int

    @property
    def start(self) -> int:
        """The number of the membrane's zero."""
        return 0

    def stored(self, levels: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
        """The levels as the float network knows them."""
        return np.ldexp(levels.astype(np.float32), self.step_bits - self.fraction_bits)


def fixed_point(path: str, layer: ExactSum, dynamics: LIFDynamics) -> FixedPoint:
    """The whole numbers behind a layer with rounded constants; raises :class:`NotExactError` where there are none."""
    grid = dynamics.grid
    if not isinstance(grid, MembraneGrid) or dynamics.membrane_mask != "none":
        raise NotExactError(
            f"the neurons behind layer {path!r} have no fixed-point form: it knows evenly spaced levels without a mask"
        )
    constants = torch.cat([layer.scale, layer.shift]).double()
    bits = [_fraction_bits(float(number)) for number in (*constants, dynamics.threshold, grid.step)]
    leak_bits = _fraction_bits(dynamics.leak)
    fraction = None if None in bits or leak_bits is None else max(max(bit for bit in bits if bit is not None), 1)
    if fraction is None or leak_bits is None or math.frexp(grid.step)[0] != 0.5:
        raise NotExactError(
            f"the neurons behind layer {path!r} have no fixed-point form: leak {dynamics.leak}, threshold "
            f"{dynamics.threshold} and level step {grid.step} are to be short binary fractions, the step a power of two"
        )
    one = 1 << fraction
    reach = layer.codes.double().abs().flatten(1).sum(1) * layer.largest_input * layer.scale.double().abs()
    most = float((reach + layer.shift.double().abs()).max()) + max(-grid.lowest, grid.highest)
    if most * one * (1 << leak_bits) >= EXACT_BELOW:
        raise NotExactError(f"the currents of layer {path!r} are too large for {fraction} fractional bits in float32")
    channels = len(layer.codes)
    gain, offset = (
        torch.round(part.double() * one).to(torch.int32).expand(channels).numpy() for part in (layer.scale, layer.shift)
    )
    return FixedPoint(
        gain=gain,
        offset=offset,
        threshold=round(dynamics.threshold * one),
        leak=round(dynamics.leak * (1 << leak_bits)),
        leak_bits=leak_bits,
        step_bits=round(math.log2(grid.step * one)),
        lowest=round(grid.lowest / grid.step),
        highest=round(grid.highest / grid.step),
        soft=dynamics.reset == "soft",
        fraction_bits=fraction,
    )


def _fraction_bits(number: float) -> int | None:
    """The fewest fractional bits that hold the number exactly; None for more than a layer can have."""
    return next((bits for bits in range(MOST_FRACTION_BITS + 1) if (number * 2.0**bits).is_integer()), None)


def train_with_constants(
    network: nn.Module, samples: Samples, schedule: Schedule, *, loss: TrainingLoss, seed: int
) -> None:
    """Train the weights of a network in its exact form further, in place; its scales, shifts and codebooks stay.

    Each weight moves between the codes of its layer with a straight-through gradient; weights at zero stay there.
    """
    layers = [module for module in network.modules() if isinstance(module, ExactSum)]
    for layer in layers:
        layer.follow_weight(True)
    try:
        train(network, samples, schedule, loss=loss, seed=seed)
    finally:
        for layer in layers:
            layer.follow_weight(False)
