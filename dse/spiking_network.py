"""Any body with spiking neurons inside, run over time: time folded into the batch, only the neurons know of steps."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor, nn

from cost_models import InputError, unknown_name
from cost_models.errors import check_count
from dse.neurons import LIF, SpikingNeuron, Timeline, spiking_neurons

#: How a spiking network answers: the mean of the last layer's values, or the rate of neurons behind it.
READOUTS = ("logits", "rate")


def with_rate_readout(body: nn.Module, neuron: Callable[..., SpikingNeuron]) -> nn.Sequential:
    """``body`` with a last layer of neurons behind it, called ``readout``."""
    sequence = body if isinstance(body, nn.Sequential) else nn.Sequential(OrderedDict(body=body))
    sequence.add_module("readout", neuron())
    return sequence


class SpikingNetwork(nn.Module):
    """Runs ``body`` over ``time_steps`` steps; its output is the mean over time of what the body gives per step.

    With ``readout`` "rate" a layer of ``neuron`` stands behind the body, as its last module ``readout``, and the output
    is the spike rate of each class; with "logits" the output is the mean of the last layer's values. (A body that is no
    ``nn.Sequential`` then becomes the module ``body`` of one, and its layers are named so.)

    The input is a static frame ``(B, *input_shape)``, shown in every step, or a sequence ``(T, B, *input_shape)``. They
    are told apart by ``input_ndim``, the number of dimensions of ``input_shape``; without it only a tensor of five
    dimensions is a sequence. What comes before the first neuron is computed once for a static frame; from there on the
    body sees ``(T * B, ...)``, time first. ``time_steps`` may be set at any time.
    """

    def __init__(
        self,
        body: nn.Module,
        time_steps: int,
        input_ndim: int | None = None,
        readout: str = "logits",
        neuron: Callable[..., SpikingNeuron] = LIF,
    ) -> None:
        super().__init__()
        if readout not in READOUTS:
            raise InputError(unknown_name("readout", readout, READOUTS))
        self.readout = readout
        self.body = with_rate_readout(body, neuron) if readout == "rate" else body
        self.input_ndim = input_ndim
        self.timeline = Timeline()
        self.time_steps = time_steps
        self._attach()

    @property
    def time_steps(self) -> int:
        """Number of time steps of a pass."""
        return self.timeline.steps

    @time_steps.setter
    def time_steps(self, steps: int) -> None:
        self.timeline.steps = check_count("time_steps", steps, at_least=1)

    def forward(self, x: Tensor) -> Tensor:
        """The mean over time of the body's output, ``(B, K)``."""
        return self.steps(x).mean(dim=0)

    def steps(self, x: Tensor) -> Tensor:
        """The body's output in each step, ``(T, B, K)``."""
        sequence = self._is_sequence(x)
        if sequence and x.shape[0] != self.time_steps:
            raise InputError(
                f"the input is a sequence of {x.shape[0]} time steps; the network is set to {self.time_steps}"
            )
        batch = x.shape[1] if sequence else x.shape[0]
        self.timeline.batch = batch
        self._attach()
        output: Tensor = self.body(x.flatten(0, 1) if sequence else x)
        if not sequence and self.time_steps > 1 and output.shape[0] == batch:
            # No neuron inside: each step gives the same.
            return output.unsqueeze(0).expand(self.time_steps, *output.shape)
        return output.reshape(self.time_steps, batch, *output.shape[1:])

    def _attach(self) -> None:
        # Each pass, so that neurons put in later (a copied or replaced layer) share the time line too.
        for neuron in spiking_neurons(self.body).values():
            neuron.timeline = self.timeline

    def _is_sequence(self, x: Tensor) -> bool:
        if self.input_ndim is None:
            return x.ndim == 5
        if x.ndim not in (self.input_ndim + 1, self.input_ndim + 2):
            raise InputError(
                f"the input has {x.ndim} dimensions; it takes {self.input_ndim + 1}, a batch of samples, "
                f"or {self.input_ndim + 2}, a sequence of batches"
            )
        return x.ndim == self.input_ndim + 2
