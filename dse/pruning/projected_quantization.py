"""ADMM-NN's quantisation of the weights that pruning has left: pulled to the levels, then fixed little by little."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from cost_models import FULL_PRECISION, Configuration
from dse.pruning.method import LayerWeight
from dse.pruning.schedule import Ramp
from dse.pruning.splitting import Tensors, quadratic_penalty
from dse.quantizers import QuantizedWeight

#: Of the weights that are not fixed yet, the share that a round fixes on each level: the authors' code.
FIXED_IN_A_ROUND = 0.3
#: Parts of the time after the pruning: float retraining with masks, then ADMM, then fixing (an even split is ours).
RETRAINING, PULLING, FIXING = 1 / 3, 1 / 3, 0.3
UPDATES, ROUNDS = 10, 8


class PartlyFixed(nn.Module):
    """The parametrisation that holds some weights at given values: they get no gradient, the others are trained on."""

    fixed: Tensor
    values: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("fixed", torch.zeros_like(weight, dtype=torch.bool))
        self.register_buffer("values", torch.zeros_like(weight))

    def forward(self, weight: Tensor) -> Tensor:
        """The weight with its fixed entries at their values."""
        return torch.where(self.fixed, self.values, weight)


def nearest_of(grid: Tensor, weight: Tensor) -> Tensor:
    """The entry of the ascending ``grid`` nearest to each weight.

    >>> nearest_of(torch.tensor([-1.0, 1.0, 2.0]), torch.tensor([0.2, 1.4, 9.0]))
    tensor([1., 1., 2.])
    """
    return grid[torch.bucketize(weight, (grid[1:] + grid[:-1]) / 2)]


def fixed_next(weight: Tensor, free: Tensor, grid: Tensor, share: float) -> Tensor:
    """Which of the ``free`` weights are fixed in this round: on each level the given share of those nearest to it.

    At least one of each level that has any, so that rounds end.
    """
    nearest = nearest_of(grid, weight)
    distance = (weight - nearest).abs()
    chosen = torch.zeros_like(free)
    for level in grid:
        here = free & (nearest == level)
        count = int(here.sum())
        if count:
            limit = distance[here].kthvalue(max(1, round(share * count))).values
            chosen |= here & (distance <= limit)
    return chosen


class ProjectedQuantization:
    """The state of the quantising pass, after the pruning; ``share`` counts from there to the end of the training.

    A weight of exactly zero is a removed one and stays so. The grid of a layer is taken from its quantiser when fixing
    begins, and does not move any more.
    """

    def __init__(self) -> None:
        self._layers: dict[str, LayerWeight] = {}
        self._held: dict[str, PartlyFixed] = {}
        self._rounding: Mapping[str, QuantizedWeight] = {}
        self._pulling = Ramp("method.admm", 1.0, UPDATES)
        self._fixing = Ramp("method.admm", 1.0, ROUNDS)
        self._copies: Tensors = {}
        self._scaled: Tensors = {}
        self._grids: Tensors = {}

    def attach(self, layers: Mapping[str, LayerWeight], configuration: Configuration) -> None:
        """Put a place for fixed values onto every layer that is rounded, behind its mask."""
        for name, layer in layers.items():
            if configuration[name].weight_bits < FULL_PRECISION:
                self._held[name] = PartlyFixed(layer.trained.detach())
                layer.register(self._held[name])
                self._layers[name] = layer

    def start(self, rounding: Mapping[str, QuantizedWeight]) -> None:
        """The pruning is done; ``rounding`` is what rounds each layer, switched off."""
        self._rounding = rounding

    def penalty(self, rho: float) -> Tensor | None:
        """rho/2 ||W - Z + U||^2 over the weights that are there, while they are pulled to the levels."""
        if not self._copies:
            return None
        weights = {name: self._layers[name].effective for name in self._copies}
        return quadratic_penalty(weights, {n: copy - self._scaled[n] for n, copy in self._copies.items()}, rho)

    def update(self, share: float) -> None:
        """Go on to what is due at this share of the time after the pruning."""
        if share <= RETRAINING:
            return
        if self._pulling.advance(min((share - RETRAINING) / PULLING, 1.0)) is not None:
            self._pull()
        if share > RETRAINING + PULLING:
            done = self._fixing.advance(min((share - RETRAINING - PULLING) / FIXING, 1.0))
            if done is not None:
                self._fix(1.0 if done == 1.0 else FIXED_IN_A_ROUND)

    def settle(self) -> None:
        """Fix whatever is not fixed yet."""
        self._fix(1.0)

    def _pull(self) -> None:
        """Z is the projection of W + U onto the levels (of its own best scale), then U grows by W - Z."""
        for name, quantized in self._rounding.items():
            weight = self._layers[name].effective.detach()
            there = weight != 0.0
            before = self._scaled.get(name, torch.zeros_like(weight))
            target = torch.where(there, weight + before, 0.0)
            copy = quantized.quantizer.to_integers(target, quantized.bits).values
            self._copies[name], self._scaled[name] = copy, torch.where(there, before + weight - copy, 0.0)

    def _fix(self, share: float) -> None:
        self._copies, self._scaled = {}, {}
        for name, quantized in self._rounding.items():
            held, weight = self._held[name], self._layers[name].effective.detach()
            if name not in self._grids:
                values = quantized.quantizer.to_integers(weight, quantized.bits).values
                self._grids[name] = torch.unique(values[weight != 0.0])
            free = (weight != 0.0) & ~held.fixed
            chosen = fixed_next(weight, free, self._grids[name], share) if len(self._grids[name]) else free
            held.values.copy_(torch.where(chosen, nearest_of(self._grids[name], weight), held.values))
            held.fixed |= chosen
