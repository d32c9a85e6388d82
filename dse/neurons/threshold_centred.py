"""A membrane grid that is finest where the decision falls: levels crowd together at the threshold."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cost_models import FULL_PRECISION, TERNARY, check_bits


@dataclass(frozen=True, slots=True)
class ThresholdCentredGrid:
    """Levels at distances from the threshold that form a geometric series; zero and the threshold are levels.

    2^b levels: the threshold itself, and below it the distances threshold x 2^((b - 1) j / h) for j from -h to h with
    h = 2^(b-1) - 1, so that j = 0 is the level zero. 1.58 bits: {-1, 0, 1} x threshold, as there is nothing to crowd.
    The idea is that of snnTorch's ``state_quant`` with ``thr_centered`` (SQUAT, 2024), whose own levels leave out zero;
    the series with an exact zero is ours.

    >>> ThresholdCentredGrid.of(2).levels
    (-1.0, 0.0, 0.5, 1.0)
    """

    levels: tuple[float, ...]

    @classmethod
    def of(cls, bits: float, threshold: float = 1.0) -> ThresholdCentredGrid | None:
        """The grid of a bit width; ``None`` for 32 bits, where nothing is rounded. Raises ``InputError`` as others."""
        bits = check_bits("membrane_bits", bits)
        if bits == FULL_PRECISION:
            return None
        if bits == TERNARY:
            return cls((-threshold, 0.0, threshold))
        half = 2 ** (int(bits) - 1) - 1
        distances = [2.0 ** ((bits - 1) * place / max(half, 1)) for place in range(half, -half - 1, -1)]
        return cls((*(threshold * (1.0 - distance) for distance in distances), threshold))

    @property
    def lowest(self) -> float:
        """The lowest level."""
        return self.levels[0]

    @property
    def highest(self) -> float:
        """The highest level, the threshold."""
        return self.levels[-1]

    @property
    def count(self) -> int:
        """Number of levels."""
        return len(self.levels)

    @property
    def boundaries(self) -> tuple[float, ...]:
        """Where one level ends and the next begins, lowest first: halfway between two neighbours."""
        return tuple((low + high) / 2 for low, high in zip(self.levels, self.levels[1:], strict=False))

    def quantise(self, potential: Tensor) -> Tensor:
        """The nearest level of each potential, ties up, same shape; no gradient of its own.

        >>> ThresholdCentredGrid.of(2).quantise(torch.tensor([-3.0, 0.24, 0.25, 2.0])).tolist()
        [-1.0, 0.0, 0.5, 1.0]
        """
        levels = potential.new_tensor(self.levels)
        return levels[torch.bucketize(potential.detach(), potential.new_tensor(self.boundaries), right=True)]
