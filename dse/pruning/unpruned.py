"""No pruning: for studies of bit widths and time steps alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import nn

from cost_models import Configuration, InputError
from dse.pruning.method import LayerWeight, PruningMethod


class NoPruning(PruningMethod):
    """Keeps every weight, and refuses a configuration that asks for anything else."""

    description: ClassVar[str] = "keeps every weight"
    source: ClassVar[str] = ""
    prunes: ClassVar[bool] = False

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()

    def attach(self, network: nn.Module, layers: Mapping[str, LayerWeight], configuration: Configuration) -> None:
        """Check that nothing is to be removed; raises :class:`InputError` otherwise."""
        for name in layers:
            ratio = configuration[name].pruning_ratio
            if ratio > 0.0:
                raise InputError(f"{name}: pruning_ratio is {ratio}, but method.pruning is 'none'; choose another or 0")
        self._names = tuple(layers)

    def settle(self) -> None:
        """Nothing to make final."""

    def removed(self) -> dict[str, int]:
        """Zero for each layer."""
        return dict.fromkeys(self._names, 0)
