"""What ADMM and SLR share: the weights are split from sparse copies of them, which a quadratic penalty pulls together.

minimise f(W) subject to W = Z and Z sparse. Both methods train W on f(W) + rho/2 ||W - Z + U||^2, project it onto the
sparse tensors now and then, and move scaled multipliers U by their own rule. In the end the weights are pruned hard,
and trained on with fixed masks.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from cost_models import Configuration, InputError
from dse.pruning.masked import MaskedPruning
from dse.pruning.method import LayerWeight, Progress
from dse.pruning.schedule import Ramp
from dse.pruning.selection import removed_count, smallest

Tensors = dict[str, Tensor]


def sparse_projection(tensor: Tensor, removed: int) -> Tensor:
    """The nearest tensor with ``removed`` zeros: the smallest entries in size are set to zero, the others stay.

    >>> sparse_projection(torch.tensor([0.5, -2.0, 1.0]), 1)
    tensor([ 0., -2.,  1.])
    """
    return tensor.masked_fill(smallest(tensor.abs(), removed), 0.0)


def quadratic_penalty(weights: Mapping[str, Tensor], targets: Mapping[str, Tensor], rho: float) -> Tensor:
    """rho/2 x the sum over layers of ||W - target||^2; the target of a layer is Z - U."""
    return 0.5 * rho * torch.stack([(weights[name] - target).square().sum() for name, target in targets.items()]).sum()


class SplitPruning(MaskedPruning):
    """The common course: split training for the share ``splitting`` of the training, hard pruning, masked retraining.

    ``updates`` is the number of projections and multiplier updates, evenly spaced; the last one is the hard pruning by
    magnitude. ``rho`` is the weight of the penalty.
    """

    def __init__(self, where: str, rho: float, splitting: float, updates: int) -> None:
        if isinstance(rho, bool) or not isinstance(rho, int | float) or not 0.0 < rho < float("inf"):
            raise InputError(f"{where}: rho is {rho!r}; it is a finite number above 0")
        self.rho = float(rho)
        self._ramp = Ramp(where, splitting, updates, key="splitting")
        self._copies: Tensors = {}
        self._scaled: Tensors = {}

    def attach(self, network: nn.Module, layers: Mapping[str, LayerWeight], configuration: Configuration) -> None:
        """Put a mask of ones onto every layer that loses weights; their sparse copies start as the projections."""
        super().attach(network, layers, configuration)
        self._start_split()

    def penalty(self) -> Tensor | None:
        """The quadratic term while the weights are split."""
        if self._masks.frozen or not self._copies:
            return None
        targets = {name: copy - self._scaled[name] for name, copy in self._copies.items()}
        return quadratic_penalty(self._trained(), targets, self.rho)

    def update(self, progress: Progress) -> None:
        """Project and move the multipliers when it is time; prune hard at the end of the splitting."""
        self._saw(progress)
        reached = self._ramp.advance(progress.share)
        if reached is None:
            return
        if reached < 1.0:
            self._iterate(reached)
        else:
            self._prune_hard()

    def settle(self) -> None:
        """Prune hard if the training ended before the splitting did."""
        if not self._masks.frozen:
            self._prune_hard()

    @abstractmethod
    def _iterate(self, share: float) -> None:
        """One outer iteration: new sparse copies and multipliers; ``share`` of the splitting is done."""

    def _saw(self, progress: Progress) -> None:
        """Keep what a multiplier rule needs to know of a step."""
        return

    def _start_split(self) -> None:
        """Begin (again) with the projections of the present weights and no multipliers."""
        self._copies = {name: self._project(name, weight.detach()) for name, weight in self._trained().items()}
        self._scaled = {name: torch.zeros_like(copy) for name, copy in self._copies.items()}

    def _trained(self) -> Tensors:
        """The weights of the layers to prune; those that a partial pruning has removed already are zero."""
        return {name: self._masks.there(name) for name in self._masks.pruned}

    def _ratio(self, layer: str) -> float:
        """The ratio that the sparse copy of a layer has at present."""
        return self._masks.ratios[layer]

    def _project(self, layer: str, tensor: Tensor) -> Tensor:
        return sparse_projection(tensor, removed_count(tensor.numel(), self._ratio(layer)))

    def _prune_hard(self) -> None:
        self._masks.remove_smallest(self._masks.size_of_kept)
        self._masks.freeze()
        self._copies, self._scaled = {}, {}
