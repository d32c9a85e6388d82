"""The contract of a pruning method: four verbs, called by compression and by the training loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn
from torch.nn.utils import parametrize

from cost_models import Configuration, HardwareProfile, Workload
from dse.quantizers import QuantizedWeight
from studies import DesignSpace

#: What a method that does not prune removes as a unit: whatever the ratios of a trial say, they count as 0.
NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where training stands: ``step`` of ``steps`` is being taken (from 0); ``loss`` is the task loss of that step.

    ``weight_decay`` is the L2 coefficient that the optimiser adds to the gradients by itself.
    """

    step: int
    steps: int
    steps_per_epoch: int
    loss: float
    weight_decay: float = 0.0

    @property
    def share(self) -> float:
        """Share of the training that is done after this step, in (0, 1]."""
        return (self.step + 1) / self.steps


@dataclass(frozen=True, slots=True)
class LayerWeight:
    """The weight tensor of one layer: the parameter ``name`` of ``module``, with whatever is registered on it."""

    module: nn.Module
    name: str = "weight"

    @property
    def trained(self) -> Tensor:
        """The tensor that the optimiser moves, below any mask and quantiser."""
        if not parametrize.is_parametrized(self.module, self.name):
            return self.effective
        original: Tensor = self.module.parametrizations[self.name].original  # type: ignore[union-attr,index]
        return original

    @property
    def effective(self) -> Tensor:
        """The tensor that the layer computes with: masked and rounded."""
        weight: Tensor = getattr(self.module, self.name)
        return weight

    def register(self, parametrisation: nn.Module) -> None:
        """Put ``parametrisation`` onto the weight, behind those that are there already."""
        parametrize.register_parametrization(self.module, self.name, parametrisation)

    def make_plain(self) -> None:
        """Replace the weight by its present effective values, and take all parametrisations off."""
        if parametrize.is_parametrized(self.module, self.name):
            parametrize.remove_parametrizations(self.module, self.name, leave_parametrized=True)


class PruningMethod(ABC):
    """Realises the pruning ratios of a configuration during one training; holds the state of that one training.

    The order of calls: :meth:`plan`, :meth:`attach` and :meth:`attach_rounding` once; for every step :meth:`penalty`
    before the backward pass and :meth:`update` after it (gradients are there, the optimiser has not moved yet);
    :meth:`settle` once.

    The ratios of the configuration are met exactly. Where ``learns_ratios`` is set (by an option of the method), they
    are the most that each layer may lose instead, and the method finds how much it does; the costs of what was asked
    are then lower bounds of what the trained network costs.

    ``granularity`` is what is removed as a unit. A method with "channel" silences whole output channels, so that
    nothing comes out of them (not even the shift of a norm): they are priced as absent
    (:mod:`cost_models.channel_removal`).

    A method that removes nothing says so with ``prunes``: where it is one of several that a trial may have, the ratios
    of its trials count as 0; where it is the only one, a space with other ratios is refused.
    """

    prunes: ClassVar[bool] = True
    granularity: str = "weight"
    learns_ratios: bool = False
    description: ClassVar[str] = ""
    source: ClassVar[str] = ""

    def check_space(self, workload: Workload, space: DesignSpace) -> None:
        """Raise :class:`cost_models.InputError` for ratios in ``space`` that this method can never realise."""
        return

    def bind(self, workload: Workload) -> None:
        """Told the network's workload before :meth:`attach`, for methods that ask how its layers hang together."""
        return

    def plan(self, configuration: Configuration, workload: Workload, hardware: HardwareProfile) -> Configuration:
        """The configuration that is really trained for the one asked for: the same, unless a method moves ratios."""
        return configuration

    @abstractmethod
    def attach(self, network: nn.Module, layers: Mapping[str, LayerWeight], configuration: Configuration) -> None:
        """Put masks and trainable auxiliaries onto ``layers``, the weights to compress by the name of their budget.

        What is registered on a weight runs before the quantiser.
        """

    def attach_rounding(self, rounding: Mapping[str, QuantizedWeight]) -> None:
        """Called after :meth:`attach` with what rounds the weight of each layer that is rounded.

        A method that rounds in its own way switches it off until it is needed.
        """
        return

    @property
    def masks_final(self) -> bool:
        """Whether the masks are chosen for good, so that from here on the pruned network is retrained."""
        return False

    def penalty(self) -> Tensor | None:
        """What is added to the loss of this step; None for nothing."""
        return None

    def update(self, progress: Progress) -> None:
        """Move masks, multipliers and own parameters after the backward pass of one step."""
        return

    def own_parameters(self) -> tuple[nn.Parameter, ...]:
        """Parameters inside the network that the method moves itself in :meth:`update`; the optimiser leaves them."""
        return ()

    @abstractmethod
    def settle(self) -> None:
        """Make the masks final; from here on what is registered on the weights gives real zeros."""

    @abstractmethod
    def removed(self) -> dict[str, int]:
        """How many weights of each layer are removed, by name."""

    def metrics(self) -> dict[str, float]:
        """What the method tells of its training after :meth:`settle`, by name, for the trial's measurements."""
        return {}
