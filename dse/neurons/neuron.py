"""What every spiking neuron shares: the time line it runs on, and the record of its activity."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn

from cost_models import InputError


@dataclass(slots=True)
class Timeline:
    """How many time steps a pass has and how many samples, shared by all neurons of one network.

    Time is folded into the batch, time first: a tensor of ``steps * batch`` rows holds all steps, one of ``batch`` rows
    holds a frame that is the same in each step. ``batch=None`` (a neuron outside a network) takes rows as all steps.
    """

    steps: int = 1
    batch: int | None = None

    def is_static(self, rows: int) -> bool:
        """Whether a tensor with this many rows is one frame for all steps; raises ``InputError`` if it is neither."""
        if rows == self.batch:
            return self.steps > 1
        expected = f"{self.steps} time steps of {self.batch if self.batch is not None else 'as many'} samples"
        if rows != self.steps * self.batch if self.batch is not None else rows % self.steps:
            raise InputError(f"a spiking neuron got {rows} rows; it takes {expected}, time first")
        return False


@dataclass(slots=True)
class Activity:
    """What a neuron emitted while it was recorded: sums, so that batches of any size add up."""

    spikes: float = 0.0
    neuron_steps: int = 0
    nonzero_outputs: int = 0
    outputs: int = 0
    masked: int = 0

    @property
    def masked_share(self) -> float:
        """Share of the currents that a membrane mask left out, over neurons and time steps."""
        return self.masked / self.neuron_steps if self.neuron_steps else 0.0

    @property
    def spike_rate(self) -> float:
        """Mean spikes per neuron per time step, before pooling; 0 where nothing was recorded."""
        return self.spikes / self.neuron_steps if self.neuron_steps else 0.0

    @property
    def output_density(self) -> float:
        """Share of non-zeros in what the neuron emits, after pooling; 0 where nothing was recorded."""
        return self.nonzero_outputs / self.outputs if self.outputs else 0.0

    def add(self, spikes: float, neuron_steps: int, output: Tensor) -> None:
        """Add one pass: the spikes before pooling, how many could have been, and the tensor emitted."""
        self.spikes += spikes
        self.neuron_steps += neuron_steps
        self.nonzero_outputs += int(output.detach().count_nonzero())
        self.outputs += output.numel()


class SpikingNeuron(nn.Module, ABC):
    """A layer of neurons that turns input currents into spikes over all time steps at once.

    Takes ``(T * B, ...)`` currents, time first, or ``(B, ...)`` currents that are the same in each step, and returns
    ``(T * B, ...)`` spikes; T and B come from :attr:`timeline`, which :class:`dse.spiking_network.SpikingNetwork` sets.
    """

    # Lets other parts recognise a neuron, a user's own included, without importing this module.
    is_spiking_neuron = True
    #: Bit width of the stored membrane (:mod:`cost_models.bits`); 32 is off. A compressed network sets it.
    membrane_bits: float

    def __init__(self) -> None:
        super().__init__()
        self.timeline = Timeline()
        self.activity: Activity | None = None

    @abstractmethod
    def forward(self, current: Tensor) -> Tensor:
        """Spikes of all time steps."""


def spiking_neurons(module: nn.Module) -> dict[str, SpikingNeuron]:
    """The spiking neurons inside ``module`` by their path, in the order of definition."""
    return {path: child for path, child in module.named_modules() if isinstance(child, SpikingNeuron)}


@contextmanager
def record_activity(module: nn.Module) -> Iterator[dict[str, Activity]]:
    """Record what the spiking neurons of ``module`` emit inside the ``with`` block, by their path.

    The passes inside add up. Costs a pass over each neuron's output; nothing outside the block.
    """
    neurons = spiking_neurons(module)
    before = {path: neuron.activity for path, neuron in neurons.items()}
    record = {path: Activity() for path in neurons}
    for path, neuron in neurons.items():
        neuron.activity = record[path]
    try:
        yield record
    finally:
        for path, neuron in neurons.items():
            neuron.activity = before[path]
