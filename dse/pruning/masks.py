"""Masks of weights: put on by every method that removes single weights, chosen by scores, and frozen once for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from cost_models import Configuration
from dse.pruning.method import LayerWeight
from dse.pruning.selection import removed_count, smallest

#: From a layer's name and its trained weight to one score for each weight, of the same shape.
Scores = Callable[[str, Tensor], Tensor]


class WeightMask(nn.Module):
    """The parametrisation that removes weights: ``weight * mask``; ``mask`` holds 0 for a removed one and 1 else."""

    mask: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", torch.ones_like(weight))

    def forward(self, weight: Tensor) -> Tensor:
        """The weight with its removed entries at zero."""
        return weight * self.mask


class MasksAreFrozen(RuntimeError):  # noqa: N818 - reads as what happened
    """Someone tried to choose masks again after they were frozen: a defect of a pruning method."""


def magnitude(layer: str, weight: Tensor) -> Tensor:
    """The plainest scores: |w|."""
    return weight.abs()


class LayerMasks:
    """The masks of one training: those of the layers that lose weights, on their weights from the start.

    ``make`` makes the mask of one weight. Masks start as ones. :meth:`remove_smallest` chooses them anew until
    :meth:`freeze`; from then on they never change, and what follows is the masked retraining: a removed weight gets no
    gradient and stays at zero.
    """

    def __init__(
        self,
        layers: Mapping[str, LayerWeight],
        configuration: Configuration,
        make: Callable[[Tensor], WeightMask] = WeightMask,
    ) -> None:
        self.layers = dict(layers)
        self.ratios = {name: configuration[name].pruning_ratio for name in layers}
        self.frozen = False
        self._masks: dict[str, WeightMask] = {}
        self._ever_removed: dict[str, Tensor] = {}
        for name, layer in layers.items():
            if self.ratios[name] > 0.0:
                mask = make(layer.trained.detach())
                layer.register(mask)
                self._masks[name] = mask
                self._ever_removed[name] = torch.zeros_like(mask.mask, dtype=torch.bool)

    @property
    def pruned(self) -> tuple[str, ...]:
        """The layers that lose weights, in order."""
        return tuple(self._masks)

    def mask(self, layer: str) -> WeightMask:
        """The mask on the weight of one layer."""
        return self._masks[layer]

    def kept(self, layer: str) -> Tensor:
        """Which weights of a layer are there at present: a boolean tensor of the weight's shape."""
        return self._masks[layer].mask != 0.0

    def there(self, layer: str) -> Tensor:
        """The trained weight of a layer, with zeros where it is removed at present."""
        result: Tensor = self._masks[layer](self.layers[layer].trained)
        return result

    def size_of_kept(self, layer: str, weight: Tensor) -> Tensor:
        """Scores: |w| of a weight that is there at present, 0 of one that is removed."""
        return self.there(layer).detach().abs()

    def remove_smallest(self, scores: Scores, ratios: Mapping[str, float] | None = None) -> None:
        """Remove exactly ``ratios`` (those asked for, where not given) of each layer: the weights of smallest score."""
        for name in self.pruned:
            weight = self.layers[name].trained.detach()
            count = removed_count(weight.numel(), (self.ratios if ratios is None else ratios)[name])
            self.remove(name, smallest(scores(name, weight), count))

    def remove(self, layer: str, gone: Tensor) -> None:
        """Remove exactly the weights of ``layer`` where ``gone`` is True, and bring the others back."""
        if self.frozen:
            raise MasksAreFrozen(f"the masks are frozen; layer {layer!r} was to get another one")
        self._masks[layer].mask.copy_(torch.where(gone, 0.0, 1.0))
        self._ever_removed[layer] |= gone

    def freeze(self) -> None:
        """No mask changes from here on."""
        self.frozen = True

    def removed(self) -> dict[str, int]:
        """How many weights of each layer are masked, by name; zero for a layer that loses none."""
        return {name: int((~self.kept(name)).sum()) if name in self._masks else 0 for name in self.layers}

    def recovered_share(self) -> float:
        """Of the weights that were removed at some time, the share that is there now; 0 if none ever was."""
        ever = sum(int(seen.sum()) for seen in self._ever_removed.values())
        back = sum(int((seen & self.kept(name)).sum()) for name, seen in self._ever_removed.items())
        return back / ever if ever else 0.0
