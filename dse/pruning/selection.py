"""What all pruning methods share in numbers: how many weights go, and which ones."""

from __future__ import annotations

import torch
from torch import Tensor


def removed_count(weights: int, pruning_ratio: float) -> int:
    """How many of ``weights`` a pruning ratio removes: the nearest whole number, but never all of them.

    >>> removed_count(100, 0.955), removed_count(9, 0.95)
    (96, 8)
    """
    return min(round(pruning_ratio * weights), max(weights - 1, 0))


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
