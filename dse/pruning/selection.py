"""What all pruning methods share in numbers: how many weights go, and which ones."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cost_models.operations import removed_units


def removed_count(weights: int, pruning_ratio: float) -> int:
    """How many of ``weights`` a pruning ratio removes, by the rule that prices them: never all of them.

    >>> removed_count(100, 0.955), removed_count(9, 0.95)
    (96, 8)
    """
    return int(removed_units(np.array(float(weights)), np.array(pruning_ratio)))


def smallest(scores: Tensor, count: int) -> Tensor:
    """Which ``count`` entries have the smallest scores: a boolean tensor of the same shape with exactly that many True.

    Among equal scores the first ones in memory order are taken, so the choice does not depend on the machine.

    >>> smallest(torch.tensor([3.0, 1.0, 1.0, 0.0]), 2)
    tensor([False,  True, False,  True])
    """
    if count <= 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    flat = scores.detach().reshape(-1)
    threshold = flat.kthvalue(count).values
    chosen = flat < threshold
    ties = (flat == threshold).nonzero().squeeze(1)
    chosen[ties[: count - int(chosen.sum())]] = True
    return chosen.reshape(scores.shape)
