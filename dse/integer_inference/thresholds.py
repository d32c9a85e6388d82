"""Integer threshold tables of spiking neurons, found by asking the float rule itself.

For a channel and a stored level the float rule is a function of one integer, the sum of the layer; "does it fire" and
"is at least level k stored" change once along it. Where they change is found by the very operations of the float
network: first the least current (by bisection over all float32 numbers), then the least sum that gives it (all sums
that can occur are tried). So the tables repeat the float network whatever the batch norm, ties included.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dse.integer_inference.exact_sum import ExactSum
from dse.neurons.dynamics import LIFDynamics, lif_step

#: The position of the largest finite float32 among all of them, counted from 0.0.
LARGEST_FLOAT = 0x7F7FFFFF
Thresholds = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class ThresholdTable:
    """What a layer of neurons does with an integer sum; all arrays are int32 and never changed.

    ``sums[c]`` are the sums, rising, at which something changes in channel c; the other arrays are positions in it and
    shared by all channels, as a current that matters is the same for all of them. Levels are numbered from the lowest,
    ``start`` is the number of the membrane's zero. A neuron of channel c with the stored level v fires from
    ``sums[c, fire[v]]`` on; a silent one stores level k + 1 or more from ``sums[c, keep[v, k]]`` on; after a spike
    level ``reset`` is stored, or, with a soft reset, the level that ``after[v, k]`` says in the same way (``after`` is
    empty with a hard reset). What never happens has a sum that cannot occur. ``values`` are the levels in float32.
    """

    sums: Thresholds
    fire: Thresholds
    keep: Thresholds
    after: Thresholds
    reset: int
    start: int
    values: npt.NDArray[np.float32]

    def stored(self, levels: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
        """The levels as the float network knows them."""
        return self.values[levels]

    @property
    def levels(self) -> int:
        """Number of levels."""
        return len(self.values)


def threshold_table(layer: ExactSum, dynamics: LIFDynamics) -> tuple[ThresholdTable, npt.NDArray[np.bool_]]:
    """The table of the neurons behind ``layer``, and which channels have their sum's sign flipped (negative scales)."""
    assert dynamics.grid is not None
    levels = dynamics.grid.quantise(torch.tensor(dynamics.grid.levels, dtype=torch.float32))
    codes = layer.codes.double().flatten(1)
    channels = len(codes)
    flipped = (layer.scale < 0).expand(channels)
    sign = torch.where(flipped, -1.0, 1.0)
    signed = codes * sign.double().unsqueeze(1)
    lowest, highest = ((signed.clamp(*side).sum(dim=1) * layer.largest_input).long() for side in ((None, 0), (0, None)))
    wanted = _wanted_currents(levels, dynamics)
    currents = torch.unique(torch.cat([least.flatten() for least in wanted]))
    fire, keep, after = (torch.searchsorted(currents, least.contiguous()).numpy().astype(np.int32) for least in wanted)
    changes = []
    for channel in range(channels):
        sums = torch.arange(int(lowest[channel]), int(highest[channel]) + 1)
        caused = layer.from_sums((sums * sign[channel]).to(torch.float32), channel)
        changes.append(torch.searchsorted(caused, currents) + lowest[channel])
    start = int(torch.searchsorted(levels, dynamics.grid.quantise(torch.zeros(1))))
    table = ThresholdTable(
        torch.stack(changes).numpy().astype(np.int32), fire, keep, after, start, start, levels.numpy()
    )
    return table, flipped.numpy()


def _wanted_currents(levels: Tensor, dynamics: LIFDynamics) -> tuple[Tensor, Tensor, Tensor]:
    """The least float32 current at which a neuron with stored level v fires; stores k + 1 silent; and after a spike.

    Shapes (L,), (L, L - 1) and the same, or (L, 0) with a hard reset; infinite for never.
    """
    count = len(levels)
    kth = torch.arange(1, count)

    def fires(ordered: Tensor) -> Tensor:
        return lif_step(_float_at(ordered), levels, dynamics)[0] > 0

    def reaches(ordered: Tensor) -> Tensor:
        stored = lif_step(_float_at(ordered), levels.unsqueeze(1).expand(ordered.shape), dynamics)[1]
        return torch.searchsorted(levels, stored.contiguous()) >= kth

    never = torch.full((count,), LARGEST_FLOAT + 1)
    fire = first_true(fires, -never, never)
    wide = (count, len(kth))
    below, above = (-never).unsqueeze(1).expand(wide), never.unsqueeze(1).expand(wide)
    firing = fire.unsqueeze(1).expand(wide)
    keep = first_true(reaches, below, firing)
    after = (
        first_true(reaches, firing, above) if dynamics.reset == "soft" else torch.zeros((count, 0), dtype=torch.int64)
    )
    return _float_at(fire), _float_at(keep), _float_at(after)


def _float_at(ordered: Tensor) -> Tensor:
    """The float32 numbers in order, by whole numbers: 0 is 0.0, 1 the least above it, -1 the greatest below it."""
    return ordered.abs().to(torch.int32).view(torch.float32) * ordered.sign()


def first_true(question: Callable[[Tensor], Tensor], low: Tensor, high: Tensor) -> Tensor:
    """The smallest whole number from ``low`` up to, but not including, ``high`` with a yes; ``high`` if there is none.

    Tensors of one shape; the answer to ``question`` changes at most once, from no to yes.

    >>> first_true(lambda x: x * x >= 50, torch.tensor([0, 8, 0]), torch.tensor([100, 100, 7]))
    tensor([8, 8, 7])
    """
    low, high = low.clone(), high.clone()
    while bool((low < high).any()):
        middle = torch.div(low + high, 2, rounding_mode="floor")
        yes = question(middle)
        undecided = low < high
        high = torch.where(undecided & yes, middle, high)
        low = torch.where(undecided & ~yes, middle + 1, low)
    return low
